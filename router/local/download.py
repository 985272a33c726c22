"""One file over HTTP: goes on where it stopped, says how far it is, can be cancelled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from router.local.errors import LocalModelError

# A hub that cannot be reached must not hold up the next source: seconds, not minutes.
TIMEOUT = httpx.Timeout(15, connect=4)
TRIES_WITHOUT_PROGRESS = 4
PAUSE_S = 1.0
TELL_S = 0.1

OnBytes = Callable[[int], None]


class SourceFailed(Exception):
    """This source cannot give the file; another may."""


class Cancelled(LocalModelError):
    """Whoever asked for the file no longer wants it."""

    def __init__(self) -> None:
        super().__init__("The download was stopped; what has arrived is kept.", "cancelled")


def new_client() -> httpx.Client:
    """A client that follows redirects; proxies and certificates come from the environment."""
    # httpx would log each URL, and an index's URL can hold a password.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.Client(follow_redirects=True, timeout=TIMEOUT, headers={"User-Agent": "upshift"})


def download(
    client: httpx.Client,
    url: str,
    part: Path,
    *,
    size: int | None,
    on_bytes: OnBytes,
    cancel: threading.Event,
) -> None:
    """Fetch `url` into `part`, which may hold the beginning of it already.

    `size` is the file's length in bytes where it is known; a server that offers another length is
    refused before anything is written. `on_bytes` is told the bytes in `part`. A connection that
    breaks is taken up again, PAUSE_S later and twice as long each time that nothing came.

    Raises SourceFailed, Cancelled, and OSError for the disk.
    """
    tries, connected = 0, False
    while True:
        before = held(part)
        if size is not None and before == size:
            return
        try:
            _one_request(client, url, part, size, on_bytes, cancel)
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            unreachable = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            if unreachable and not connected:
                raise SourceFailed(f"{host(url)} cannot be reached ({error})") from error
            problem = error
        else:
            return
        connected = connected or not unreachable
        tries = 0 if held(part) > before else tries + 1
        if tries >= TRIES_WITHOUT_PROGRESS:
            raise SourceFailed(f"{host(url)}: the connection breaks again and again ({problem})") from problem
        if cancel.wait(PAUSE_S * 2**tries):
            raise Cancelled


def _one_request(
    client: httpx.Client, url: str, part: Path, size: int | None, on_bytes: OnBytes, cancel: threading.Event
) -> None:
    start = held(part)
    # Without "identity" a server may compress, and then a Range counts other bytes than ours.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError(
                "the file is shorter than what was here", request=response.request
            )
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise SourceFailed(
                f"{host(url)} answered {response.status_code} {response.reason_phrase}".strip()
            )
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT and _starts_at(response) == start
        if response.status_code == httpx.codes.PARTIAL_CONTENT and not resumed:
            part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("another range came than was asked for", request=response.request)
        offered = _length(response)
        whole = None if offered is None else offered + (start if resumed else 0)
        if size is not None and whole is not None and whole != size:
            raise SourceFailed(f"{host(url)} offers a file of {whole} bytes, not of {size}")
        _write(response, part, "ab" if resumed else "wb", size, on_bytes, cancel)
    if size is not None and held(part) < size:
        raise httpx.RemoteProtocolError("the file ended early", request=response.request)


def _write(
    response: httpx.Response,
    part: Path,
    mode: str,
    size: int | None,
    on_bytes: OnBytes,
    cancel: threading.Event,
) -> None:
    told = 0.0
    with part.open(mode) as file:
        done = file.tell()
        on_bytes(done)
        for block in response.iter_raw():
            if cancel.is_set():
                raise Cancelled
            done += len(block)
            if size is not None and done > size:
                raise SourceFailed(f"{response.url.host} sends more than the {size} bytes of the file")
            file.write(block)
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                on_bytes(done)
        on_bytes(done)


def held(part: Path) -> int:
    """Bytes in `part`, 0 if there is no such file or it cannot be looked at."""
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _starts_at(response: httpx.Response) -> int:
    """Where a partial response begins, -1 if it does not say (RFC 9110, 14.4)."""
    value = response.headers.get("Content-Range", "").removeprefix("bytes ")
    first = value.partition("-")[0]
    return int(first) if first.isdigit() else -1


def _length(response: httpx.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None


def host(url: str) -> str:
    """The part of a URL that may be shown: never its path, query or password."""
    return httpx.URL(url).host or "the source"
