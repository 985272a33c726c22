"""The questions of bench-sources hold true of the documents that they are about."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.sources_questions import PRACTICE, SETS, Question, QuestionSet, load, practice
from data.passages import split, title_of
from data.records import Passage

ALL = {name: load(name) for name in SETS}


def sections(questions: QuestionSet) -> dict[str, str]:
    """page#heading → its text, for every section of the documents."""
    found: dict[str, str] = {}
    for path in questions.folder().rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        for passage in split(text, path.name, title_of(text, path.stem)):
            heading = passage.heading[-1] if passage.heading else passage.source_title
            key = f"{path.name}#{heading}"
            found[key] = f"{found.get(key, '')}\n{heading}\n{passage.text}"
    return found


@pytest.mark.parametrize("name", SETS)
def test_what_a_right_answer_holds_stands_in_the_sections_named(name: str) -> None:
    texts = sections(ALL[name])
    for question in ALL[name].question:
        assert bool(question.sections) == question.answerable == bool(question.must), question.id
        unknown = [section for section in question.sections if section not in texts]
        assert unknown == [], question.id
        if question.answerable:
            told = "\n".join(texts[section] for section in question.sections)
            positive = question.model_copy(update={"never": ()})
            assert positive.right(told), f"{question.id}: not told by its sections"


@pytest.mark.parametrize("name", PRACTICE)
def test_practice_questions_name_sections_that_exist_and_are_no_questions_of_the_bench(name: str) -> None:
    texts, asked = sections(practice(name)), {question.ask for question in ALL[name].question}
    for question in practice(name).question:
        assert bool(question.sections) == question.answerable, question.id
        assert [section for section in question.sections if section not in texts] == [], question.id
        assert question.ask not in asked
        assert question.half == "dev"


def test_there_are_enough_of_each_kind() -> None:
    own = Counter(question.kind for question in ALL["own"].question)
    assert own["plain"] + own["reworded"] >= 60
    assert own["reworded"] >= 20
    assert own["unanswerable"] >= 20
    assert len(ALL["streamlit"].question) >= 30


@pytest.mark.parametrize("name", SETS)
def test_halves_are_even_within_each_kind_and_ids_are_used_once(name: str) -> None:
    questions = ALL[name].question
    assert len({question.id for question in questions}) == len(questions)
    halves = Counter((question.kind, question.half) for question in questions)
    for kind in ("plain", "reworded", "unanswerable"):
        assert 0 <= halves[kind, "dev"] - halves[kind, "test"] <= 1


def test_an_answer_is_right_with_all_facts_and_none_that_is_wrong() -> None:
    question = Question.model_validate(
        {
            "id": "a",
            "ask": "Does it?",
            "kind": "plain",
            "in": ["a.md#A"],
            "must": ["no\\b", "7"],
            "never": ["^yes"],
        }
    )
    assert question.right("No, only 7 do.")
    assert not question.right("No, none.")
    assert not question.right("Yes, no fewer than 7.")


def test_a_passage_tells_it_if_it_is_of_a_section_named() -> None:
    question = next(question for question in ALL["own"].question if question.id == "stall")
    passage = Passage(
        passage_id="1", source_id="report.md", source_title="Reading the figures", text="", start=0, end=0
    )
    assert question.told_by(passage.model_copy(update={"heading": ("What a stall is",)}))
    assert not question.told_by(passage)
