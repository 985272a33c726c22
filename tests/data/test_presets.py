"""Presets: what ships is sound, and a mistake in one names file, key and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.config import ConfigError
from data.model_files import find_model
from data.paths import shipped
from data.policy import TASKS, load_policy
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
    # "/fast" and "/heavy" work with every one of them.
    assert (preset.tier_names[0], preset.tier_names[-1]) == ("fast", "heavy")
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


def test_a_task_may_be_given_to_any_tier_and_the_rest_goes_by_the_policy() -> None:
    table = load_preset("posthog").table(load_policy())
    assert table is not None
    assert set(table) == set(TASKS)
    models = {task: load_preset("posthog").tier(tier).model for task, tier in table.items()}
    assert models["lookup"] == models["translate"] == "openai/gpt-4.1-mini"
    assert models["code"] == models["draft"] == "openai/gpt-4.1"
    assert models["maths"] == models["reasoning"] == models["synthesis"] == "anthropic/claude-sonnet-4-6"
    assert load_preset("openai").table(load_policy()) is None, "two tiers without a table go by the policy"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tasks]\ncooking = 'fast'\n", "unknown task 'cooking'; known: lookup, "),
        ("[tasks]\nmaths = 'huge'\n", "'maths' to the unknown tier 'huge'; tiers: fast"),
        ("[policy]\nthreshold = 2\n", "policy.threshold"),
        ("[policy]\nthreshold = 0.5\nheavy_share = 0.5\n", "'threshold' or 'heavy_share', not both"),
        ("[policy]\ntreshold = 0.5\n", "'policy.treshold' is not known; known here: heavy_share, threshold"),
    ],
)
def test_a_mistake_in_the_tables_is_named(tmp_path: Path, text: str, told: str) -> None:
    assert told in mistake(tmp_path, HEAD + TIER + text)


def test_with_some_of_its_keys_a_preset_runs_the_tiers_that_it_can() -> None:
    some = {"OPENAI_API_KEY": "sk"}
    preset = load_preset("posthog", some)
    assert preset.missing_keys(some) == ("ANTHROPIC_API_KEY",)
    rest = preset.runnable(some)
    assert rest.tier_names == ("fast", "middle")
    table = rest.table(load_policy())
    assert table is not None
    assert (table["lookup"], table["code"], table["maths"]) == ("fast", "middle", "middle")
    only_heavy = preset.runnable({"ANTHROPIC_API_KEY": "sk"}).table(load_policy())
    assert set((only_heavy or {}).values()) == {"heavy"}
    assert preset.runnable({}) == preset, "with none of them the whole of it says what is missing"


def test_names_and_addresses_come_from_the_environment() -> None:
    bare = load_preset("openai-compatible", {})
    wanted = {"UPSHIFT_FAST_MODEL", "UPSHIFT_HEAVY_MODEL", "UPSHIFT_OPENAI_BASE_URL"}
    assert set(bare.missing_keys({})) == wanted
    given = {"UPSHIFT_FAST_MODEL": "org/small", "UPSHIFT_OPENAI_BASE_URL": "http://10.0.0.7:8000/v1"}
    preset = load_preset("openai-compatible", given)
    assert preset.missing_keys(given) == ("UPSHIFT_HEAVY_MODEL",)
    fast = preset.runnable(given).tier("fast")
    assert (fast.model, fast.model_name, fast.label) == ("openai/org/small", "org/small", "org/small")
    assert fast.address(given) == "http://10.0.0.7:8000/v1"
    assert preset.where == "Your text is sent to http://10.0.0.7:8000/v1."


@pytest.mark.parametrize(
    ("environment", "address", "stays"),
    [
        ({}, "http://127.0.0.1:11434", True),
        ({"OLLAMA_HOST": "0.0.0.0:8080"}, "http://127.0.0.1:8080", True),
        ({"OLLAMA_HOST": "localhost:11434"}, "http://localhost:11434", True),
        ({"OLLAMA_HOST": "gpu-box:11434"}, "http://gpu-box:11434", False),
        ({"OLLAMA_API_BASE": "https://ollama.example/", "OLLAMA_HOST": "x"}, "https://ollama.example", False),
    ],
)
def test_whether_the_text_stays_goes_by_the_address(
    environment: dict[str, str], address: str, stays: bool
) -> None:
    preset = load_preset("ollama", environment)
    assert preset.tier("fast").address(environment) == address
    assert preset.stays_here(environment) is stays
    assert preset.where.endswith("on this machine.") is stays
    assert address in preset.where


def test_hosted_presets_never_say_that_text_stays() -> None:
    staying = {name for name in preset_names() if load_preset(name, {}).stays_here({})}
    assert staying == {"local", "ollama", "scripted"}


def test_the_documentation_names_the_models_that_a_preset_asks() -> None:
    page = (shipped("knowledge") / "presets-and-keys.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == set(preset_names()) - {"scripted"}
    for name in ("openai", "anthropic", "gemini", "posthog"):
        preset = load_preset(name, {})
        assert all(tier.label in rows[name] for tier in preset.tiers)
        assert all(f"`{key}`" in rows[name] for key in preset.missing_keys({}))
