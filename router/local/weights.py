"""Weights on disk: there and verified, or fetched from the first source that has the right bytes."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
from filelock import FileLock, Timeout

from data.model_files import HubSource, ModelFile, WheelSource
from data.records import Record
from router.local.download import Cancelled, SourceFailed, held, new_client
from router.local.errors import PULL, ErrorKind, LocalModelError, megabytes, of_folder
from router.local.hub import fetch_from_hub
from router.local.verified import is_marked, mark, marker_of, sha256_of
from router.local.wheels import fetch_from_wheels, leftovers

_log = logging.getLogger(__name__)


class Progress(Record):
    """How far a file is. `source` says where it comes from, or what is being waited for."""

    state: Literal["downloading", "verifying"]
    done_bytes: int
    total_bytes: int
    source: str = ""


OnProgress = Callable[[Progress], None]
Presence = Literal["absent", "partial", "unverified", "verified"]


def path_of(model: ModelFile, folder: Path) -> Path:
    """Where the model's file is or will be."""
    return folder / model.file


def presence(model: ModelFile, folder: Path) -> tuple[Presence, int]:
    """What is there, and how many bytes of it. Looks at names, sizes and times only, so it is quick."""
    path = path_of(model, folder)
    if held(path) == model.bytes:
        return ("verified" if is_marked(model, path) else "unverified"), model.bytes
    arrived = max(held(_part(model, folder, number)) for number in range(len(model.sources)))
    return ("partial", arrived) if arrived else ("absent", 0)


def ensure(
    model: ModelFile,
    folder: Path,
    on_progress: OnProgress = lambda progress: None,
    cancel: threading.Event | None = None,
) -> Path:
    """The verified file, fetched first if it is not there. Blocks; safe in several processes at once.

    Raises LocalModelError (of which Cancelled is one); what has arrived is kept for the next call.
    """
    stop = cancel or threading.Event()
    path = path_of(model, folder)
    if presence(model, folder)[0] == "verified":
        return path
    try:
        # Before the lock: a folder that others filled and keep read-only must do.
        if held(path) == model.bytes and _verify(model, path, path, on_progress, stop):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(model, folder, on_progress, stop):
            if not _verify(model, path, path, on_progress, stop):
                _fetch(model, folder, on_progress, stop)
    except OSError as error:
        raise of_folder(error, folder) from error
    return path


def remove(model: ModelFile, folder: Path) -> int:
    """Delete the model's file and everything that belongs to it; returns the bytes that were freed."""
    path = path_of(model, folder)
    files = [path, marker_of(path), _lock_file(model, folder)]
    for number in range(len(model.sources)):
        files.extend(leftovers(_part(model, folder, number)))
    freed = sum(held(file) for file in files)
    try:
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise of_folder(error, folder) from error
    return freed


def _fetch(model: ModelFile, folder: Path, on_progress: OnProgress, cancel: threading.Event) -> None:
    problems: list[str] = []
    kind: ErrorKind = "network"
    with new_client() as client:
        for number, source in enumerate(model.sources):
            part = _part(model, folder, number)
            try:
                _check_room(model, source, folder, part)
                _fetch_from(model, source, part, client, on_progress, cancel)
            except LocalModelError as error:
                if error.kind != "disk_full" or source is model.sources[-1]:
                    raise
                problem = str(error)
            except SourceFailed as error:
                problem = str(error)
            else:
                if _verify(model, part, path_of(model, folder), on_progress, cancel):
                    _clear_parts(model, folder)
                    return
                _clear(part)
                kind = "wrong_file"
                problem = f"{_called(source)} sent a file whose sha256 is wrong; it was deleted"
            _log.warning("%s: %s", model.name, problem)
            problems.append(problem)
    raise LocalModelError(
        f"{model.label} could not be downloaded: {'; '.join(problems)}. Check the connection (behind a "
        "company's network HTTPS_PROXY, SSL_CERT_FILE, HF_ENDPOINT or PIP_INDEX_URL may be needed) and run "
        f"`{PULL} {model.name}`; it goes on from what has arrived.",
        kind,
    )


def _fetch_from(
    model: ModelFile,
    source: HubSource | WheelSource,
    part: Path,
    client: httpx.Client,
    on_progress: OnProgress,
    cancel: threading.Event,
) -> None:
    def tell(done: int) -> None:
        on_progress(_downloading(model, done, _called(source)))

    tell(held(part))
    if isinstance(source, HubSource):
        fetch_from_hub(model, source, part, client, tell, cancel)
    else:
        fetch_from_wheels(model, source, part, client, tell, cancel)


def _called(source: HubSource | WheelSource) -> str:
    return source.repo if isinstance(source, HubSource) else source.package.replace("{part}", "*")


def _verify(
    model: ModelFile, found: Path, goal: Path, on_progress: OnProgress, cancel: threading.Event
) -> bool:
    """Whether `found` is the model's file; if so it is at `goal` afterwards, marked as verified.

    A file of another length or with another hash at `goal` itself is deleted: it cannot be used.
    """
    if held(found) == 0:
        return False
    if held(found) == model.bytes:
        if found == goal and is_marked(model, goal):
            return True

        def tell(done: int) -> None:
            on_progress(Progress(state="verifying", done_bytes=done, total_bytes=model.bytes))

        if sha256_of(found, cancel, tell) == model.sha256:
            found.replace(goal)
            mark(model, goal)
            return True
    if found == goal:
        goal.unlink()
    return False


def _check_room(model: ModelFile, source: HubSource | WheelSource, folder: Path, part: Path) -> None:
    # Wheels pass through the disk one at a time, about as large as the piece of the file in them.
    passing = model.bytes // source.parts if isinstance(source, WheelSource) else 0
    needed = model.bytes - held(part) + passing
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LocalModelError(
            f"{model.label} needs {megabytes(needed)} more on the disk that holds {folder}, and "
            f"{megabytes(free)} are free. Free some space, or set UPSHIFT_MODELS to a folder elsewhere, "
            f"then run `{PULL} {model.name}`.",
            "disk_full",
        )


@contextmanager
def _locked(
    model: ModelFile, folder: Path, on_progress: OnProgress, cancel: threading.Event
) -> Iterator[None]:
    """Held while a file is fetched, so that two apps do not fetch it at once; waiting can be cancelled."""
    lock = FileLock(_lock_file(model, folder))
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if cancel.wait(0.5):
                raise Cancelled from None
            done = presence(model, folder)[1]
            on_progress(_downloading(model, done, "another Upshift on this machine"))
    try:
        yield
    finally:
        lock.release()


def _downloading(model: ModelFile, done: int, source: str) -> Progress:
    return Progress(state="downloading", done_bytes=done, total_bytes=model.bytes, source=source)


def _part(model: ModelFile, folder: Path, number: int) -> Path:
    """The unfinished file of the source with that number: each has its own, as their bytes may differ."""
    return folder / f"{model.file}.part{number + 1}"


def _lock_file(model: ModelFile, folder: Path) -> Path:
    return folder / f".{model.file}.lock"


def _clear(part: Path) -> None:
    for file in leftovers(part):
        file.unlink(missing_ok=True)


def _clear_parts(model: ModelFile, folder: Path) -> None:
    for number in range(len(model.sources)):
        _clear(_part(model, folder, number))
