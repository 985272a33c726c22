"""Make a virtual environment, also with a Python whose ensurepip was split off (Debian, Ubuntu)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

# For a Python whose ensurepip was split off (Debian, Ubuntu): one pip, and only this one.
PIP_URL = (
    "https://files.pythonhosted.org/packages/f3/6e/"
    "1736e5b4ae2b778ef2f81c47d797de9f891d4d8acb047a24ca37a60294dd/pip-26.2.1-py3-none-any.whl"
)
PIP_SHA256 = "71138adf1f4ca900cdb7d289c21b7494329f2332b6d85f0e1c42108c0384ed3e"


class SetupError(RuntimeError):
    """The environment cannot be made. The text says what to do."""


def make_venv(folder: Path) -> None:
    """A virtual environment with pip in it, also where ensurepip is missing. Raises SetupError."""
    try:
        import venv  # noqa: F401, I001 - the worse of the two to miss comes first

        import ensurepip  # noqa: F401
    except ImportError as error:
        _make_venv_without_ensurepip(folder, str(error.name))
        return
    _run_venv([str(folder)])


def _make_venv_without_ensurepip(folder: Path, missing: str) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    advice = (
        f"This Python ({sys.executable}) comes without its '{missing}' module. On Debian or Ubuntu:\n"
        f"    sudo apt-get install python{version}-venv\n"
        "On another system install a complete Python, or name one: make run PYTHON=/path/to/python3"
    )
    if missing == "venv":
        raise SetupError(advice)
    print("This Python comes without ensurepip (on Debian a package of its own): fetching pip, 2 MB")
    try:
        with urllib.request.urlopen(PIP_URL, timeout=60) as answer:
            wheel_bytes = answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise SetupError(f"{advice}\n(pip could not be fetched instead: {error})") from error
    if hashlib.sha256(wheel_bytes).hexdigest() != PIP_SHA256:
        raise SetupError(f"{advice}\n(the pip that was fetched instead has the wrong hash)")
    _run_venv(["--without-pip", str(folder)])
    with tempfile.TemporaryDirectory() as place:
        wheel = Path(place) / PIP_URL.rsplit("/", 1)[1]
        wheel.write_bytes(wheel_bytes)
        command = [str(python_in(folder)), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]
        subprocess.run(command, check=True, env={**os.environ, "PIP_USER": "0"})


def _run_venv(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "venv", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"python -m venv failed:\n{done.stdout}{done.stderr}".rstrip())


def python_in(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
