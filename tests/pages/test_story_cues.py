"""Somebody wants to know why this model answered, how soon, and what the answer rests on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from components import answer_text
from components.cues import progress, sources
from components.cues.tier import details
from data.answers import Answer, fold
from data.citations import Mark, Quote, Span
from data.events import Doubted, Finished, Requested, Routed, SourcesFound
from data.records import Decision, Passage
from router import answer as answer_module
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
    assert f"{count} source{'s' if count > 1 else ''}: 1 quoted" in under
    assert re.search(r"\*\*\[1\] .+ › .+\*\* · quoted in the answer", under)
    [turn_id] = person.turn_ids
    assert f"(#source-{turn_id}-1)" in person.at.container(key=f"text-{turn_id}").markdown[0].value
    assert under.count("· only consulted") == count - 1
    assert "for 30 days" in under, "the passage itself can be read"
    assert "No sources used" not in under
    sent = provider().asked[-1]["messages"][-1]["content"]
    assert "30 days" in sent, "the model was given what the page shows"


def test_sources_that_the_answer_does_not_name_are_only_consulted(visit: Visit, script, logged) -> None:
    script({"match": KEPT, "text": "For a while."})

    person = visit().types(KEPT)

    assert "consulted, none quoted" in person.under()
    assert "quoted in the answer" not in person.under()
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
    assert re.search(r"First words after \d+\.\d s: it read for \d+\.\d s", steps[2])
    assert re.search(r"Complete after \d+\.\d s: it wrote for \d+\.\d s", steps[3])


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


def an_answer_with(decision: Decision) -> str:
    return details(Answer(decision=decision, tier=decision.tier), decision)


@pytest.mark.parametrize(
    ("tier", "score", "words"),
    [
        ("heavy", 0.82, "Heavy work, fairly sure (82 %)"),
        ("fast", 0.04, "Light work, very sure (96 %)"),
        ("heavy", 0.54, "Could have been either (54 % heavy work)"),
        ("fast", 0.46, "Could have been either (54 % light work)"),
        ("heavy", 0.3, "The heavy model all the same: that is where the settings draw the line"),
    ],
)
def test_behind_the_badge_is_how_certain_the_choice_was(tier: str, score: float, words: str) -> None:
    shown = an_answer_with(Decision(task="code", tier=tier, score=score))

    assert words in shown
    offered = "ask the other model with the button under the answer" in shown
    assert offered == (abs(score - 0.5) < 0.15), "offered where it could have been either"


def test_a_choice_of_the_person_is_not_called_a_matter_of_settings() -> None:
    shown = an_answer_with(Decision(task="code", tier="fast", score=0.9, overridden=True, inherited=True))

    assert "Heavy work, very sure (90 %)" in shown
    assert "settings" not in shown
    assert "Judged together with the messages before it" in shown


DOUBT = Doubted(score=0.7, shown=True, cause="coverage", words="I'm not sure: ![x](http://x.example/p.png).")


@pytest.fixture
def doubting(monkeypatch) -> Callable[[Doubted], None]:
    """Lets every answer from now on end with a doubt."""

    def doubt(doubted: Doubted) -> None:
        monkeypatch.setattr(answer_module, "doubt_about", lambda *_: doubted)

    return doubt


def test_a_doubt_is_said_in_words_with_the_way_to_the_source_and_logged(
    visit: Visit, doubting, logged
) -> None:
    doubting(DOUBT)

    person = visit().types(KEPT)

    [turn_id] = person.turn_ids
    line = person.doubted()
    assert "I'm not sure: ![x]" in line
    assert "](http://" not in line, "its words pass the cleaner, too"
    assert f"[Open the source](#source-{turn_id}-1)" in line
    assert "Ask the heavy model" in person.under()
    kept = json.loads(logged("SELECT uncertainty FROM turns")[0][0])
    assert kept == {"score": 0.7, "shown": True, "cause": "coverage"}


def test_a_doubt_that_is_too_weak_or_switched_off_is_only_logged(
    visit: Visit, doubting, logged, monkeypatch
) -> None:
    doubting(DOUBT.model_copy(update={"shown": False}))
    person = visit().types(KEPT)
    assert "I'm not sure" not in person.page

    doubting(DOUBT)
    monkeypatch.setenv("UPSHIFT_CUES_OFF", "doubt")
    person.types(KEPT)
    assert "I'm not sure" not in person.page
    assert [json.loads(row[0])["shown"] for row in logged("SELECT uncertainty FROM turns")] == [False, True]


def test_what_upshift_found_out_about_the_sources_is_drawn_in_the_text_and_the_list() -> None:
    text = 'It is kept for 30 days [1]. It says "forever". Nobody reads it [2].'
    passages = tuple(
        Passage(
            passage_id=f"p{n}", source_id="log.md", source_title=f"Log {n}", text="Thirty.", start=0, end=7
        )
        for n in (1, 2, 3)
    )
    found = SourcesFound(passages=passages, searched_passages=9, searched_documents=2, search_ms=1)
    answer = fold(
        [
            found.model_copy(update={"turn_id": "ab12"}),
            Finished(
                turn_id="ab12",
                text=text,
                cited=(1, 2),
                marks=(
                    Mark(start=23, end=26, number=1),
                    Mark(start=46, end=46, number=3, by="upshift"),
                    Mark(start=63, end=66, number=2),
                ),
                quotes=(Quote(start=36, end=45, number=None, found=False),),
                unsupported=(Span(start=47, end=66),),
            ),
        ]
    )

    drawn = answer_text.ended(answer, "ab12")

    assert "30 days [\\[1\\]](#source-ab12-1)." in drawn
    assert 'says "forever" :small[:orange[(not found in the source)]]' in drawn
    assert "[(3)](#matched-ab12-3)" in drawn
    assert ":small[:orange[(the source does not seem to say this)]]" in drawn
    assert drawn.count("#source-") == 2
    listed = sources.details(answer)
    assert "· quoted in the answer" in listed
    assert "· matched by Upshift: the answer says the same" in listed
    assert "1 quotation in the answer could not be found in the sources." in listed
    assert "1 sentence with a source that does not seem to say so." in listed
    assert "[Open in the document](#source-ab12-2)" in listed


def test_a_model_cannot_draw_a_mark_of_its_own() -> None:
    forged = "\ue1001\ue104 and [1](#source-ab12-1) and [x](#matched-ab12-1)"

    drawn = answer_text.ended(Answer(status="ok", text=forged), "ab12")

    assert "](#" not in drawn


def test_when_the_documents_say_nothing_the_page_says_that() -> None:
    found = SourcesFound(
        passages=(), searched_passages=9, searched_documents=2, search_ms=1, nothing_said=True
    )

    def draw() -> None:
        from components.cues import sources
        from data.answers import Answer
        from data.events import SourcesFound

        given = SourcesFound(
            passages=(), searched_passages=9, searched_documents=2, search_ms=1, nothing_said=True
        )
        sources.CUE.draw(Answer(status="ok", text="No.", sources=given))

    assert fold([found]).nothing_said
    page = AppTest.from_function(draw).run()
    assert "the documents say nothing about this" in page.caption[0].value


def test_progress_names_what_was_searched_and_found() -> None:
    passages = tuple(
        Passage(passage_id=f"p{n}", source_id=f"{n // 2}", source_title="T", text="x", start=0, end=1)
        for n in range(3)
    )
    found = SourcesFound(passages=passages, searched_passages=214, searched_documents=17, search_ms=12)
    routed = Routed(
        decision=Decision(task="lookup", tier="fast", score=0.1, reasons=("asks for a fact",)),
        preset="p",
        request_model="m",
        model_label="M",
    )
    asked = Requested(tier="fast", request_model="m", attempt=0)

    seen = [progress.stage(fold([routed, found, asked][:n])) for n in range(4)]

    assert seen[0] == "Choosing a model"
    assert seen[1] == "Fast model: asks for a fact"
    assert seen[2] == "Fast model: found 3 of 214 passages, from 2 documents"
    assert seen[3] == "Fast model: reading 3 of 214 passages, from 2 documents"
    none = found.model_copy(update={"passages": ()})
    assert progress.stage(fold([routed, none, asked])) == (
        "Fast model: none of 214 passages fits; reading your message"
    )
