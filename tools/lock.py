"""Work out requirements.txt and requirements-dev.txt anew from the .in files: `make lock`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools.environment import LISTS, ROOT
from tools.make_venv import make_venv, python_in

LOCK_AGE_DAYS = 14


def main() -> None:
    """Write requirements.txt and requirements-dev.txt from the .in files.

    Releases younger than LOCK_AGE_DAYS are left out: poisoned ones are usually found within days.
    """
    before = (datetime.now(UTC) - timedelta(days=LOCK_AGE_DAYS)).strftime("%Y-%m-%dT00:00:00Z")
    with tempfile.TemporaryDirectory() as folder:
        uv = _uv(Path(folder))
        for target in LISTS.values():
            print(f"Locking {target.name}: releases up to {before[:10]}, every system, Python 3.11 and later")
            command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade"]
            command += ["--exclude-newer", before, "--python-version", "3.11", "--no-annotate"]
            command += ["--custom-compile-command", "make lock", target.with_suffix(".in").name]
            subprocess.run([*command, "-o", target.name], cwd=ROOT, check=True)


def _uv(folder: Path) -> str:
    """The uv command: the user's own, or one installed into `folder`."""
    found = shutil.which("uv")
    if found:
        return found
    print("Fetching uv, which works out the lists")
    make_venv(folder)
    subprocess.run(
        [str(python_in(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"],
        check=True,
    )
    return str(python_in(folder).parent / "uv")


if __name__ == "__main__":
    main()
