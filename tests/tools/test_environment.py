"""When .venv is kept, when it is made anew, and what is said."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools import environment

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a space in its name, a real empty .venv and the two lists; installing is recorded."""
    root = tmp_path / "a checkout"
    root.mkdir()
    for kind in ("run", "dev"):
        (root / f"{kind}.txt").write_text(f"{kind}-package==1\n")
        monkeypatch.setitem(environment.LISTS, kind, root / f"{kind}.txt")
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.setattr(environment, "VENV", root / ".venv")
    monkeypatch.setattr(environment, "STAMP", root / ".venv" / "upshift.json")
    monkeypatch.setattr(environment, "UNFINISHED", root / ".venv" / "upshift-unfinished")
    monkeypatch.setattr(environment, "make_venv", bare_venv)
    return root


def bare_venv(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)


@pytest.fixture
def installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the lists that were installed, in order."""
    names: list[str] = []
    monkeypatch.setattr(environment, "install", lambda _python, listed: names.append(listed.name))
    return names


def test_a_second_run_does_nothing(installed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    environment.ensure("run", False)
    said_at_first = capsys.readouterr().out
    environment.ensure("run", False)
    assert installed == ["run.txt"]
    assert "to download once" in said_at_first
    assert capsys.readouterr().out == ""


def test_the_development_list_covers_the_other(installed: list[str]) -> None:
    environment.ensure("dev", False)
    environment.ensure("run", False)
    assert installed == ["dev.txt"]


def test_a_changed_list_is_installed_again(installed: list[str], checkout: Path) -> None:
    environment.ensure("dev", False)
    (checkout / "run.txt").write_text("run-package==2\n")
    environment.ensure("run", False)
    # What the development list adds may now be wrong, too.
    environment.ensure("dev", False)
    assert installed == ["dev.txt", "run.txt", "dev.txt"]


def test_an_interrupted_installation_starts_from_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_python: Path, _listed: Path) -> None:
        (checkout / ".venv" / "half-a-package").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.ensure("run", False)
    monkeypatch.setattr(environment, "install", lambda _python, _listed: None)
    environment.ensure("run", False)
    assert "was not finished" in capsys.readouterr().out
    assert not (checkout / ".venv" / "half-a-package").exists()


def test_a_python_that_went_away(
    installed: list[str], checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.ensure("run", False)
    python = environment.python_in(checkout / ".venv")
    python.unlink()
    python.symlink_to("/nonexistent/python")
    environment.ensure("run", False)
    assert "does not start" in capsys.readouterr().out
    assert installed == ["run.txt", "run.txt"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("python", "3.10", "was made with Python 3.10"), ("place", "/elsewhere/.venv", "for /elsewhere/.venv")],
)
def test_an_upgraded_python_and_a_moved_folder(
    key: str, value: str, said: str, installed: list[str], checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.ensure("run", False)
    stamp = checkout / ".venv" / "upshift.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), key: value}))
    environment.ensure("run", False)
    assert said in capsys.readouterr().out
    assert installed == ["run.txt", "run.txt"]


def test_a_venv_made_by_hand_is_kept(installed: list[str], checkout: Path) -> None:
    bare_venv(checkout / ".venv")
    (checkout / ".venv" / "mine").touch()
    environment.ensure("run", True)
    assert installed == ["run.txt"]
    assert (checkout / ".venv" / "mine").exists()


def test_two_makes_at_once_take_turns(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    second = threading.Thread(target=environment.ensure, args=("run", False))

    def slow(_python: Path, listed: Path) -> None:
        names.append(listed.name)
        if len(names) == 1:
            second.start()
            second.join(timeout=1)
            assert second.is_alive()  # it waits for us

    monkeypatch.setattr(environment, "install", slow)
    environment.ensure("run", False)
    second.join(timeout=30)
    assert names == ["run.txt"]
