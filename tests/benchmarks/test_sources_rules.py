"""How bench-sources judges answers, and how the doubt is fitted, on answers made up here."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks import sources_rules
from benchmarks.sources_cases import compared_cases
from benchmarks.sources_doubt import Case, auroc, doubt_figures, fit, write
from benchmarks.sources_questions import Question
from data.answers import Answer
from data.config import load_toml
from data.doubt import DoubtWeights
from data.events import Doubted, SourcesFound
from data.records import Passage
from router.examine import examine
from tests.passages import a_passage

PASSAGE = a_passage(
    "A stall is a gap of more than one second between two pieces of an answer.",
    source_id="report.md",
    title="Reports",
    heading="Stalls",
)
OTHER = PASSAGE.model_copy(update={"source_id": "other.md", "passage_id": "other.md#0", "text": "Tea."})
STALL = Question.model_validate(
    {"id": "stall", "ask": "?", "kind": "plain", "in": ["report.md#Stalls"], "must": ["one second"]}
)
UNTOLD = Question.model_validate({"id": "refund", "ask": "?", "kind": "unanswerable"})


def an_answer(text: str, *passages: Passage, withdrawn: str = "") -> Answer:
    found = examine(text, passages)
    sources = SourcesFound(passages=passages, searched_passages=9, searched_documents=3, search_ms=1)
    return Answer(
        status="ok",
        text=found.text,
        sources=sources,
        cited=found.cited,
        marks=found.marks,
        withdrawn=withdrawn,
    )


@pytest.mark.parametrize(
    ("text", "passages", "right", "cites", "by_model"),
    [
        ("A stall is a gap of more than one second [1].", (PASSAGE,), True, True, True),
        ("A stall is a gap of more than one second.", (PASSAGE,), True, True, False),
        ("A stall lasts more than one second [1].", (OTHER, PASSAGE), True, False, False),
        ("A stall is a gap [1].", (PASSAGE,), False, True, True),
        ("More than one second.", (), True, False, False),
    ],
)
def test_right_and_cited_are_two_things(
    text: str, passages: tuple[Passage, ...], right: bool, cites: bool, by_model: bool
) -> None:
    answer = an_answer(text, *passages)
    assert sources_rules.right(STALL, answer) is right
    assert sources_rules.cites_what_tells_it(STALL, answer) is cites
    assert sources_rules.cites_what_tells_it(STALL, answer, by_model_only=True) is by_model


def test_what_the_documents_do_not_tell_is_right_when_that_is_said() -> None:
    assert sources_rules.right(UNTOLD, an_answer("The documents do not say how to get one."))
    assert not sources_rules.right(UNTOLD, an_answer("Write to the accountants."))


def test_an_answer_taken_back_is_a_refusal_and_never_right_where_it_is_told() -> None:
    back = an_answer("The documents do not seem to say this, not even one second.", withdrawn="Tea.")
    assert sources_rules.refused(back)
    assert not sources_rules.right(STALL, back)


def test_shares_count_what_they_say() -> None:
    answers = [
        an_answer("A stall is a gap of more than one second [1].", PASSAGE),
        an_answer("The documents do not say.", PASSAGE),
        an_answer("A stall is when the tea of 9 monkeys is cold [1].", PASSAGE),
        an_answer("The documents do not say how.", PASSAGE),
    ]
    found = sources_rules.figures([STALL, STALL, STALL, UNTOLD], answers)
    assert found["supported"] == {"share": 0.5, "n": 2}
    assert found["right_and_cited"] == {"share": 0.333, "n": 3}
    assert found["wrongly_refused"] == {"share": 0.333, "n": 3}
    assert found["untold_said"] == {"share": 1.0, "n": 1}


# The doubt.


def made_up(count: int, seed: int) -> list[Case]:
    """Answers that are wrong the more often the less they are supported; half of them without support."""
    chance = random.Random(seed)
    cases = []
    for number in range(count):
        support = chance.random() if number % 2 else None
        wrong = chance.random() < (0.5 if support is None else 1 - support)
        signals = {"support": support, "demand": chance.random(), "log_probability": None}
        cases.append(Case(signals, wrong, "dev" if number % 4 < 2 else "test", "made up"))
    return cases


def test_the_fit_finds_what_tells_and_holds_on_the_other_half() -> None:
    cases = made_up(1200, 1)
    weights = fit(cases)
    assert weights.signals["support"].weight < -0.5
    assert "log_probability" not in weights.signals, "it is never there"
    found = doubt_figures(cases, weights)
    assert found["test, all"]["auroc"] > 0.65
    assert found["test, all"]["flagged_wrong"] >= 0.5


def test_the_other_half_has_no_part_in_the_fit() -> None:
    cases = made_up(400, 2)
    upside_down = [
        Case(case.signals, not case.wrong if case.half == "test" else case.wrong, case.half, case.origin)
        for case in cases
    ]
    assert fit(cases) == fit(upside_down)


def test_a_signal_against_its_meaning_gets_no_weight() -> None:
    cases = [Case({"support": number / 100, "demand": 0.5}, number > 50, "dev", "a") for number in range(100)]
    assert "support" not in fit(cases).signals


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    cases = made_up(200, 3)
    weights = fit(cases)
    path = tmp_path / "doubt.toml"
    write(weights, doubt_figures(cases, weights), path)
    assert load_toml(path, DoubtWeights) == weights


def test_auroc_counts_pairs() -> None:
    assert auroc([0.9, 0.1], [True, False]) == 1
    assert auroc([0.1, 0.9], [True, False]) == 0
    assert auroc([0.5, 0.5, 0.7], [True, False, False]) == 0.25


def test_an_answer_is_also_a_case_beside_the_other_tiers() -> None:
    doubt = Doubted(score=0.5, shown=False, cause="", words="", signals={"support": 1.0, "agreement": None})
    given = an_answer("A stall is a gap of 1 second [1].", PASSAGE).model_copy(update={"doubt": doubt})
    same, other = an_answer("It is 1 second."), an_answer("It is 2 seconds.")
    for beside, agrees in ((same, 1.0), (other, 0.0)):
        [case] = compared_cases([(STALL, given)], [(STALL, beside)], "own")
        assert case.signals == {"support": 1.0, "agreement": agrees}
        assert case.origin == "own, compared"
