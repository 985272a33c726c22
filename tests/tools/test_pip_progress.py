"""Installing by hash, for real but without a network: from a wheel that the test builds."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

from tools import pip_progress


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "SAYS = 'hello'\n")
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        archive.writestr(
            "tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny-1.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return path


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python with this one's pip, and a place of its own for packages."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next((folder / "lib").glob("python3*")) / "site-packages"
    (packages / "pip").symlink_to(Path(pip.__file__).parent)
    return folder / "bin" / "python"


def listed(folder: Path, digest: str, name: str = "tiny") -> Path:
    path = folder / "requirements.txt"
    path.write_text(f"{name}==1 \\\n    --hash=sha256:{digest}\n")
    return path


def test_progress_is_said_and_the_package_is_there(
    tmp_path: Path,
    wheel: Path,
    python: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pip_progress.ProgressLine, "PAUSE_S", 0.0)
    pip_progress.install(python, listed(tmp_path, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert "package 1 of 1: tiny" in capsys.readouterr().out
    said = subprocess.run(
        [str(python), "-c", "import tiny; print(tiny.SAYS)"], capture_output=True, check=True
    )
    assert said.stdout.strip() == b"hello"


def test_other_bytes_than_the_locked_ones_are_refused(tmp_path: Path, wheel: Path, python: Path) -> None:
    with pytest.raises(pip_progress.InstallError, match="not the one that was locked"):
        pip_progress.install(python, listed(tmp_path, "0" * 64))
    missing = subprocess.run([str(python), "-c", "import tiny"], capture_output=True, check=False)
    assert b"No module named" in missing.stderr


def test_a_package_without_a_build_says_what_to_try(tmp_path: Path, wheel: Path, python: Path) -> None:
    with pytest.raises(pip_progress.InstallError, match=r"PYTHON=python3\.12"):
        pip_progress.install(python, listed(tmp_path, "0" * 64, "nowhere"))
