"""`make bench-sources`: do searches find what tells it, and do answers stand on what was found.

First the search alone on both sets of questions, then both local models' answers. The halves are kept
apart: what was chosen (wording, thresholds, weights) was chosen on `dev`, the figures that count are
those of `test`. Answers are remembered by their prompt in results/sources_answers.jsonl, so that only
what changed is asked again; `--fresh` forgets them.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import sources_rules
from benchmarks.remembering import Memory
from benchmarks.sources_asking import ask_all, services_with
from benchmarks.sources_cases import TASK_ANSWERS, compared_cases, question_cases, task_cases
from benchmarks.sources_doubt import Case, doubt_figures, fit, print_doubt, write
from benchmarks.sources_questions import SETS, Question, QuestionSet, load
from benchmarks.sources_search import print_search, search_figures
from benchmarks.tables import print_table, write_json
from data.answers import Answer
from data.doubt import DOUBT_FILE, load_doubt
from data.paths import shipped

HERE = Path(__file__).parent
ANSWERS = HERE / "results" / "sources_answers.jsonl"
# Shares, and whether they are to be reached or to be kept below.
GOALS = {
    "supported": (0.85, True),
    "right_and_cited": (0.75, True),
    "untold_said": (0.80, True),
    "wrongly_refused": (0.10, False),
}
SAMPLE = 24


def main() -> int:
    """Run what is asked for and write the figures."""
    parser = argparse.ArgumentParser(prog="make bench-sources", description=__doc__)
    parser.add_argument("--set", choices=SETS, action="append", help="only this set (default: both)")
    parser.add_argument("--half", choices=("dev", "test"), help="only this half (default: both)")
    parser.add_argument("--search", action="store_true", help="only the search, no models: seconds")
    parser.add_argument("--fresh", action="store_true", help="ask everything again")
    parser.add_argument(
        "--fit", action="store_true", help="fit the doubt on the dev halves and write data/doubt.toml"
    )
    parser.add_argument(
        "--tasks", type=Path, default=TASK_ANSWERS, help="answers that make bench-routing kept, for the doubt"
    )
    parser.add_argument("--json", type=Path, default=HERE / "results" / "sources.json", help="where to write")
    arguments = parser.parse_args()
    sets = {name: load(name) for name in arguments.set or SETS}
    found = {name: search_figures(name, questions) for name, questions in sets.items()}
    print_search(found)
    figures: dict[str, Any] = {"search": {"sets": found}}
    if not arguments.search:
        if arguments.fresh:
            ANSWERS.unlink(missing_ok=True)
        halves = (arguments.half,) if arguments.half else ("dev", "test")
        figures["answers"] = answers(
            sets, halves, Memory(ANSWERS), task_cases(arguments.tasks), arguments.fit
        )
    write_json(arguments.json, figures)
    return 0


def answers(
    sets: dict[str, QuestionSet],
    halves: Sequence[str],
    memory: Memory,
    tasks: Sequence[Case],
    fits: bool,
) -> dict[str, Any]:
    """Ask both tiers every question of these halves; prints and returns the figures."""
    began = time.monotonic()
    asked: dict[tuple[str, str], list[tuple[Question, Answer]]] = {}
    with services_with(memory) as services:
        for name, questions in sets.items():
            chosen = [question for question in questions.question if question.half in halves]
            for tier, given in ask_all(services, questions, chosen).items():
                asked[name, tier] = list(zip(chosen, given, strict=True))
    memory.forget_unused(whole=len(halves) == 2 and len(sets) == len(SETS))
    shares = {
        f"{name}, {half}, {tier}": sources_rules.figures(
            [question for question, _ in cases if question.half == half],
            [answer for question, answer in cases if question.half == half],
        )
        for (name, tier), cases in asked.items()
        for half in halves
    }
    _print_answers(shares)
    doubt = _doubt(asked, tasks, fits)
    return {
        "shares": shares,
        "doubt": doubt,
        "asked": memory.asked,
        "took_s": round(time.monotonic() - began),
        "sample": _sample([answer for cases in asked.values() for _, answer in cases]),
        "answers": {
            f"{name}, {tier}": [sources_rules.row(question, answer) for question, answer in cases]
            for (name, tier), cases in asked.items()
        },
    }


def _doubt(
    asked: dict[tuple[str, str], list[tuple[Question, Answer]]], tasks: Sequence[Case], fits: bool
) -> dict[str, dict[str, Any]]:
    """What the doubt is worth, on these answers and those to the router's tasks, if they were kept."""
    cases = [case for (name, _), pairs in asked.items() for case in question_cases(pairs, name)]
    for (name, tier), pairs in asked.items():
        other = next((given for (of, by), given in asked.items() if of == name and by != tier), None)
        cases += compared_cases(pairs, other, name) if other is not None else []
    cases += tasks
    weights = fit(cases) if fits else load_doubt()
    found = doubt_figures(cases, weights)
    if fits:
        write(weights, found, shipped(DOUBT_FILE))
    print_doubt(found)
    return found


def _print_answers(shares: dict[str, dict[str, Any]]) -> None:
    print("\nAnswers. Shares, with the number of cases in brackets.")
    header = [
        "set, half, model",
        "cited sentences supported",
        "right and cited",
        "by the model alone",
        "says that it is not told",
        "wrongly refused",
    ]
    names = ("supported", "right_and_cited", "right_and_cited_by_model", "untold_said", "wrongly_refused")
    rows = [
        [what, *(_shown(figures[name], *GOALS.get(name, (None, True))) for name in names)]
        for what, figures in shares.items()
    ]
    print_table(header, rows)
    print(f"Goals: {', '.join(f'{name} {goal}' for name, (goal, _) in GOALS.items())}; heavy >= fast.")


def _shown(share: dict[str, Any], goal: float | None, at_least: bool) -> str:
    """`.86 (21) met`; without a goal only the share and its n."""
    value = share["share"]
    if value is None:
        return "–"
    verdict = "" if goal is None else " met" if (value >= goal if at_least else value <= goal) else " MISSED"
    return f"{value:.2f} ({share['n']}){verdict}"


def _sample(given: Sequence[Answer]) -> list[dict[str, object]]:
    """Cited sentences to be read by eye, with what they cite: the same ones every time."""
    cases: list[dict[str, object]] = [
        {"by": by, "sentence": sentence, "passage": passage, "holds": holds}
        for answer in given
        for by in ("model", "upshift")
        for sentence, passage, holds in sources_rules.cited_sentences(answer, by)
    ]
    return random.Random(4).sample(cases, min(SAMPLE, len(cases)))


if __name__ == "__main__":
    sys.exit(main())
