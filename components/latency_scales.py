"""Scales, numbers in words, and tables for the pictures of the latency page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from data.export import guarded
from data.percentiles import P95_FROM, Summary

NOTHING = "–"
Axis = dict[str, Any]


def ms(value: float | None) -> str:
    """Milliseconds as people read them; as charts.js writes them."""
    if value is None or math.isnan(value):
        return NOTHING
    if value < 10:
        return f"{value:.1f} ms"
    if value < 1000:
        return f"{value:.0f} ms"
    if value < 100_000:
        return f"{value / 1000:.{2 if value < 10_000 else 1}f} s"
    return f"{value / 60_000:.1f} min" if value < 3_600_000 else f"{value / 3_600_000:,.1f} h"


def share(part: float, whole: float) -> str:
    """A share in percent; nothing where there is nothing to take a share of."""
    return f"{part / whole:.1%}".replace("%", " %") if whole else NOTHING


def p95(summary: Summary) -> str:
    """The p95 with its name, or why there is none."""
    return f"p95 {ms(summary.p95_ms)}" if summary.p95_ms is not None else f"no p95 below {P95_FROM}"


def turns(n: int) -> str:
    """So many turns."""
    return "1 turn" if n == 1 else f"{n:,} turns"


def times(values: Iterable[float | None], label: str = "") -> Axis:
    """A logarithmic axis of milliseconds that has room for all the values, in steps of 1, 2 and 5."""
    known = [value for value in values if value is not None and value > 0] or [100.0, 1000.0]
    low, high = _round_down(min(known)), _round_up(max(known) * 1.02)
    if high <= low:
        high = _round_up(low * 1.5)
    ticks = [step for step in _steps(low, high) if low <= step <= high]
    if len(ticks) > 7:
        ticks = [tick for tick in ticks if f"{tick:.0e}"[0] == "1"]
    return {"domain": [low, high], "log": True, "ticks": [[t, _tick(t)] for t in ticks], "label": label}


def from_zero(high_ms: float) -> Axis:
    """A linear axis of milliseconds from 0, with about five round steps."""
    step = _round_up(max(high_ms, 1.0) / 6)
    count = math.ceil(max(high_ms, 1.0) / step)
    ticks = [[step * n, "0" if n == 0 else _tick(step * n)] for n in range(count + 1)]
    return {"domain": [0, step * count], "log": False, "ticks": ticks, "label": ""}


def shares(high: float = 1.0) -> Axis:
    """A linear axis of shares from 0, at most to 1."""
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if s * 5 >= high or s == 0.25)
    count = min(math.ceil(max(high, step) / step - 1e-9), round(1 / step))
    ticks = [[step * n, f"{step * n:.0%}".replace("%", " %")] for n in range(count + 1)]
    return {"domain": [0, step * count], "log": False, "share": True, "ticks": ticks, "label": ""}


def days(names: Sequence[str]) -> Axis:
    """An axis with a place for each day, the first and the last ones named."""
    every = max(1, math.ceil(len(names) / 6))
    ticks = [[n, name[5:]] for n, name in enumerate(names) if n % every == 0]
    return {"domain": [0, max(1, len(names) - 1)], "days": list(names), "ticks": ticks, "label": "day (UTC)"}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, Any]:
    """The figures of a chart as a table and as the CSV file that is saved, safe to open in a spreadsheet."""
    plain = [[_rounded(cell) for cell in row] for row in rows]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([[guarded(cell) for cell in row] for row in plain])
    shown = [[NOTHING if cell is None else str(cell) for cell in row] for row in plain]
    return {"table": {"head": list(head), "rows": shown}, "csv": out.getvalue()}


def _rounded(cell: object) -> object:
    return None if cell is None else round(cell, 4) if isinstance(cell, float) else cell


def _tick(value: float) -> str:
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"


def _steps(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [round(digit * 10.0**power, 6) for power in range(first, last + 1) for digit in (1, 2, 5)]


def _round_down(value: float) -> float:
    return max(step for step in _steps(value / 10, value) if step <= value)


def _round_up(value: float) -> float:
    return min(step for step in _steps(value, value * 10) if step >= value)
