"""Where the browser for the tests is, how it is started, and how a page is served to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools import browser

ROOT = Path(__file__).resolve().parents[2]
# No sandbox: containers have no user namespaces, and only our own pages are opened.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def executable() -> str | None:
    """An installed Chrome or Chromium (`UPSHIFT_BROWSER` names one); None: leave it to Playwright."""
    found = browser.find()
    return str(found) if found else None


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(page: Path, env: Mapping[str, str], log: Path, *, timeout_s: float = 60) -> Iterator[str]:
    """`streamlit run page` on a free port until the block ends; yields its address.

    `log` gets what the server prints. The server has its own process group, which is ended as a
    whole, so that no child of it stays behind.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(page), "--server.port", str(port)]
    command += [
        "--server.address",
        "127.0.0.1",
        "--server.headless",
        "true",
        "--server.fileWatcherType",
        "none",
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(server, address, log, timeout_s)
            yield address
        finally:
            _end(server)


def _wait_until_healthy(server: subprocess.Popen[bytes], address: str, log: Path, timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"The server did not come up:\n{log.read_text(errors='replace')[-4000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """SIGTERM, so that the app can close; then SIGKILL for whatever of its group is left."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
    if hasattr(os, "killpg"):
        try:
            os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nothing was left of it
