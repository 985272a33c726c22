"""Prints what the routing benchmark found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.tables import print_table


def print_ways(ways: dict[str, dict[str, Any]]) -> None:
    """A line for each way of choosing a tier."""
    print_table(
        ["way", "correct", "95 % interval", "heavy", "first text s", "done s", "done p50 interval", "gap"],
        [
            [
                name,
                percent(way["correct"]),
                between(way["correct_interval"]),
                percent(way["share_heavy"]),
                _times(way["first_text_ms"]),
                _times(way["done_ms"]),
                "{:.2f} to {:.2f}".format(*(ms / 1000 for ms in way["done_ms"]["p50_interval"])),
                _gap(way),
            ]
            for name, way in ways.items()
        ],
    )


def print_differences(differences: dict[str, dict[str, Any]]) -> None:
    """Paired differences, in percentage points, and the ratio of median times to done."""
    print_table(
        ["compared", "points", "95 % interval", "better on", "worse on", "median time to done"],
        [
            [
                name,
                f"{one['correct'] * 100:+.1f}",
                "{:+.1f} to {:+.1f}".format(*(bound * 100 for bound in one["interval"])),
                one["tasks_better"],
                one["tasks_worse"],
                f"{one['median_done_ratio']:.0%} ({between(one['median_done_ratio_interval'])})",
            ]
            for name, one in differences.items()
        ],
    )


def print_kinds(kinds: Sequence[dict[str, Any]]) -> None:
    """How each kind of work went with each tier, and where it is sent."""
    print_table(
        ["work", "tasks", "policy says", "fast right", "heavy right", "routed to heavy", "routed right"],
        [
            [
                one["work"],
                one["n"],
                one["policy_tier"],
                percent(one["fast_correct"]),
                percent(one["heavy_correct"]),
                percent(one["share_heavy"]),
                percent(one["routed_correct"]),
            ]
            for one in kinds
        ],
    )


def percent(share: float) -> str:
    """`64 %`."""
    return f"{share * 100:.0f} %"


def between(interval: Sequence[float] | None) -> str:
    """`57 to 71 %`."""
    return "–" if interval is None else f"{interval[0] * 100:.0f} to {interval[1] * 100:.0f} %"


def _times(figures: dict[str, Any]) -> str:
    return f"{figures['p50'] / 1000:.2f} ({figures['p95'] / 1000:.2f})"


def _gap(way: dict[str, Any]) -> str:
    if way["gap_recovered"] is None:
        return "–"
    return f"{percent(way['gap_recovered'])} ({between(way['gap_recovered_interval'])})"
