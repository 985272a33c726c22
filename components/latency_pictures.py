"""What the latency page draws of times: figures from data/latency_*.py as plain data for latency_charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.latency_charts import Chart
from components.latency_scales import NOTHING, days, ms, p95, shares, table, times, turns
from data.latency_figures import MOST_CURVES, Curve, GroupFigure
from data.latency_turns import NO_NAME
from data.percentiles import Summary

# Tiers keep their colours wherever they appear: 0 is blue, 1 orange.
_COLOURS = {"fast": 0, "heavy": 1}
MEASURES = {"first_feedback": "First feedback", "first_words": "First words", "done": "Done"}
MOST_ROWS = 12


def compared(figures: Sequence[GroupFigure], what: str, by: str) -> Chart:
    """Each group's p50 (dot) and p95 (end of the line), the browser's above the server's."""
    chart: Chart = {"id": "compared", "kind": "rows", "title": f"{what} by {by}"}
    shown = figures[:MOST_ROWS]
    sides = [(figure, side) for figure in shown for side in (figure.browser, figure.server)]
    values = [value for _, side in sides for value in (side.p50_ms, side.p95_ms)]
    left = len(figures) - len(shown)
    says = "The dot is the p50, the line goes to the p95. Filled: the browser's clock, from the press."
    says += " Hollow: the server's, from the receipt."
    if left > 0:
        says += f" {left} smaller groups are in the figures below."
    rows = [
        {
            "name": name(figure.name) if side is figure.browser else "",
            "says": f"{'browser' if side is figure.browser else 'server'} {summary(side)}",
            "marks": _range(side, colour(figure.name), hollow=side is figure.server),
        }
        for figure, side in sides
    ]
    return {**chart, "says": says, "x": times(values), "rows": rows, **_group_table(figures, by)}


def day_by_day(figures: Sequence[GroupFigure], what: str) -> Chart:
    """How p50 and p95 went from day to day, as the browser measured them, and the server's p50."""
    named = [figure for figure in figures if figure.name != NO_NAME]
    chosen = (
        ("browser p50", 0, 0, [f.browser.p50_ms for f in named]),
        ("browser p95", 3, 1, [f.browser.p95_ms for f in named]),
        ("server p50", 4, 2, [f.server.p50_ms for f in named]),
    )
    series = [
        {"name": label, "colour": ink, "dash": dash, "shape": "line", "points": list(map(list, enumerate(v)))}
        for label, ink, dash, v in chosen
        if any(value is not None for value in v)
    ]
    axis = times(value for *_, v in chosen for value in v)
    fewest = min((figure.browser.n for figure in named), default=0)
    says = f"{what} from {turns(sum(f.turns for f in figures))} on {len(named)} days (UTC)."
    says += f" The day with the fewest has {fewest} that a browser measured; a p95 needs 60."
    return {
        "id": "days",
        "kind": "curves",
        "title": "Day by day",
        "says": says,
        "x": days([figure.name for figure in named]),
        "y": axis,
        "series": series,
        **_group_table(figures, "day"),
    }


def distribution(curves: Sequence[Curve], what: str, by: str) -> Chart:
    """The share of turns in each bin of time, a line of steps for each group."""
    series = _series(curves, "steps", with_side=len({c.side for c in curves}) > 1)
    highest = max((share for curve in curves for _, share in curve.points), default=1.0)
    rows = [(curve.name, curve.side, curve.n, *point) for curve in curves for point in curve.points[:-1]]
    return {
        "id": "distribution",
        "kind": "curves",
        "title": f"How {what.lower()} spread",
        "says": f"Share of turns in each bin, ten bins to a power of ten; {_basis(curves)}.{_others(curves)}",
        "x": times((ms_ for curve in curves for ms_, _ in curve.points), _axis_label(curves)),
        "y": shares(highest),
        "series": series,
        **table([by, "measured by", "n", "bin starts at ms", "share of turns"], rows),
    }


