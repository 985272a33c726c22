"""Make .venv and install the locked requirements; over in a moment when nothing has changed.

    python -m tools.environment run     what the app needs
    python -m tools.environment dev     and what its tests need

Runs under the Python that will become .venv's, or under any other 3.11+ once .venv is there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.make_venv import SetupError, make_venv, python_in
from tools.pip_progress import InstallError, install

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "upshift.json"
UNFINISHED = VENV / "upshift-unfinished"
LISTS = {"run": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}
# What installing costs, so that nobody is surprised: (to download, on disk). Measured on Linux.
COSTS = {"run": ("about 230 MB", "0.9 GB"), "dev": ("about 350 MB", "1.3 GB")}


def ensure(kind: str, python_was_chosen: bool) -> None:
    """Bring .venv to the state that the `kind` list asks for. Raises SetupError, InstallError."""
    with _only_one():
        reason = _why_anew(python_was_chosen)
        if reason is None and _stamp().get(kind) == _digest(LISTS[kind]):
            return
        if reason is not None:
            _create(reason)
        _install(kind)


def _why_anew(python_was_chosen: bool) -> str | None:
    """Why .venv must be made from nothing, or None if it can stay."""
    if not VENV.exists():
        return ""
    if UNFINISHED.exists():
        return "The last installation was not finished"
    found = _python_of_venv()
    if found is None:
        return "The Python in .venv does not start (was Python upgraded or removed?)"
    version, prefix = found
    if Path(prefix).resolve() != VENV.resolve():
        return "The Python in .venv belongs to another folder"
    wanted = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if python_was_chosen and version != wanted:
        return f".venv has Python {version}, and {wanted} was asked for"
    stamp = _stamp()
    if stamp and stamp.get("python") != version:
        return f".venv was made with Python {stamp.get('python')}, and that is now {version}"
    if stamp and stamp.get("place") != str(VENV):
        return f".venv was made for {stamp.get('place')}"
    if not (VENV / "pyvenv.cfg").exists() or tuple(map(int, version.split("."))) < (3, 11):
        return f".venv has Python {version}, and Upshift needs 3.11 or newer"
    return None


def _python_of_venv() -> tuple[str, str] | None:
    """Version ("3.11") and sys.prefix of .venv's Python; None if it does not run."""
    probe = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.prefix)"
    try:
        done = subprocess.run(
            [str(python_in(VENV)), "-c", probe], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    return (lines[0], lines[1]) if len(lines) == 2 else None


def _create(reason: str) -> None:
    if reason:
        print(f"{reason}: making .venv anew")
    else:
        print(f"Making a virtual environment in .venv, with Python {sys.version.split()[0]}")
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    UNFINISHED.touch()  # until the packages are in it, too
    make_venv(VENV)


def _install(kind: str) -> None:
    download, disk = COSTS[kind]
    print(f"Installing {LISTS[kind].name} into .venv: {download} to download once, {disk} on disk")
    began = time.monotonic()
    digests = {kind: _digest(LISTS[kind])}
    if kind == "dev":
        digests["run"] = _digest(LISTS["run"])  # every pin of it is in the dev list too
    UNFINISHED.touch()
    install(python_in(VENV), LISTS[kind])
    _write_stamp(digests)
    UNFINISHED.unlink()
    print(f"Installed in {time.monotonic() - began:.0f} s")


def _stamp() -> dict[str, Any]:
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_stamp(digests: dict[str, str]) -> None:
    found = _python_of_venv()
    if found is None:
        raise SetupError("The Python in .venv stopped working while packages were installed; try again")
    new = STAMP.with_suffix(".new")
    new.write_text(json.dumps({**digests, "python": found[0], "place": str(VENV)}), encoding="utf-8")
    new.replace(STAMP)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Two makes at once take turns. The lock is on the folder itself, so that no file is left behind."""
    try:
        import fcntl
    except ImportError:  # Windows: no make there, and so no second one
        yield
        return
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: then make does without, too
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another make is setting up .venv: waiting for it", flush=True)
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=[*LISTS])
    parser.add_argument(
        "--chosen", action="store_true", help="the user named this Python: .venv must have it"
    )
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        ensure(arguments.what, arguments.chosen)
    except (SetupError, InstallError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"\nA step failed ({error})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next run starts the installation again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
