"""A study's file: what it may say, what a mistake in it says, and that what is written can be read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data.config import ConfigError, validate
from data.paths import studies_folder
from data.studies import Study, load_study, study_names
from data.study_toml import save_study
from tests.data.studies import made, plan


def test_a_study_lies_beside_the_log_and_comes_back_as_it_was(temporary_log: Path) -> None:
    raw = plan(
        question='Is "fast" \\ é 日本 \x7f better?',
        consent='Line one\n"""quoted"""\n\\end\twith a tab\r\nand more',
        text="full",
        text_days=14,
        expected_spread=0.5,
    )
    raw["variants"][1]["change"] |= {"routing": "threshold", "threshold": 0.25, "suggestions": ["log"]}
    path = save_study(raw)
    assert path == temporary_log.parent / "studies" / "cues.toml"
    expected = validate({**raw, "consent": raw["consent"].replace("\r\n", "\n")}, Study, "")
    assert load_study("cues") == expected
    assert study_names() == ["cues"]


def test_another_folder_for_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSHIFT_STUDIES", str(tmp_path / "elsewhere"))
    made()
    assert studies_folder() == tmp_path / "elsewhere"
    assert study_names() == ["cues"]


def test_a_study_is_not_written_over_by_another_of_the_same_name() -> None:
    made()
    with pytest.raises(ConfigError, match="already"):
        save_study(plan(question="Something else?"))
    save_study(plan(question="Something else?"), replace=True)
    assert load_study("cues").question == "Something else?"
    assert [path.name for path in studies_folder().iterdir()] == ["cues.toml"]


@pytest.mark.parametrize(("people", "design"), [(8, "within"), (39, "within"), (40, "between")])
def test_few_people_use_every_variant_by_default(people: int, design: str) -> None:
    assert made(participants=people).design == design
    assert validate(plan(participants=people, design="between"), Study, "").design == "between"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, "key 'colour' is not known; known here: completion_code, consent"),
        ({"variants": [{"name": "a", "change": {"speed": 1}}, {"name": "b"}]}, "variants.0.change.speed"),
        ({"metric": "happiness"}, "unknown measure 'happiness'; known: felt_first_words"),
        ({"guardrails": ["stopped", "stopped"]}, "a guardrail is named twice"),
        ({"guardrails": ["satisfaction_time"]}, "is the metric and cannot be a guardrail"),
        ({"metric": "trust"}, "must stand in ratings.ask"),
        ({"metric": "came_back", "tasks": []}, "needs design"),
        ({"ends": "2020-01-01"}, "'ends' lies before 'starts'"),
        ({"variants": [{"name": "a"}, {"name": "b"}]}, "change the same things"),
        ({"variants": [{"name": "a"}]}, "variants"),
        ({"tasks": [{"id": "a", "title": "A", "instructions": "do"}]}, "multiple of that of the variants"),
        ({"text": "full"}, "text_days"),
        ({"consent": " "}, "consent"),
        ({"name": "../x"}, "name"),
        ({"tasks": [], "ratings": {"after": "task"}}, "needs tasks"),
        (
            {"variants": [{"name": "a", "change": {"routing": "threshold"}}, {"name": "b"}]},
            "goes with routing",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        save_study(plan(**changes))
    assert told in str(caught.value)
    assert not list(studies_folder().glob("*.toml"))


def test_a_file_under_another_name_is_refused() -> None:
    made()
    (studies_folder() / "cues.toml").rename(studies_folder() / "other.toml")
    with pytest.raises(ConfigError, match=r"other\.toml: key 'name'"):
        load_study("other")
    with pytest.raises(ConfigError, match="no name of a study"):
        load_study("../cues")
    with pytest.raises(ConfigError, match="no such file"):
        load_study("cues")


def test_what_is_unwise_is_said() -> None:
    study = made(tasks=[], starts="2026-11-24", ends="2026-11-26", design="between", guardrails=[])
    assert [line.split(" ")[0] for line in study.advice()] == ["It", "With", "It"]
    assert made(name="better").advice() == []
    assert study.is_open(date(2026, 11, 26))
    assert not study.is_open(date(2026, 11, 27))
