"""The figures that `python -m data report` prints: turns, tiers, outcomes and what people felt."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.percentiles import P95_FROM, Summary, summarise
from data.store import reading

# (figure, the server's column, the browser's column): side by side, each on its own clock.
FIGURES: tuple[tuple[str, str | None, str], ...] = (
    ("first_feedback", "first_feedback_ms", "client_first_feedback_ms"),
    ("first_cue", None, "client_first_cue_ms"),
    ("first_text", "first_content_ms", "client_first_content_ms"),
    ("readable", "readable_ms", "client_readable_ms"),
    ("done", "done_ms", "client_done_ms"),
)
# Why a turn does not count by default: the name of its switch, and its column.
LEFT_OUT: dict[str, str] = {
    "cold": "cold",
    "cached": "cache_hit",
    "warmed": "warmed",
    "joined": "joined",
    "hidden": "client_hidden",
}
_COLUMNS = tuple(column for _, *pair in FIGURES for column in pair if column is not None)


@dataclass(frozen=True)
class Figure:
    """One figure of one tier, as the server and as the browser measured it."""

    tier: str
    figure: str
    server: Summary | None
    browser: Summary


@dataclass(frozen=True)
class Report:
    """All that the report says; `as_json` gives the same in plain types.

    `counted` turns are those behind the figures; `left_out` counts the others by reason (a turn may
    have several). `routed` turns are those whose tier the router chose and not the person.
    """

    log: str
    turns: int
    first: str | None
    last: str | None
    statuses: dict[str, int]
    tiers: dict[str, int]
    routed: int
    routed_fast: int
    overridden: int
    counted: int
    left_out: dict[str, int]
    included: tuple[str, ...]
    figures: tuple[Figure, ...]

    @property
    def routed_fast_share(self) -> float | None:
        """Share of the routed turns that went to the fast tier, None without any."""
        return self.routed_fast / self.routed if self.routed else None

    def as_json(self) -> dict[str, Any]:
        """For `--json`: times in milliseconds, null where there is no figure."""
        return {**asdict(self), "routed_fast_share": self.routed_fast_share}


def make_report(
    log: Path,
    include: Sequence[str] = (),
    *,
    purposes: Sequence[str] = (),
    since: str | None = None,
) -> Report:
    """Read the log and compute its report.

    `include` names reasons of LEFT_OUT whose turns are to count all the same; `purposes` and `since`
    (ISO date, UTC) narrow the turns down. Raises LogUnavailable.
    """
    where, values = ["submitted_at IS NOT NULL"], []
    if purposes:
        places = ", ".join("?" * len(purposes))
        where.append(f"session_id IN (SELECT session_id FROM sessions WHERE purpose IN ({places}))")
        values += list(purposes)
    if since:
        where.append("submitted_at >= ?")
        values.append(since)
    # Words and flags as one text (JSON) for each turn: few of them differ, so they are told apart once each.
    key = ", ".join(("tier", "status", "overridden", *LEFT_OUT.values()))
    columns = f"json_array({key}), submitted_at, {', '.join(_COLUMNS)}"
    sql = f"SELECT {columns} FROM turns WHERE {' AND '.join(where)}"
    with reading(log) as connection:
        connection.row_factory = None
        rows = connection.execute(sql, values).fetchall()
    keys, times, *numbers = zip(*rows, strict=True) if rows else ((),) * (2 + len(_COLUMNS))
    return _summarised(log, keys, times, dict(zip(_COLUMNS, numbers, strict=True)), tuple(include))


def _summarised(
    log: Path,
    keys: Sequence[str],
    times: Sequence[str],
    by_column: dict[str, Sequence[float | None]],
    include: tuple[str, ...],
) -> Report:
    different: dict[str, int] = {}
    codes = np.array([different.setdefault(key, len(different)) for key in keys], dtype=np.intp)
    parts = [json.loads(key) for key in different]
    counted = np.bincount(codes, minlength=len(parts)).tolist()

    def flag(place: int) -> NDArray[np.bool_]:
        return np.array([bool(part[place]) for part in parts], dtype=bool)[codes]

    flags = {name: flag(3 + place) for place, name in enumerate(LEFT_OUT)}
    overridden = flag(2)
    tiers = np.array([part[0] or "" for part in parts], dtype=object)[codes]
    counts = np.ones(len(tiers), dtype=bool)
    for name, found in flags.items():
        if name not in include:
            counts &= ~found
    has_tier = tiers != ""
    routed = has_tier & ~overridden
    figures = []
    numbers = {column: np.array(values, dtype=float) for column, values in by_column.items()}
    for tier in sorted({part[0] or "" for part in parts} - {""}):
        mine = counts & (tiers == tier)
        for figure, server, browser in FIGURES:
            of_server = summarise(numbers[server][mine]) if server else None
            figures.append(Figure(tier, figure, of_server, summarise(numbers[browser][mine])))
    return Report(
        log=str(log),
        turns=len(tiers),
        first=min(times, default=None),
        last=max(times, default=None),
        statuses=_counted([part[1] for part in parts], counted),
        tiers=_counted([part[0] for part in parts], counted),
        routed=int(routed.sum()),
        routed_fast=int((routed & (tiers == "fast")).sum()),
        overridden=int((overridden & has_tier).sum()),
        counted=int((counts & has_tier).sum()),
        left_out={name: int(flag.sum()) for name, flag in flags.items() if name not in include},
        included=include,
        figures=tuple(figures),
    )


def _counted(names: Sequence[str | None], counts: Sequence[int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, n in zip(names, counts, strict=True):
        found[name or "unknown"] += n
    return dict(found.most_common())


def as_text(report: Report) -> str:
    """The report as a person reads it in a terminal of 80 columns."""
    if report.turns == 0:
        return f"No turns in the log yet ({report.log}). Ask the assistant something, then come back."
    lines = [
        f"{_turns(report.turns)} from {report.first[:10] if report.first else '?'}"
        f" to {report.last[:10] if report.last else '?'} (UTC) in {report.log}",
        f"  outcomes     {_listed(report.statuses)}",
        f"  tiers        {_listed(report.tiers)}",
        f"  routed fast  {_share(report)}",
        f"  figures      {_basis(report)}",
    ]
    if report.figures:
        lines += ["", *_table(report.figures), "", *_footnotes(report)]
    return "\n".join(lines)


def _share(report: Report) -> str:
    share = report.routed_fast_share
    told = "–" if share is None else f"{share:.0%} of {_turns(report.routed)} that the router decided"
    return f"{told}; {report.overridden} decided by the person"


def _basis(report: Report) -> str:
    left = {name: n for name, n in report.left_out.items() if n}
    told = f"from {_turns(report.counted)}"
    return f"{told}; left out: {_listed(left)} (see --include)" if left else told


def _table(figures: Sequence[Figure]) -> list[str]:
    lines = [
        f"{'':24}{'server, ms':^26}  {'browser, ms':^26}".rstrip(),
        f"{'tier':8}{'':16}{_heads()}  {_heads()}",
    ]
    before = ""
    for row in figures:
        tier = row.tier if row.tier != before else ""
        name = row.figure.replace("_", " ")
        lines.append(f"{tier[:7]:8}{name:16}{_cells(row.server)}  {_cells(row.browser)}")
        before = row.tier
    return lines


def _heads() -> str:
    return f"{'n':>8}{'p50':>9}{'p95':>9}"


def _cells(summary: Summary | None) -> str:
    if summary is None:
        return f"{'':>8}{'':>9}{'':>9}"
    return f"{summary.n:>8}{_ms(summary.p50_ms):>9}{_ms(summary.p95_ms):>9}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _footnotes(report: Report) -> list[str]:
    notes = [
        "Server: since the message arrived there. Browser: since the press. Two clocks, not to be subtracted."
    ]
    summaries = [s for row in report.figures for s in (row.server, row.browser) if s is not None]
    if any(s.p95_ms is None for s in summaries):
        notes.append(f"–: nothing measured, or no p95 because it says nothing below {P95_FROM} turns.")
    return notes


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"


def _turns(n: int) -> str:
    return f"{n} turn" if n == 1 else f"{n} turns"
