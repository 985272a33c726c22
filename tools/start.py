"""Start the app: `make run`. Says where it will be, and what to do when it cannot.

python -m tools.start [--watch]     PORT (8501) and HOST (127.0.0.1) come from the environment
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class CannotStart(RuntimeError):
    """The app cannot be started like this. The text says what to do."""


def address() -> tuple[str, int]:
    """HOST and PORT as asked for. Raises CannotStart."""
    host = os.environ.get("HOST") or "127.0.0.1"
    given = os.environ.get("PORT") or "8501"
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise CannotStart(
            f"PORT is '{given}': it must be a number from 1 to 65535, such as make run PORT=8502"
        )
    return host, int(given)


def check_free(host: str, port: int) -> None:
    """Raise CannotStart, with a way out, if the app could not listen on `host`:`port`."""
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise CannotStart(f"HOST is '{host}', which is no address of this machine ({error})") from error
    problem = _bind(family, place)
    if problem is None:
        return
    if isinstance(problem, PermissionError):
        raise CannotStart(
            f"Port {port} is not allowed for this user. Take one above 1023: make run PORT=8501"
        )
    if _bind(family, (place[0], 0, *place[2:])) is not None:
        raise CannotStart(f"HOST is '{host}', which is no address of this machine. Usual: HOST=127.0.0.1")
    free = next(
        (near for near in range(port + 1, min(port + 50, 65536)) if not _bind(family, (host, near))), 8600
    )
    raise CannotStart(
        f"Port {port} is taken, perhaps by an Upshift that is already running ({url(host, port)}).\n"
        f"Stop that one, or take another port: make run PORT={free}"
    )


def _bind(family: int, place: tuple[object, ...]) -> OSError | None:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # a port whose last user has just gone counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            return error
    return None


def url(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def arguments(host: str, port: int, watch: bool) -> list[str]:
    """What `make run` adds to the word `streamlit`."""
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.fileWatcherType": "auto" if watch else "none",  # a reload would start the models twice
        "server.runOnSave": "true" if watch else "false",
        "server.showEmailPrompt": "false",  # it would wait for an answer at the very first start
        "logger.hideWelcomeMessage": "true",  # which asks the internet for this machine's address
        "browser.gatherUsageStats": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return ["run", "app.py", *flags]


def serve(words: list[str]) -> int:
    """Run Streamlit's command line with `words` until the app ends; returns the exit status, 0 after Ctrl-C.

    In this very process, so that whatever ends it ends the app; called as a function and not with
    `python -m`, since it would answer Ctrl-C with "Aborted!".
    """
    os.chdir(ROOT)
    # As router/__init__.py says, for everything that imports numpy before it: small matrices only.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.argv = ["streamlit", *words]
    command_line = importlib.import_module("streamlit.web.cli")
    stopped = importlib.import_module("click.exceptions").Abort
    try:
        command_line.main(words, standalone_mode=False)
    except (KeyboardInterrupt, stopped):
        print("\nUpshift has ended", flush=True)
    return 0


def main() -> int:
    """Entry point; returns the exit status."""
    try:
        host, port = address()
        check_free(host, port)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"Starting Upshift at {url(host, port)} (Ctrl-C ends it)", flush=True)
    if host not in ("127.0.0.1", "localhost", "::1"):
        print("Anyone who can reach this machine on that port can use it: there is no log-in.", flush=True)
    return serve(arguments(host, port, watch="--watch" in sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
