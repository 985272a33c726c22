"""Is it the right file? Its sha256 says, and a note beside it that it was looked at already."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path

from data.model_files import ModelFile
from router.local.download import Cancelled, OnBytes

_BLOCK = 1 << 20
_log = logging.getLogger(__name__)


def sha256_of(path: Path, cancel: threading.Event, on_bytes: OnBytes = lambda count: None) -> str:
    """The file's sha256 in hexadecimal; `on_bytes` is told how much was read. Raises Cancelled, OSError."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if cancel.is_set():
                raise Cancelled
            digest.update(block)
            done += len(block)
            on_bytes(done)
    return digest.hexdigest()


def marker_of(path: Path) -> Path:
    """The note beside a file that was verified."""
    return path.with_name(path.name + ".verified")


def mark(model: ModelFile, path: Path) -> None:
    """Note that these bytes were verified, so that the next start need not read 1.6 GB again."""
    try:
        marker_of(path).write_text(json.dumps(_as_it_is(model, path)), encoding="utf-8")
    except OSError as error:
        # For instance a folder that somebody else keeps read-only: verified anew at each start.
        _log.info("%s: cannot note that it was verified (%s)", model.name, error)


def is_marked(model: ModelFile, path: Path) -> bool:
    """Whether the file was verified and has not been touched since."""
    try:
        note = json.loads(marker_of(path).read_text(encoding="utf-8"))
        return bool(note == _as_it_is(model, path))
    except (OSError, ValueError):
        return False


def _as_it_is(model: ModelFile, path: Path) -> dict[str, str | int]:
    status = path.stat()
    return {"sha256": model.sha256, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
