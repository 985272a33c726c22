"""Answers as cases for the doubt: from both question sets and from the router's checkable tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks import sources_rules
from benchmarks.routing.asking import read_answers
from benchmarks.routing.tasks import read_tasks
from benchmarks.sources_doubt import Case
from benchmarks.sources_questions import Question
from data.answers import Answer
from router.doubt import agreement

# Where `make bench-routing ARGS="--tier-answers …"` keeps what both tiers said to its tasks.
TASK_ANSWERS = Path(__file__).parent / "results" / "routing_answers.json"


def half_of(task_id: str) -> str:
    """The half of a checkable task: a coin thrown by its id."""
    return "test" if int(hashlib.sha256(task_id.encode()).hexdigest(), 16) % 2 else "dev"


def question_cases(asked: Sequence[tuple[Question, Answer]], origin: str) -> list[Case]:
    """The answers to questions that claim something."""
    return [
        Case(answer.doubt.signals, not sources_rules.right(question, answer), question.half, origin)
        for question, answer in asked
        if answer.status == "ok" and answer.doubt is not None and not sources_rules.refused(answer)
    ]


def compared_cases(
    asked: Sequence[tuple[Question, Answer]], others: Sequence[tuple[Question, Answer]], origin: str
) -> list[Case]:
    """The same answers as if another tier's, `others`, had been there first: with how much both agree."""
    cases = []
    for one, (_, other) in zip(asked, others, strict=True):
        for case in question_cases([one], f"{origin}, compared"):
            compared = {**case.signals, "agreement": agreement(one[1].text, other.text)}
            cases.append(Case(compared, case.wrong, case.half, case.origin))
    return cases


def task_cases(path: Path = TASK_ANSWERS) -> list[Case]:
    """The answers to the router's tasks that were kept with their signals; none if there is no file."""
    tasks = {(task.id, task.digest): task for task in read_tasks()}
    return [
        Case(answer.signals, not tasks[asked].checker.accepts(answer.text), half_of(answer.task_id), "tasks")
        for answer in read_answers(path).values()
        if (asked := (answer.task_id, answer.digest)) in tasks and answer.status == "ok" and answer.signals
    ]
