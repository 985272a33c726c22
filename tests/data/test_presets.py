"""Presets: what ships is sound, and a mistake in one names file, key and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.config import ConfigError
from data.model_files import find_model
from data.presets import Preset, load_preset, preset_names

TIER = """
[[tiers]]
tier = "fast"
label = "Quick"
model = "openai/quick"
context_tokens = 4096
input_budget_tokens = 1000
max_output_tokens = 500
"""
HEAD = 'name = "mine"\ntitle = "Mine"\nkind = "hosted"\nwhere = "Your text is sent to me."\n'


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSHIFT_PRESET", raising=False)


def mistake(tmp_path: Path, text: str) -> str:
    """What is said about a preset file with this text."""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_preset(str(path))
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", preset_names())
def test_a_shipped_preset_is_called_what_its_file_is_called(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.tier_names == ("fast", "heavy")
    assert preset.where.startswith(("Your text", "For tests"))
    for tier in preset.tiers:
        assert tier.input_budget_tokens + tier.max_output_tokens <= tier.context_tokens


def test_the_default_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for chosen in (None, ""):
        monkeypatch.setenv("UPSHIFT_PRESET", chosen or "")
        preset = load_preset(chosen)
        assert (preset.name, preset.kind) == ("local", "local")
        assert preset.missing_keys({}) == ()
        assert "stays on this machine" in preset.where


def test_local_tiers_name_weights_that_ship() -> None:
    for tier in load_preset("local").tiers:
        assert find_model(str(tier.weights)).sha256
        assert tier.provider_name == "upshift.local"


def test_the_environment_chooses_and_an_argument_chooses_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSHIFT_PRESET", "openai")
    assert load_preset().name == "openai"
    assert load_preset("scripted").name == "scripted"


@pytest.mark.parametrize("name", ["nonsense", "nonsense.toml", "../local", "Local "])
def test_an_unknown_preset_says_which_there_are(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_preset(name)
    assert f"UPSHIFT_PRESET={name}" in str(caught.value)
    for known in ("local", "openai"):
        assert known in str(caught.value)


def test_a_file_of_ones_own_can_be_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + TIER, encoding="utf-8")
    preset = load_preset(str(path))
    assert preset.name == "mine"
    assert preset.tier("fast").model_name == "quick"
    assert preset.tier("fast").provider_name == "openai"
    with pytest.raises(KeyError):
        preset.tier("heavy")


def test_an_unknown_key_is_named_with_the_known_ones(tmp_path: Path) -> None:
    said = mistake(tmp_path, HEAD + TIER + 'modell = "x"\n')
    assert "'tiers.0.modell' is not known" in said
    assert "known here:" in said
    assert "max_output_tokens, model, " in said


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert "key 'title' is missing" in mistake(tmp_path, HEAD.replace('title = "Mine"\n', "") + TIER)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    said = mistake(tmp_path, HEAD.replace('"hosted"', '"cloud"') + TIER.replace("4096", '"many"'))
    assert "key 'kind'" in said
    assert "'hosted'" in said  # what would be right
    assert "found 'cloud'" in said
    assert "key 'tiers.0.context_tokens'" in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD, "tiers"),
        (HEAD + TIER + TIER, "each tier may be named only once"),
        (HEAD.replace("hosted", "local") + TIER, "needs 'weights', a name from models.toml"),
        (HEAD + TIER.replace("500", "0"), "max_output_tokens"),
        (HEAD + TIER.replace("1000", "5000"), "input_budget_tokens must be smaller than context_tokens"),
        (HEAD + TIER + "temperature = 3\n", "temperature"),
        ("name = ", "not valid TOML"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(tmp_path: Path, text: str, told: str) -> None:
    assert told in mistake(tmp_path, text)


def test_keys_that_are_not_set_are_named_once() -> None:
    preset = load_preset("openai")
    assert preset.missing_keys({}) == ("OPENAI_API_KEY",)
    assert preset.missing_keys({"OPENAI_API_KEY": ""}) == ("OPENAI_API_KEY",)
    assert preset.missing_keys({"OPENAI_API_KEY": "sk"}) == ()


def test_a_preset_cannot_change_behind_the_back_of_its_readers() -> None:
    preset = load_preset("local")
    with pytest.raises(ValueError, match="frozen"):
        preset.name = "other"
    assert isinstance(preset, Preset)
