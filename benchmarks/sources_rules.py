"""How `make bench-sources` judges an answer: rules only, so that anybody gets the same figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.sources_questions import Question
from data.answers import Answer
from router.grounding import says_not_told
from router.sentences import sentences
from router.support import SUPPORTED, says_something, share


def refused(answer: Answer) -> bool:
    """Whether the answer says that the documents do not tell, in the model's words or in ours."""
    return bool(answer.withdrawn) or says_not_told(answer.text)


def right(question: Question, answer: Answer) -> bool:
    """Whether it is what should be said: the facts, or that the documents do not tell."""
    if not question.answerable:
        return refused(answer)
    return question.right(answer.text) and not answer.withdrawn


def cites_what_tells_it(question: Question, answer: Answer, *, by_model_only: bool = False) -> bool:
    """Whether a mark names a passage of a section that answers the question."""
    marks = [mark for mark in answer.marks if mark.by == "model" or not by_model_only]
    return any(question.told_by(answer.passages[mark.number - 1]) for mark in marks)


def cited_sentences(answer: Answer, by: str) -> list[tuple[str, str, bool]]:
    """Each sentence with a mark by `model` or `upshift`, its passage's text, and whether that holds it.

    Held up: the passage has 60 % or more of the sentence's telling words, and every figure and name in it.
    """
    found = []
    for span in sentences(answer.text):
        numbers = [
            mark.number
            for mark in answer.marks
            if mark.by == by and span.start <= mark.start <= span.end - (mark.by == "model")
        ]
        sentence = answer.text[span.start : span.end]
        if numbers and says_something(sentence):
            named = [answer.passages[number - 1] for number in dict.fromkeys(numbers)]
            holds = max(share(sentence, passage) for passage in named) >= SUPPORTED
            found.append((sentence, "\n".join(passage.text for passage in named), holds))
    return found


def figures(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
    """The shares that the goals are about, each with the number of cases behind it."""
    pairs = list(zip(questions, answers, strict=True))
    told = [(question, answer) for question, answer in pairs if question.answerable]
    untold = [(question, answer) for question, answer in pairs if not question.answerable]
    by_model = [case for answer in answers for case in cited_sentences(answer, "model")]
    matched = [case for answer in answers for case in cited_sentences(answer, "upshift")]
    return {
        "supported": _share(holds for _, _, holds in by_model),
        "matched_supported": _share(holds for _, _, holds in matched),
        "right": _share(right(question, answer) for question, answer in told),
        "right_and_cited": _share(right(q, a) and cites_what_tells_it(q, a) for q, a in told),
        "right_and_cited_by_model": _share(
            right(q, a) and cites_what_tells_it(q, a, by_model_only=True) for q, a in told
        ),
        "wrongly_refused": _share(refused(a) and not right(q, a) for q, a in told),
        "untold_said": _share(right(question, answer) for question, answer in untold),
        "withdrawn": _share(bool(answer.withdrawn) for answer in answers),
    }


def row(question: Question, answer: Answer) -> dict[str, Any]:
    """One answer for the JSON file."""
    return {
        "id": question.id,
        "kind": question.kind,
        "half": question.half,
        "right": right(question, answer),
        "cites_what_tells_it": cites_what_tells_it(question, answer),
        "refused": refused(answer),
        "withdrawn": answer.withdrawn,
        "text": answer.text,
        "cited": answer.cited,
        "matched": answer.matched,
        "passages": [passage.passage_id for passage in answer.passages],
        "doubt": answer.doubt.model_dump(include={"score", "shown", "cause", "signals"})
        if answer.doubt
        else None,
    }


def _share(cases: Iterable[bool]) -> dict[str, float | int | None]:
    known = list(cases)
    return {"share": round(sum(known) / len(known), 3) if known else None, "n": len(known)}
