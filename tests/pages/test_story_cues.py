"""Somebody wants to know why this model answered, how soon, and what the answer rests on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.pages.person import Person

Visit = Callable[..., Person]
KEPT = "How long is the text of my messages kept in the log?"


def test_the_badge_names_tier_model_and_seconds_and_behind_it_the_reasons(visit: Visit, logged) -> None:
    person = visit().types("Translate into Spanish: good morning.")

    under = person.under()
    assert re.search(r"^Fast · Scripted fast · \d+\.\d s$", under, re.MULTILINE)
    assert "**Why the fast model**" in under
    assert "Task: translate" in under
    [turn] = logged("SELECT * FROM turns")
    assert turn["tier"] == "fast"
    assert f"score {turn['route_score']:.2f} (0 is light work, 1 is heavy)" in under
    reasons = turn["route_reason"].split("; ")
    assert reasons
    assert all(reason.removeprefix("says ").lower() in under.lower() for reason in reasons), (
        "every logged reason is shown"
    )


def test_work_that_needs_thought_goes_to_the_heavy_model_and_says_why(visit: Visit, provider) -> None:
    person = visit().types("Prove step by step that the square root of two is irrational.")

    assert person.under().startswith("Heavy · Scripted heavy")
    assert "**Why the heavy model**" in person.under()
    assert provider().asked[-1]["model"] == "scripted-heavy"


def test_without_sources_the_page_says_that_there_were_none(visit: Visit, logged) -> None:
    person = visit().types("Translate into Spanish: good morning.")

    assert "No sources used: from the model's own knowledge" in person.under()
    assert "consulted" not in person.under()
    assert logged("SELECT source_count FROM turns")[0][0] == 0


def test_sources_show_their_passages_and_which_of_them_the_answer_names(
    visit: Visit, script, provider, logged
) -> None:
    script({"match": KEPT, "text": "It is kept for 30 days [1]."})

    person = visit().types(KEPT)

    assert person.answered() == "It is kept for 30 days [1]."
    under = person.under()
    count = logged("SELECT source_count FROM turns")[0][0]
    assert count >= 1
    assert f"{count} source{'s' if count > 1 else ''}, 1 cited" in under
    assert re.search(r"\*\*\[1\] .+ › .+\*\* · cited in the answer", under)
    assert under.count("· consulted") == count - 1
    assert "for 30 days" in under, "the passage itself can be read"
    assert "No sources used" not in under
    sent = provider().asked[-1]["messages"][-1]["content"]
    assert "30 days" in sent, "the model was given what the page shows"


def test_sources_that_the_answer_does_not_name_are_only_consulted(visit: Visit, script, logged) -> None:
    script({"match": KEPT, "text": "For a while."})

    person = visit().types(KEPT)

    assert "consulted, none cited" in person.under()
    assert "cited in the answer" not in person.under()
    assert logged("SELECT cited_count FROM turns")[0][0] == 0


def test_a_citation_of_nothing_is_taken_out_and_counted(visit: Visit, script) -> None:
    script({"match": KEPT, "text": "For 30 days [1], says the moon [9]."})

    person = visit().types(KEPT)

    assert "[9]" not in person.answered()
    assert "[1]" in person.answered()
    assert "Removed from the answer: 1 mark that named no passage." in person.under()


def test_the_steps_of_an_ended_answer_can_be_read(visit: Visit) -> None:
    person = visit().types(KEPT)

    steps = [line for line in person.under().splitlines() if line.startswith("1. ")]
    assert re.fullmatch(r"1\. Chose the (fast|heavy) model in \d+ ms", steps[0])
    assert re.search(r"Searched \d+ passages of \d+ documents in \d+ ms: \d passages? fit", steps[1])
    assert re.search(r"First words after \d+\.\d s", steps[2])
    assert re.search(r"Complete after \d+\.\d s", steps[3])


def test_an_answer_of_the_other_tier_says_that_it_stands_in(visit: Visit, script, logged) -> None:
    script(
        {"match": "capital of France", "model": "scripted-fast", "status": 503},
        {"match": "capital of France", "model": "scripted-heavy", "text": "Paris."},
    )

    person = visit().types("What is the capital of France?")

    assert person.answered() == "Paris."
    assert person.under().startswith("Heavy · Scripted heavy")
    assert "The fast model was chosen; the heavy model answered in its place." in person.under()
    generations = logged("SELECT tier, role, http_status FROM generations ORDER BY attempt")
    assert [tuple(row) for row in generations] == [("fast", "primary", 503), ("heavy", "fallback", None)]


@pytest.mark.parametrize(
    ("off", "gone", "still"),
    [("tier", "Why the", "No sources used"), ("sources", "No sources used", "Why the")],
)
def test_a_study_switches_a_cue_off(visit: Visit, monkeypatch, off: str, gone: str, still: str) -> None:
    monkeypatch.setenv("UPSHIFT_CUES_OFF", f"{off}, and-one-that-does-not-exist")

    person = visit().types("Translate into Spanish: good morning.")

    assert gone not in person.under()
    assert still in person.under()


def test_without_cues_the_answer_still_has_its_thumbs(visit: Visit, monkeypatch) -> None:
    monkeypatch.setenv("UPSHIFT_CUES_OFF", "tier,sources")

    person = visit().types("Translate into Spanish: good morning.")

    assert person.answered() == "A plain answer from the script."
    assert person.has(f"thumbs-{person.turn_ids[-1]}")
