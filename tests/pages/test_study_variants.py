"""Each thing that a study can vary changes what a participant gets, and each measure sees what they did.

Every test has both: the app as usual, and changed. A switch that does nothing makes them alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import answer_text
from data.events import Doubted
from data.study_data import read_study
from router import answer as answer_module
from router import runtime
from tests.data.studies import made
from tests.pages.participants import Guest

Guests = Callable[[str], Guest]
SAY = "Translate into Spanish: good morning."
PROVE = "Prove step by step that the square root of two is irrational."


@pytest.fixture
def people(guest: Guests, link: Any) -> Callable[..., tuple[Guest, Guest]]:
    """Two participants: one with the app as usual, one with the change."""

    def come(**change: Any) -> tuple[Guest, Guest]:
        made(variants=[{"name": "usual"}, {"name": "changed", "change": change}])
        usual, changed = (guest(link(f"p-{name}", forced=name)).agrees() for name in ("usual", "changed"))
        return usual, changed

    return come


People = Callable[..., tuple[Guest, Guest]]


def test_the_tier_cue_is_off(people: People) -> None:
    usual, changed = (person.types(SAY).under() for person in people(cues_off=["tier"]))
    assert "Why the fast model" in usual
    assert "Why the" not in changed
    assert "Fast" not in changed
    assert "No sources used" in changed, "the others stay"


def test_the_source_cue_is_off(people: People) -> None:
    usual, changed = (person.types(SAY).under() for person in people(cues_off=["sources"]))
    assert "No sources used" in usual
    assert "sources" not in changed
    assert "Why the fast model" in changed


def test_the_uncertainty_cue_is_off(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    doubt = Doubted(score=0.9, shown=True, cause="unlikely", words="I am not sure: check this.")
    monkeypatch.setattr(answer_module, "doubt_about", lambda *_: doubt)
    usual, changed = (person.types(SAY).doubted() for person in people(cues_off=["uncertainty"]))
    assert "I am not sure" in usual
    assert changed == ""


def test_the_progress_cue_is_off(people: People, script: Any, logged: Any) -> None:
    script({"text": "In a while.", "first_token_ms": 400})
    given: list[bool] = []
    usual, changed = people(cues_off=["progress"])
    for person in (usual, changed):
        person.types(SAY)
        given += [_probe_says_progress(person)]
    rows = logged("SELECT variant, first_feedback_ms FROM turns ORDER BY submitted_at")
    drawn = {row["variant"]: row["first_feedback_ms"] is not None for row in rows}
    assert drawn == {"usual": True, "changed": False}, "when the page first drew a progress text"
    assert given == [True, False], "nor does the browser say that it is sending"


def _probe_says_progress(person: Guest) -> bool:
    [probe] = [
        part for part in person.at.get("bidi_component") if part.proto.component_name.endswith("probe")
    ]
    return '"progress": true' in probe.proto.json


def test_which_suggestions_are_offered(people: People) -> None:
    usual, changed = people(suggestions=["translate", "how-routed"])
    offered = [
        [str(button.key) for button in person.at.button if str(button.key).startswith("suggestion-")]
        for person in (usual, changed)
    ]
    assert len(offered[0]) > 2
    assert sorted(offered[1]) == ["suggestion-how-routed", "suggestion-translate"]


def test_a_click_fills_the_box_or_sends(people: People, logged: Any) -> None:
    usual, changed = people(suggestion_click="fill")
    usual.picks("translate")
    changed.picks("translate")
    assert len(usual.turn_ids) == 1
    assert changed.turn_ids == []
    assert changed.box is not None
    assert changed.box.startswith("Translate into Spanish")
    changed.types(changed.box)
    rows = logged("SELECT variant, input_origin FROM turns ORDER BY submitted_at")
    assert [tuple(row) for row in rows] == [("usual", "suggestion"), ("changed", "suggestion")]


def test_streaming_is_off(people: People, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script({"text": "one two three four five six", "token_ms": 40})
    drawn: list[str] = []
    whole = answer_text.streaming

    def seen(answer: Any, turn_id: str) -> str:
        drawn.append(answer.text)
        return whole(answer, turn_id)

    monkeypatch.setattr(answer_text, "streaming", seen)
    usual, changed = people(streaming="off")
    usual.types(SAY)
    assert len(drawn) > 1, "the text grew"
    drawn.clear()
    assert changed.types(SAY).answered() == "one two three four five six"
    assert drawn == [], "it came whole"


@pytest.mark.parametrize(("routing", "asked"), [("fast", PROVE), ("heavy", "hi there")])
def test_always_fast_and_always_heavy(people: People, provider: Any, routing: str, asked: str) -> None:
    usual, changed = people(routing=routing)
    usual.types(asked)
    assert provider().asked[-1]["model"] != f"scripted-{routing}"
    changed.types(asked)
    assert provider().asked[-1]["model"] == f"scripted-{routing}"


def test_a_threshold_is_another_than_the_usual_one(people: People, logged: Any) -> None:
    for person in people(routing="threshold", threshold=0.999):
        person.types("Compare leasing and buying a delivery van for a small bakery.")
    rows = logged("SELECT variant, tier FROM turns ORDER BY submitted_at")
    assert [tuple(row) for row in rows] == [("usual", "heavy"), ("changed", "fast")]


# What people did, from the page to the measure. `ada` does it, `bob` does not.


@pytest.fixture
def both(guest: Guests, link: Any, script: Any) -> tuple[Guest, Guest]:
    script({"match": "something that fails", "status": 500})
    made(
        metric="copied",
        guardrails=["suggestion_taken", "second_message", "stopped"],
        ratings={"after": "answer", "ask": ["satisfaction_time"]},
    )
    ada, bob = guest(link("ada")).agrees(), guest(link("bob")).agrees()
    return ada, bob


def measured(measure: str, path: Path) -> dict[str, float]:
    """One value for each person, of the only variant that they have used."""
    runtime.current().log.flush()
    found = {}
    for person in read_study(path, "cues").values(measure):
        [found[person.participant]] = person.values.values()
    return found


def test_an_answer_that_was_copied(both: tuple[Guest, Guest], temporary_log: Path) -> None:
    ada, bob = (person.types(SAY) for person in both)
    ada.types("And good night?")
    ada.presses(f"copy-{ada.turn_ids[0]}")
    assert measured("copied", temporary_log) == {"ada": 0.5, "bob": 0.0}
    assert len(bob.turn_ids) == 1


def test_a_suggestion_that_was_taken(both: tuple[Guest, Guest], temporary_log: Path) -> None:
    ada, bob = both
    ada.picks("translate")
    bob.types("Translate this of my own, please: good morning.")
    assert measured("suggestion_taken", temporary_log) == {"ada": 1.0, "bob": 0.0}


def test_a_second_message(both: tuple[Guest, Guest], temporary_log: Path) -> None:
    ada, bob = both
    ada.types(SAY).types("And good night?")
    bob.types("Bob asks something that fails.")
    bob.presses(f"retry-{bob.turn_ids[-1]}")
    assert measured("second_message", temporary_log) == {"ada": 1.0, "bob": 0.0}, "a retry is no new message"


def test_coming_back_on_another_day(guest: Guests, link: Any, temporary_log: Path) -> None:
    made(design="between", metric="came_back", guardrails=[])
    for name in ("ada", "bob"):
        guest(link(name)).agrees().types(SAY).types("And good night?")
    assert measured("came_back", temporary_log) == {"ada": 0.0, "bob": 0.0}, "twice on one day is once"
    with sqlite3.connect(temporary_log) as connection:
        connection.execute(
            "UPDATE turns SET submitted_at = datetime(submitted_at, '-1 day') WHERE turn_index = 0"
            " AND session_id IN (SELECT session_id FROM study_conversations WHERE participant = 'ada')"
        )
    connection.close()
    assert measured("came_back", temporary_log) == {"ada": 1.0, "bob": 0.0}
