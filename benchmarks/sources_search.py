"""Whether the search finds a passage of a section that answers the question."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.sources_questions import Question, QuestionSet, index_of, ordinary, practice
from benchmarks.tables import print_table, summary
from data.records import Passage
from router.retrieve import Retriever

LIMIT = 3
BUDGET_TOKENS = 1200
ORDINARY = 300


def search_figures(name: str, questions: QuestionSet) -> dict[str, Any]:
    """Recall at 1 and 3, and of what a model is given, for each kind and half of the set `name`.

    The practice questions are those that the weights were fitted on, the ordinary messages are not.
    """
    retriever = Retriever(index_of(questions))
    rows: dict[str, dict[str, Any]] = {}
    for half in ("dev", "test"):
        for kinds in (("plain",), ("reworded",), ("plain", "reworded"), ("unanswerable",)):
            chosen = [q for q in questions.question if q.half == half and q.kind in kinds]
            kind = "all answerable" if len(kinds) > 1 else kinds[0]
            rows[f"{half}, {kind}"] = _row(retriever, chosen)
    harder = practice(name).question
    rows["practice, reworded"] = _row(retriever, [q for q in harder if q.answerable])
    rows["practice, unanswerable"] = _row(retriever, [q for q in harder if not q.answerable])
    rows["ordinary messages"] = _others(retriever)
    asked = [question.ask for question in questions.question]
    index = retriever.find("?", (), task="lookup", budget_tokens=BUDGET_TOKENS)
    return {
        "documents": index.searched_documents,
        "passages": index.searched_passages,
        "search_ms": summary([_search_ms(retriever, ask, time.perf_counter) for ask in asked]),
        "search_cpu_ms": summary([_search_ms(retriever, f"So, {ask}", time.thread_time) for ask in asked]),
        "rows": rows,
    }


def _search_ms(retriever: Retriever, question: str, clock: Callable[[], float]) -> float:
    began = clock()
    retriever.find(f"Please: {question}", (), task="lookup", budget_tokens=BUDGET_TOKENS)
    return (clock() - began) * 1000


def _row(retriever: Retriever, chosen: list[Question]) -> dict[str, Any]:
    ranked = [(question, retriever.ranked(question.ask, limit=LIMIT)) for question in chosen]
    given = [(question, _given(retriever, question)) for question in chosen]
    return {
        "n": len(chosen),
        "recall_at_1": _recall(ranked, 1),
        "recall_at_3": _recall(ranked, LIMIT),
        "given": _recall(given, 9),
        "found_something": round(sum(bool(passages) for _, passages in given) / len(chosen), 3),
    }


def _others(retriever: Retriever) -> dict[str, Any]:
    """How often something is found for messages that ask for something else, each by its own task."""
    messages = [(prompt.messages[-1].content, prompt.task) for prompt in ordinary(ORDINARY, held_out=True)]
    found = [
        bool(retriever.find(text, (), task=task, budget_tokens=BUDGET_TOKENS).passages)
        for text, task in messages
    ]
    share = round(sum(found) / len(found), 3)
    return {
        "n": len(found),
        **dict.fromkeys(("recall_at_1", "recall_at_3", "given")),
        "found_something": share,
    }


def _given(retriever: Retriever, question: Question) -> tuple[Passage, ...]:
    return retriever.find(question.ask, (), task="lookup", budget_tokens=BUDGET_TOKENS).passages


def _recall(found: Sequence[tuple[Question, Sequence[Passage]]], first: int) -> float | None:
    """Share of the questions with a telling passage among the first; None where nothing tells them."""
    if not all(question.answerable for question, _ in found):
        return None
    hits = sum(any(map(question.told_by, passages[:first])) for question, passages in found)
    return round(hits / len(found), 3)


def print_search(found: dict[str, dict[str, Any]]) -> None:
    """One table for all sets. Goal: recall at 3 of 0.90 on all that can be answered."""
    header = ["set", "half, kind", "n", "recall@1", "recall@3", "given to the model", "finds something"]
    print_table(
        header,
        [
            [
                name,
                what,
                *(row[key] if row[key] is not None else "–" for key in ("n", "recall_at_1", "recall_at_3")),
                row["given"] if row["given"] is not None else "–",
                row["found_something"],
            ]
            for name, figures in found.items()
            for what, row in figures["rows"].items()
        ],
    )
    for name, figures in found.items():
        wall, processor = figures["search_ms"], figures["search_cpu_ms"]
        print(
            f"\nA search of {name} ({figures['passages']} passages): p50 {wall['p50']}, p95 {wall['p95']} ms;"
            f" processor time p50 {processor['p50']} ms, p95 {processor['p95']} ms"
        )