def cumulative(curves: Sequence[Curve], what: str, by: str) -> Chart:
    """Which share of the turns had it by then; whole lines are the browser's, dotted ones the server's."""
    rows = [
        (curve.name, curve.side, curve.n, share, value) for curve in curves for value, share in curve.points
    ]
    return {
        "id": "cumulative",
        "kind": "curves",
        "title": f"{what} within",
        "says": f"Share of turns that took at most so long; {_basis(curves)}.{_others(curves)}",
        "x": times((value for c in curves for value, share in c.points if 0.005 <= share <= 0.995), "time"),
        "y": shares(),
        "series": _series(curves, "line", with_side=True),
        **table([by, "measured by", "n", "share of turns", "at most ms"], rows),
    }


def useful(visits: int, curve: Curve | None, says: str) -> Chart:
    """How soon a visit had its first useful answer."""
    chart: Chart = {"id": "useful", "kind": "curves", "title": "First useful minute", "says": says}
    if curve is None:
        return {**chart, "empty": True}
    rows = [(visits, curve.n, share, value / 1000) for value, share in curve.points]
    return {
        **chart,
        "x": times((v for v, s in curve.points if 0.005 <= s <= 0.995), "since the visit began"),
        "y": shares(),
        "series": _series([curve], "line", with_side=False),
        **table(["visits", "visits with a useful answer", "share of those", "within s"], rows),
    }


def summary(side: Summary) -> str:
    """One side's figures with their n."""
    return f"{ms(side.p50_ms)} · {p95(side)} · n {side.n:,}" if side.n else f"{NOTHING} · n 0"


def name(group: str) -> str:
    """What a group without a name is called."""
    return "not known" if group == NO_NAME else group


def colour(group: str, otherwise: int = 0) -> int:
    """The colour of a tier; of other groups by their place."""
    return _COLOURS.get(group, otherwise)


def _range(side: Summary, ink: int, *, hollow: bool) -> list[dict[str, Any]]:
    if side.p50_ms is None:
        return []
    marks: list[dict[str, Any]] = []
    if side.p95_ms is not None:
        marks.append({"shape": "line", "from": side.p50_ms, "to": side.p95_ms, "colour": ink})
        marks.append({"shape": "end", "from": side.p95_ms, "colour": ink})
    return [*marks, {"shape": "dot", "from": side.p50_ms, "colour": ink, "hollow": hollow}]


def _series(curves: Sequence[Curve], shape: str, *, with_side: bool) -> list[dict[str, Any]]:
    """A line for each curve: the colour is the group, the dash the side (or the group, if there is one)."""
    groups = list(dict.fromkeys(curve.name for curve in curves))
    return [
        {
            "name": f"{name(curve.name)}{f', {curve.side}' if with_side else ''} (n {curve.n:,})",
            "colour": colour(curve.name, groups.index(curve.name)),
            "dash": (2 if curve.side == "server" else 0) if with_side else groups.index(curve.name),
            "shape": shape,
            "points": [list(point) for point in curve.points],
        }
        for curve in curves
    ]


def _basis(curves: Sequence[Curve]) -> str:
    sides = sorted({curve.side for curve in curves})
    told = {"browser": "the browser's clock, from the press", "server": "the server's, from the receipt"}
    return "; ".join(told[side] for side in sides) or "nothing was measured"


def _axis_label(curves: Sequence[Curve]) -> str:
    return "time since the press" if all(c.side == "browser" for c in curves) else "time"


def _others(curves: Sequence[Curve]) -> str:
    full = len({curve.name for curve in curves}) == MOST_CURVES
    return f" At most the {MOST_CURVES} largest groups have a line." if full else ""


def _group_table(figures: Sequence[GroupFigure], by: str) -> dict[str, Any]:
    head = [by, "turns", "browser n", "browser p50 ms", "browser p95 ms"]
    head += ["server n", "server p50 ms", "server p95 ms"]
    rows = [
        (f.name, f.turns, *(value for s in (f.browser, f.server) for value in (s.n, s.p50_ms, s.p95_ms)))
        for f in figures
    ]
    return table(head, rows)
