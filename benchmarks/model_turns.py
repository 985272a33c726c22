"""Turns 5 and 10 of conversations whose tiers take turns, with and without reading while idle.

Each tier then has to read what the other one wrote. When the models read the conversation while
nobody waits, only the new message is left to be read; without that, the last two turns are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.asking import Asked, Person, app, idle, tell
from benchmarks.goals import first_words_goal
from benchmarks.tables import print_table, seconds, summary, verdict

TIERS = ("fast", "heavy")
MEASURED = (5, 10)


def switching(prompts: dict[str, Any], idle_limit_s: float, quick: bool, repeats: int = 2) -> dict[str, Any]:
    """Measure and print; returns every answer and the figures of the measured turns."""
    conversations = prompts["conversations"]
    last = 5 if quick else 10
    rows: list[dict[str, Any]] = []
    for read_ahead in (True, False):
        for _ in range(1 if quick else repeats):
            with app(read_ahead) as current:
                for number, conversation in enumerate(conversations):
                    tell(f"conversation {number + 1}, {'' if read_ahead else 'not '}read while idle")
                    tiers = [TIERS[(at + TIERS.index(conversation["first"])) % 2] for at in range(last)]
                    asked = converse(Person(current), conversation["turns"], tiers, idle_limit_s)
                    rows += [
                        {"conversation": number, "read_ahead": read_ahead, "turn": turn, **one.row()}
                        for turn, one in enumerate(asked, 1)
                    ]
    figures = _figures(rows)
    _print(figures)
    return {"turns": figures, "answers": rows}


def converse(person: Person, texts: Sequence[str], tiers: Sequence[str], idle_limit_s: float) -> list[Asked]:
    """The conversation's turns, each by its tier; before each, time to read in advance."""
    where = person.begin()
    asked = []
    for text, tier in zip(texts, tiers, strict=False):
        idle(person.current, idle_limit_s)
        asked.append(person.ask(text, tier, where))
    return asked


def _figures(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each measured turn and tier, with and without reading in advance; then all turns."""
    lines = []
    for turn in (*MEASURED, None):
        for tier in TIERS:
            for read_ahead in (True, False):
                chosen = [
                    row
                    for row in rows
                    if row["tier"] == tier
                    and row["read_ahead"] == read_ahead
                    and (row["turn"] == turn if turn else row["turn"] > 1)
                ]
                if chosen:
                    lines.append(_line(turn, tier, read_ahead, chosen))
    return lines


def _line(turn: int | None, tier: str, read_ahead: bool, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = summary(row["first_text_ms"] for row in rows)
    with_sources = sum(bool(row["sources"]) for row in rows)
    # Held against the goal without sources unless most of these turns had some.
    goal = first_words_goal(tier, with_sources * 2 > len(rows))
    return {
        "turn": turn or "2 to the last",
        "tier": tier,
        "read_while_idle": read_ahead,
        "first_text": first,
        "goal_p50": goal,
        "verdict": verdict(goal, first["p50"]),
        "prompt_tokens": summary(row["input_tokens"] for row in rows),
        "tokens_to_read": summary(row["tokens_to_read"] for row in rows),
        "with_sources": with_sources,
    }


def _print(lines: Sequence[dict[str, Any]]) -> None:
    print("\nConversations whose tiers take turns. First words in seconds, p50 (p95).")
    header = ["turn", "tier", "read while idle", "n", "first words", "goal", "", "tokens", "of them to read"]
    print_table(
        header,
        [
            [
                line["turn"],
                line["tier"],
                "yes" if line["read_while_idle"] else "no",
                line["first_text"]["n"],
                seconds(line["first_text"]),
                f"{line['goal_p50'] / 1000:.2f}",
                line["verdict"],
                line["prompt_tokens"]["p50"],
                line["tokens_to_read"]["p50"],
            ]
            for line in lines
        ],
    )
