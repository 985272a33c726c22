"""The local models as a person meets them: how long until the first words, and until the end.

Everything goes the app's own way below the page (`Conversation.ask` and the events), with the real
models, a log that is thrown away and the purpose `test`. Four parts, printed one after the other:
mixed prompts (routed beside always-fast and always-heavy), conversations whose tiers take turns,
suggestions that were read in advance, and how soon a stopped model can be used again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import model_moments, model_turns
from benchmarks.asking import Asked, Person, app, idle, quiet, tell
from benchmarks.goals import first_words_goal
from benchmarks.tables import print_table, seconds, summary, verdict

PROMPTS = Path(__file__).with_name("prompts.toml")
GROUPS = ("light_with_sources", "heavy_with_sources", "light_without", "heavy_without")
ARMS: dict[str, str | None] = {"routed": None, "always fast": "fast", "always heavy": "heavy"}
# As long as somebody reads an answer before they ask the next thing; then they no longer wait for us.
IDLE_LIMIT_S = 30.0


def run(quick: bool = False) -> dict[str, Any]:
    """Measure and print all parts; returns their figures, with every single answer."""
    prompts = tomllib.loads(PROMPTS.read_text(encoding="utf-8"))
    return {
        "mixed": mixed(prompts, quick),
        "switching": model_turns.switching(prompts, IDLE_LIMIT_S, quick),
        "suggestions": model_moments.suggestions(prompts, IDLE_LIMIT_S, quick),
        "stopping": model_moments.stopping(prompts, quick),
        "unit": "ms",
        "quick": quick,
    }


def mixed(prompts: dict[str, Any], quick: bool) -> dict[str, Any]:
    """The mixed prompts, each the first message of a conversation: three ways in turns, then hurriedly."""
    each = 1 if quick else 5
    asked = list(chain.from_iterable(zip(*(prompts[group][:each] for group in GROUPS), strict=True)))
    answers, waits = _in_turns(asked)
    answers["routed, no pause"] = _hurried(asked)
    print(f"\n{len(asked)} mixed prompts. Seconds, p50 (p95). Before each prompt the models had time to read")
    print(f"in advance, {IDLE_LIMIT_S:.0f} s at most (taken: {_waited(waits)}); 'no pause': none at all.")
    _print_by_tier(answers)
    print()
    _print_whole(answers)
    return {
        "prompts": len(asked),
        "idle_ms": summary(seconds_ * 1000 for seconds_, _ in waits),
        "idle_limit_reached": sum(not enough for _, enough in waits),
        "by_tier": {arm: _by_tier(rows) for arm, rows in answers.items()},
        "whole": {arm: _whole(rows) for arm, rows in answers.items()},
        "answers": {arm: [row.row() for row in rows] for arm, rows in answers.items()},
    }


def _in_turns(asked: Sequence[str]) -> tuple[dict[str, list[Asked]], list[tuple[float, bool]]]:
    """Each prompt in each arm, one after the other.

    Every arm is an app of its own with its own models: in one app, what one arm has read would be in
    the cache when the next one asks. Only the app that is asked may read in advance.
    """
    answers: dict[str, list[Asked]] = {arm: [] for arm in ARMS}
    waits = []
    with ExitStack() as stack:
        apps = {arm: stack.enter_context(app()) for arm in ARMS}
        people = {arm: Person(current) for arm, current in apps.items()}
        for number, prompt in enumerate(["Say hello.", *asked]):
            tell(f"mixed prompts, in three ways: {number} of {len(asked)}")
            for arm in _rotated(list(ARMS), number):
                with quiet(current for name, current in apps.items() if name != arm):
                    # The first round only lets everything be used once; suggestions are read before it.
                    waited = idle(apps[arm], IDLE_LIMIT_S if number else 300)
                    answer = people[arm].ask(prompt, ARMS[arm])
                if number:
                    waits.append(waited)
                    answers[arm].append(answer)
    return answers, waits


def _hurried(asked: Sequence[str]) -> list[Asked]:
    """Each prompt as soon as the answer before it has ended: no time to read anything in advance."""
    tell("mixed prompts, no pause between them")
    with app() as current:
        idle(current, 300)
        person = Person(current)
        person.ask("Say hello.")
        return [person.ask(prompt) for prompt in asked]


def _rotated(items: list[str], by: int) -> list[str]:
    return items[by % len(items) :] + items[: by % len(items)]


def _waited(waits: Sequence[tuple[float, bool]]) -> str:
    over = sum(not enough for _, enough in waits)
    return f"{seconds(summary(waited * 1000 for waited, _ in waits))}; not enough {over} times"


def _by_tier(rows: Sequence[Asked]) -> dict[str, dict[str, Any]]:
    """Figures for each tier, with and without sources. `tokens_to_read` were not in the model's cache."""
    found = {
        f"{tier}, {'with' if sources else 'no'} sources": [
            row for row in rows if row.tier == tier and bool(row.sources) == sources
        ]
        for tier in ("fast", "heavy")
        for sources in (False, True)
    }
    return {name: _figures(chosen) for name, chosen in found.items() if chosen}


def _figures(rows: Sequence[Asked]) -> dict[str, Any]:
    goal = first_words_goal(rows[0].tier, bool(rows[0].sources))
    first = summary(row.first_text_ms for row in rows)
    return {
        "first_text": first,
        "goal_p50": goal,
        "verdict": verdict(goal, first["p50"]),
        "done": summary(row.done_ms for row in rows),
        "prompt_tokens": summary(row.input_tokens for row in rows),
        "tokens_to_read": summary(row.tokens_to_read for row in rows),
        "not_ok": sum(row.status != "ok" for row in rows),
    }


def _whole(rows: Sequence[Asked]) -> dict[str, Any]:
    return {
        "first_text": summary(row.first_text_ms for row in rows),
        "done": summary(row.done_ms for row in rows),
        "share_heavy": round(sum(row.tier == "heavy" for row in rows) / len(rows), 2),
        "output_tokens": summary(row.output_tokens for row in rows),
    }


def _print_by_tier(answers: dict[str, list[Asked]]) -> None:
    header = ["way", "tier", "n", "first words", "goal", "", "done", "prompt tokens", "of them to read"]
    lines = []
    for arm, rows in answers.items():
        for name, part in _by_tier(rows).items():
            first = part["first_text"]
            tokens = (part["prompt_tokens"]["p50"], part["tokens_to_read"]["p50"])
            goal = f"{part['goal_p50'] / 1000:.2f}"
            lines.append(
                [arm, name, first["n"], seconds(first), goal, part["verdict"], seconds(part["done"]), *tokens]
            )
    print_table(header, lines)


def _print_whole(answers: dict[str, list[Asked]]) -> None:
    header = ["way", "share heavy", "first words", "done", "answer tokens p50"]
    lines = []
    for arm, rows in answers.items():
        part = _whole(rows)
        lines.append(
            [
                arm,
                f"{part['share_heavy']:.0%}",
                seconds(part["first_text"]),
                seconds(part["done"]),
                part["output_tokens"]["p50"],
            ]
        )
    print_table(header, lines)
