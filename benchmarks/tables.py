"""Figures of a measurement: summed up, printed as a table, and written down with where they are from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np


def summary(values: Iterable[float | None]) -> dict[str, float | int | None]:
    """Median and 95th percentile (linear interpolation) of the values that there are, and how many."""
    there = [value for value in values if value is not None]
    if not there:
        return {"p50": None, "p95": None, "n": 0}
    p50, p95 = np.percentile(there, [50, 95])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "n": len(there)}


def shown(figures: dict[str, Any]) -> str:
    """`p50 (p95)` as text."""
    if not figures["n"]:
        return "–"
    return f"{figures['p50']:.0f} ({figures['p95']:.0f})"


def seconds(figures: dict[str, Any]) -> str:
    """`p50 (p95)` of milliseconds, as seconds."""
    if not figures["n"]:
        return "–"
    return f"{figures['p50'] / 1000:.2f} ({figures['p95'] / 1000:.2f})"


def verdict(goal: float | None, measured: float | None) -> str:
    """`met`, or by how much it was missed; nothing where there is no goal or no figure."""
    if goal is None or measured is None:
        return ""
    return "met" if measured <= goal else f"missed by {measured / goal - 1:.0%}"


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table, wide enough to read in a terminal too."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for number, line in enumerate(lines):
        print(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |",
            flush=True,
        )
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def write_json(path: Path, figures: dict[str, Any]) -> None:
    """Write the figures with date and machine; figures of parts not run this time are kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else {}
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()}
    for part in figures.values():
        part["measured_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        part["machine"] = machine | {"load_before_1_min": round(os.getloadavg()[0], 2)}
    path.write_text(json.dumps({"figures": before | figures}, indent=1) + "\n", encoding="utf-8")
    print(f"\nWritten to {path}")
