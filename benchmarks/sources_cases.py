"""Answers as cases for the doubt: from both question sets and from the router's checkable tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks import sources_rules
from benchmarks.remembering import Memory
from benchmarks.routing.tasks import read_tasks
from benchmarks.sources_asking import TIERS, ask, ask_all, services_with
from benchmarks.sources_doubt import Case
from benchmarks.sources_questions import SETS, Question, load
from data.answers import Answer

RESULTS = Path(__file__).parent / "results"
ANSWERS = RESULTS / "sources_answers.jsonl"
TASK_ANSWERS = RESULTS / "doubt_task_answers.jsonl"


def half_of(task_id: str) -> str:
    """The half of a checkable task: a coin thrown by its id."""
    return "test" if int(hashlib.sha256(task_id.encode()).hexdigest(), 16) % 2 else "dev"


def cases_of(asked: Sequence[tuple[Question, Answer]], origin: str) -> list[Case]:
    """The answers to questions that claim something."""
    return [
        Case(answer.doubt.signals, not sources_rules.right(question, answer), question.half, origin)
        for question, answer in asked
        if answer.status == "ok" and answer.doubt is not None and not sources_rules.refused(answer)
    ]


def task_cases(half: str | None = None, *, may_ask: bool = False) -> list[Case]:
    """The answers to the tasks (of one half) that are remembered; `may_ask` asks the others first."""
    found = []
    with services_with(Memory(TASK_ANSWERS), may_ask) as services:
        for task in read_tasks():
            for tier in TIERS:
                if half not in (None, half_of(task.id)):
                    continue
                answer = ask(services, task.messages, tier)
                if answer.status == "ok" and answer.doubt is not None:
                    wrong = not task.checker.accepts(answer.text)
                    found.append(Case(answer.doubt.signals, wrong, half_of(task.id), "tasks"))
    return found


def remembered_cases() -> list[Case]:
    """All that is remembered, without asking anything."""
    found = task_cases()
    with services_with(Memory(ANSWERS), may_ask=False) as services:
        for name in SETS:
            questions = load(name)
            chosen = list(questions.question)
            for answers in ask_all(services, questions, chosen).values():
                found += cases_of(list(zip(chosen, answers, strict=True)), name)
    return found
