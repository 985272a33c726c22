"""The pages in data/knowledge: each can be read, linked and believed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from data.knowledge_index import KnowledgeIndex
from data.passages import blocks, count_words
from data.presets import preset_names

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "data" / "knowledge").glob("*.md"))
# Without a model's own environment and the shell's, these are all that the code may read.
SOURCES = [
    path for folder in ("data", "router", "components", "tools") for path in (ROOT / folder).rglob("*.py")
]
OUTSIDE_CODE = {"HOST", "PORT"}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_code_blocks(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchor(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def named_in_code(pattern: str) -> set[str]:
    """What the pages name between backticks and `pattern` matches."""
    named = [match for page in PAGES for match in re.findall(r"`([^`\n]+)`", without_code_blocks(read(page)))]
    return {found for text in named for found in re.findall(pattern, text)}


def test_there_is_a_page_for_everything_people_ask() -> None:
    assert len(PAGES) >= 15
    index = KnowledgeIndex.build(ROOT / "data" / "knowledge")
    assert index.problems == []
    assert index.documents == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_one_title_and_short_sections(page: Path) -> None:
    text = read(page)
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", without_code_blocks(text), re.MULTILINE)) == 1
    sections = [block.heading for block in blocks(text) if block.is_heading]
    assert len(sections) >= 4
    assert len(set(sections)) == len(sections)
    prose = [block for block in blocks(text) if not block.is_heading and text[block.start] not in "|`"]
    assert all(8 <= count_words(text[block.start : block.end]) <= 110 for block in prose)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_page_and_a_heading_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        assert "://" not in target, "the pages must be readable without a network"
        name, _, place = target.partition("#")
        linked = page.parent / name
        assert linked.is_file(), target
        if place:
            headings = [block.heading[-1] for block in blocks(read(linked)) if block.is_heading]
            assert place in {anchor(heading) for heading in headings}, target


def test_the_readme_links_to_every_page() -> None:
    readme = read(ROOT / "README.md")
    assert {page.name for page in PAGES if f"data/knowledge/{page.name}" not in readme} == set()


def test_every_variable_that_a_page_names_is_read_by_the_code() -> None:
    named = named_in_code(r"\b(?:UPSHIFT_[A-Z_]+|[A-Z]+_API_KEY|[A-Z]+_BASE_URL)\b")
    assert "UPSHIFT_PRODUCT" in named
    code = "\n".join(map(read, SOURCES)) + "".join(map(read, (ROOT / "data" / "presets").glob("*.toml")))
    assert {name for name in named if not re.search(rf"\b{name}\b", code)} == set()


def test_every_variable_of_upshift_is_in_the_table_of_settings() -> None:
    table = read(ROOT / "data" / "knowledge" / "settings.md")
    code = "\n".join(read(path) for path in SOURCES if path.parts[-2] != "tools")
    used = set(re.findall(r"[\"'`](UPSHIFT_[A-Z]+(?:_[A-Z]+)*)[\"'`=]", code))
    inner = {"UPSHIFT_SCRIPT", "UPSHIFT_SPOOL", "UPSHIFT_SCRIPT_SENT", "UPSHIFT_STRICT_LOG"}  # tests only
    assert "UPSHIFT_DB" in used
    assert {name for name in used - inner if f"`{name}`" not in table} == set()


def test_every_make_target_that_a_page_names_exists() -> None:
    makefile = read(ROOT / "Makefile")
    named = named_in_code(r"\bmake ([a-z]+)")
    assert {"run", "test", "bench"} <= named
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


def test_every_command_that_a_page_names_exists() -> None:
    for module, command in sorted(named_in_code(r"python -m (\w+) ([a-z]+)")):
        spec = importlib.util.find_spec(f"{module}.__main__")
        assert spec is not None, module
        assert spec.origin is not None
        assert f'"{command}"' in read(Path(spec.origin)), f"python -m {module} {command}"
    options = named_in_code(r"python -m data [a-z]+ .*?(--[a-z]+)")
    source = read(ROOT / "data" / "__main__.py")
    assert {option for option in options if f'"{option}"' not in source} == set()


def test_every_file_that_a_page_names_exists() -> None:
    named = named_in_code(r"^(?:data|router|components|\.streamlit)/[\w./-]+")
    assert "data/policy.toml" in named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_preset_that_a_page_names_exists() -> None:
    named = named_in_code(r"UPSHIFT_PRESET=(\w+)")
    assert "openai" in named
    assert named <= set(preset_names())


def test_the_figures_of_the_models_are_those_of_the_files() -> None:
    from data.model_files import load_models
    from data.presets import load_preset

    page = read(ROOT / "data" / "knowledge" / "local-models.md")
    models = load_models()
    for tier in load_preset("local").tiers:
        assert tier.weights is not None
        assert f"{models[tier.weights].bytes:,} bytes" in page
        assert f"{tier.max_output_tokens:,}" in read(ROOT / "data" / "knowledge" / "limits.md")
        assert f"{tier.input_budget_tokens:,}" in read(ROOT / "data" / "knowledge" / "limits.md")


def test_the_tasks_on_the_page_go_where_the_policy_sends_them() -> None:
    from data.policy import load_policy

    page = read(ROOT / "data" / "knowledge" / "tiers-and-tasks.md")
    fast, heavy = page.split("## Tasks of the fast tier")[1].split("## Changing")[0].split("## Tasks of")
    words = {"lookup": "lookup", "translate": "translation", "debug": "debugging", "stats": "statistics"}
    for task, word in words.items():
        place = fast if task in load_policy().tiers["fast"] else heavy
        assert word in place, task


def test_days_of_kept_text_are_those_of_the_policy() -> None:
    from data.privacy import text_policy

    mode, days = text_policy("dogfood")
    assert mode == "full"
    for name in ("privacy.md", "logging.md"):
        assert f"{days} days" in read(ROOT / "data" / "knowledge" / name)
    assert [text_policy(purpose)[0] for purpose in ("demo", "test", "research")] == ["none"] * 3


def test_the_pages_promise_nothing_that_the_plan_only_holds() -> None:
    """What is planned says so on its page; the day it exists, page and test change together."""
    assert "not there yet" in read(ROOT / "data" / "knowledge" / "demos.md")
