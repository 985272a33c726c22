"""`python -m router models`: what it prints, what it leaves, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.model_files import ModelFile
from router import models_cli
from tests.router.local.conftest import HUB_PATH, Site, made_up, some_bytes

CONTENT = some_bytes(300_000)


@pytest.fixture
def made_up_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModelFile:
    model = made_up(CONTENT).model_copy(update={"use": "fast tier of the local preset"})
    monkeypatch.setenv("UPSHIFT_MODELS", str(tmp_path))
    monkeypatch.setattr(models_cli, "load_models", lambda: {model.name: model})
    monkeypatch.setattr(models_cli, "find_model", lambda name: {model.name: model}[name])
    return model


def test_pull_fetches_the_presets_models_then_list_and_remove_know(
    made_up_model: ModelFile, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files[HUB_PATH] = CONTENT
    assert models_cli.main(["pull"]) == 0
    said = capsys.readouterr().out
    assert "downloading from maker/model: 100 %" in said
    assert said.endswith("made-up: here and verified\n")
    assert models_cli.main(["list"]) == 0
    assert "here, verified" in capsys.readouterr().out
    assert models_cli.main(["remove", "made-up"]) == 0
    assert not (tmp_path / "made-up.gguf").exists()
    assert models_cli.main(["list"]) == 0
    assert "not here" in capsys.readouterr().out


def test_a_partial_download_is_listed(
    made_up_model: ModelFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "made-up.gguf.part1").write_bytes(bytes(2_000_000))
    models_cli.main(["list"])
    assert "partial, 2 MB so far" in capsys.readouterr().out


def test_what_cannot_be_had_ends_with_status_1(
    made_up_model: ModelFile, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models_cli.main(["pull", "made-up"]) == 1
    assert "could not be downloaded" in capsys.readouterr().err


def test_an_unknown_name_ends_with_status_1_and_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert models_cli.main(["pull", "gpt-9"]) == 1
    assert "known models: qwen2.5-coder-0.5b" in capsys.readouterr().err


def test_a_wrong_command_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert models_cli.main(["remove"]) == 2
    assert models_cli.main([]) == 2


def test_a_terminal_gets_a_bar(
    made_up_model: ModelFile,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site.files[HUB_PATH] = CONTENT
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert models_cli.main(["pull"]) == 0
    assert "300k/300k" in capsys.readouterr().err
