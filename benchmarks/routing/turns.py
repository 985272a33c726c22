"""What it costs a conversation to switch tiers: turns 5 and 10, beside conversations that stay with one.

A model reads only what is not in its cache yet. After a switch that is also what the other one wrote;
reading while nobody waits takes that away again.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from benchmarks.asking import Person, app, tell
from benchmarks.model_turns import MEASURED, TIERS, converse, switching
from benchmarks.tables import print_table, seconds, summary

CONVERSATIONS = Path(__file__).parents[1] / "routing_conversations.toml"
IDLE_LIMIT_S = 30.0


def measure(quick: bool) -> dict[str, Any]:
    """Print both tables; returns every answer."""
    prompts = tomllib.loads(CONVERSATIONS.read_text(encoding="utf-8"))
    return {
        "switching": switching(prompts, IDLE_LIMIT_S, quick, repeats=1),
        "staying": _staying(prompts, 5 if quick else 10),
    }


def _staying(prompts: dict[str, Any], last: int) -> dict[str, Any]:
    """The same conversations with one tier from beginning to end, nothing read while idle."""
    rows: list[dict[str, Any]] = []
    with app(read_ahead=False) as current:
        for tier in TIERS:
            for number, conversation in enumerate(prompts["conversations"]):
                tell(f"conversation {number + 1} stays with the {tier} tier")
                asked = converse(Person(current), conversation["turns"], [tier] * last, 0)
                rows += [
                    {"conversation": number, "turn": turn, **one.row()} for turn, one in enumerate(asked, 1)
                ]
    lines = []
    for turn in MEASURED:
        for tier in TIERS:
            chosen = [row for row in rows if row["turn"] == turn and row["tier"] == tier]
            if chosen:
                lines.append(
                    {
                        "turn": turn,
                        "tier": tier,
                        "first_text": summary(row["first_text_ms"] for row in chosen),
                        "prompt_tokens": summary(row["input_tokens"] for row in chosen),
                        "tokens_to_read": summary(row["tokens_to_read"] for row in chosen),
                    }
                )
    print("\nThe same conversations with one tier throughout, nothing read while idle. Seconds, p50 (p95).")
    print_table(
        ["turn", "tier", "n", "first words", "tokens", "of them to read"],
        [
            [
                line["turn"],
                line["tier"],
                line["first_text"]["n"],
                seconds(line["first_text"]),
                line["prompt_tokens"]["p50"],
                line["tokens_to_read"]["p50"],
            ]
            for line in lines
        ],
    )
    return {"turns": lines, "answers": rows}
