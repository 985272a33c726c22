"""`make bench-routing`, `python -m benchmarks.routing`: does routing pay?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.routing import deciders, strategies, tables, turns
from benchmarks.routing.asking import TierAnswer, ask_all, read_answers, row
from benchmarks.routing.tasks import Task, read_tasks
from benchmarks.tables import write_json
from data.policy import load_policy
from data.presets import load_preset

TIERS = ("fast", "heavy")
QUICK_TASKS = 16
RESULTS = Path("benchmarks/results/routing.json")
# What is wanted: so much of heavy's correct answers in so much of its median time, and ahead of litellm.
GOAL_CORRECT, GOAL_TIME = 0.95, 0.60

Outcome = tuple[TierAnswer, bool]


def main(argv: Sequence[str] | None = None) -> int:
    """Ask what has not been asked, decide, print and write."""
    options = _parser().parse_args(argv)
    tasks = read_tasks()
    if options.quick:
        tasks = tasks[:: max(1, len(tasks) // QUICK_TASKS)]
    known = read_answers(options.tier_answers)
    answers = ask_all(tasks, TIERS, options.repeats, known, options.tier_answers)
    outcomes = checked(tasks, list(answers.values()))
    figures = {"unit": "ms", "quick": options.quick, "repeats": options.repeats}
    figures |= evaluate(tasks, outcomes)
    if not options.no_turns:
        figures["turns"] = turns.measure(options.quick)
    figures["answers"] = [row(answer, right) for parts in outcomes.values() for answer, right in parts]
    write_json(options.json, {"routing": figures})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-routing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few tasks and turns, to see that it works")
    parser.add_argument("--repeats", type=int, default=1, help="how often each tier is asked each task (1)")
    parser.add_argument(
        "--tier-answers",
        type=Path,
        metavar="FILE",
        help="keep the answers here; those that are there already are not asked again",
    )
    parser.add_argument("--no-turns", action="store_true", help="leave out the conversations that switch")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where to write (default: {RESULTS})")
    return parser


def checked(tasks: Sequence[Task], answers: Sequence[TierAnswer]) -> dict[tuple[str, str], list[Outcome]]:
    """(task, tier) → its answers, each with whether it is right. An answer that failed is wrong."""
    checkers = {task.id: task.checker for task in tasks}
    found: dict[tuple[str, str], list[Outcome]] = {}
    for answer in answers:
        right = answer.status == "ok" and checkers[answer.task_id].accepts(answer.text)
        found.setdefault((answer.task_id, answer.tier), []).append((answer, right))
    return found


def sample_of(tasks: Sequence[Task], outcomes: dict[tuple[str, str], list[Outcome]]) -> strategies.Sample:
    """Both tiers' outcomes as columns; of several repeats the share correct and the median time."""

    def column(tier: str) -> strategies.Outcomes:
        parts = [outcomes[task.id, tier] for task in tasks]
        return strategies.Outcomes(
            np.array([np.mean([right for _, right in part]) for part in parts]),
            np.array([_median(answer.first_text_ms for answer, _ in part) for part in parts]),
            np.array([_median(answer.done_ms for answer, _ in part) for part in parts]),
        )

    return strategies.Sample.of(*(column(tier) for tier in TIERS))


def _median(values: Any) -> float:
    """The median of the times that there are; an answer without words has none and counts as endless."""
    there = [value for value in values if value is not None]
    return float(np.median(there)) if there else float("inf")


def evaluate(tasks: Sequence[Task], outcomes: dict[tuple[str, str], list[Outcome]]) -> dict[str, Any]:
    """All figures that need no further answers; prints the tables."""
    sample = sample_of(tasks, outcomes)
    ways = deciders.ways(tasks, sample)
    described = {name: strategies.describe(sample, way) for name, way in ways.items()}
    pairs = {
        "always heavy − always fast": ("always heavy", "always fast"),
        **{
            f"routed − {other}": (deciders.ROUTED, other)
            for other in (
                *("always heavy", "always fast", deciders.LITELLM, deciders.LITELLM_MEDIUM),
                *(deciders.LITELLM_SHARE, deciders.RANDOM),
            )
        },
    }
    differences = {
        name: strategies.difference(sample, ways[one], ways[other]) for name, (one, other) in pairs.items()
    }
    kinds = by_kind(tasks, sample, ways[deciders.ROUTED])
    print(
        f"\n{len(tasks)} tasks, each asked of both tiers; every way below is put together from these answers."
    )
    print(
        "Seconds p50 (p95), from the receipt of the message. gap: of what heavy is ahead of fast, how much."
    )
    tables.print_ways(described)
    print()
    tables.print_differences(differences)
    print()
    tables.print_kinds(kinds)
    verdict = goal(differences)
    print(f"\n{verdict['words']}")
    return {
        "tasks": len(tasks),
        "ways": described,
        "differences": differences,
        "kinds": kinds,
        "goal": verdict,
        "routed_to_heavy": [task.id for task, way in zip(tasks, ways[deciders.ROUTED], strict=True) if way],
    }


def by_kind(
    tasks: Sequence[Task], sample: strategies.Sample, routed: strategies.Column
) -> list[dict[str, Any]]:
    """For each kind of work: how both tiers did and where it went."""
    policy, preset = load_policy(), load_preset("local")
    table = preset.table(policy) or {}
    right = sample.correct(routed)
    lines = []
    for work in sorted({task.work for task in tasks}, key=lambda name: (policy.level_of(name), name)):
        here = np.array([task.work == work for task in tasks])
        lines.append(
            {
                "work": work,
                "n": int(here.sum()),
                "policy_tier": table.get(work) or policy.tier_of(work),
                "fast_correct": round(float(sample.fast.correct[here].mean()), 4),
                "heavy_correct": round(float(sample.heavy.correct[here].mean()), 4),
                "share_heavy": round(float(routed[here].mean()), 4),
                "routed_correct": round(float(right[here].mean()), 4),
            }
        )
    return lines


def goal(differences: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Whether routing is worth it, as the goal has it, and the sentence that says so."""
    heavy = differences["routed − always heavy"]
    peer = differences[f"routed − {deciders.LITELLM}"]
    even = differences[f"routed − {deciders.LITELLM_SHARE}"]
    kept, time = heavy["correct_ratio"], heavy["median_done_ratio"]
    met = {
        "correct": kept is not None and kept >= GOAL_CORRECT,
        "time": time <= GOAL_TIME,
        "ahead_of_litellm_correct": peer["correct"] > 0,
        "ahead_of_litellm_time": peer["median_done_ratio"] < 1,
    }
    words = (
        f"Goal: at least {GOAL_CORRECT:.0%} of heavy's correct answers: {kept or 0:.0%} "
        f"({tables.between(heavy['correct_ratio_interval'])}), {_met(met['correct'])}; "
        f"at most {GOAL_TIME:.0%} of its median time to done: {time:.0%} "
        f"({tables.between(heavy['median_done_ratio_interval'])}), {_met(met['time'])}; "
        f"ahead of litellm in correct answers ({peer['correct'] * 100:+.1f} points): "
        f"{_met(met['ahead_of_litellm_correct'])}; in median time to done "
        f"({peer['median_done_ratio']:.0%} of litellm's): {_met(met['ahead_of_litellm_time'])}. "
        f"With litellm sending as much to heavy as we do: {even['correct'] * 100:+.1f} points, "
        f"{even['median_done_ratio']:.0%} of its time."
    )
    return {"met": met, "words": words}


def _met(yes: bool) -> str:
    return "met" if yes else "missed"


if __name__ == "__main__":
    sys.exit(main())
