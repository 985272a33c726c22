"""What the latency page draws of answers: routing, savings, endings, doubt, and one turn's waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.latency_charts import Chart
from components.latency_pictures import colour, name
from components.latency_scales import from_zero, ms, share, shares, table, turns
from data.latency_outcomes import DoubtStep, Outcome
from data.latency_saved import FEWEST, Saved
from data.waterfall import Step, Waterfall

MOST_GROUPS = 4
_ENDINGS = (
    ("overridden", "tier chosen by the person"),
    ("stopped", "stopped"),
    ("abandoned", "abandoned"),
    ("stalled", "stood still for over 1 s"),
    ("error", "ended in an error"),
)
_SIDES = {"server": 0, "between": 4, "browser": 1}


def routed(by_task: Sequence[tuple[str, int, int]], saved: Saved, what: str) -> Chart:
    """How many of each task's turns went to the fast tier: (task, routed, fast); and what it saved."""
    rows = [
        {
            "name": name(task),
            "says": f"{share(fast, n)} · {fast:,} of {n:,}",
            "marks": [{"shape": "bar", "from": 0, "to": fast / n, "colour": 0}],
        }
        for task, n, fast in by_task
    ]
    return {
        "id": "routed",
        "kind": "rows",
        "title": "Routed to the fast model, by task",
        "says": f"Of {turns(saved.routed)} that the router decided, {share(saved.routed_fast, saved.routed)}"
        f" went to the fast model. {saving(saved, what)}",
        "x": shares(),
        "rows": rows,
        "empty": not rows,
        **table(["task", "routed turns", "to the fast model"], by_task),
    }


def saving(saved: Saved, what: str) -> str:
    """What routing saved, with the method and both n."""
    if saved.median_ms is None or saved.low_ms is None or saved.high_ms is None:
        return (
            f"What that saved cannot be said yet: it takes {FEWEST} complete turns of each kind within a"
            f" preset, and there are {saved.fast:,} fast and {saved.heavy:,} heavy ones."
        )
    return (
        f"That saved {_signed(saved.median_ms)} a turn"
        f" ({_signed(saved.low_ms)} to {_signed(saved.high_ms)}): the median of {what.lower()} over"
        f" {saved.heavy:,} heavy turns minus that over {saved.fast:,} fast ones of the same preset, complete"
        " answers on the server's clock. Heavy turns ask for more, so this says what they took,"
        " not what the fast ones would have."
    )


def endings(found: Sequence[Outcome], by: str) -> Chart:
    """How turns ended, a bar for each ending and group, and what they cost."""
    shown = found[:MOST_GROUPS]
    highest = max((getattr(o, key) / o.turns for o in shown for key, _ in _ENDINGS), default=0.05)
    rows = [
        {
            "name": f"{words} · {name(group.name)}" if len(found) > 1 else words,
            "says": f"{share(getattr(group, key), group.turns)} · {getattr(group, key):,} of {group.turns:,}",
            "marks": [
                {
                    "shape": "bar",
                    "from": 0,
                    "to": getattr(group, key) / group.turns,
                    "colour": colour(group.name, place),
                    "hollow": place % 2 == 1,
                }
            ],
        }
        for key, words in _ENDINGS
        for place, group in enumerate(shown)
    ]
    fields = [
        (f.name, f.turns, *(getattr(f, key) for key, _ in _ENDINGS), f.priced, f.cost_usd) for f in found
    ]
    head = [by, "ended turns", *(words for _, words in _ENDINGS), "turns with a known price", "cost USD"]
    return {
        "id": "endings",
        "kind": "rows",
        "beside": True,
        "wide": True,
        "title": f"How turns ended, by {by}",
        "says": f"Of {turns(sum(f.turns for f in found))} that have ended, also those that the times leave"
        f" out. {_cost(found)}",
        "x": shares(highest),
        "rows": rows,
        "empty": not rows,
        **table(head, fields),
    }


def doubted(steps: Sequence[DoubtStep]) -> Chart:
    """How often answers got a thumb down, by how much the app itself doubted them."""
    n = sum(step.n for step in steps)
    rows = [
        {
            "name": f"doubt {step.low:.0%} to {step.high:.0%}".replace("%", " %"),
            "says": f"{share(step.down, step.n)} down · {step.down:,} of {step.n:,}",
            "marks": [
                {"shape": "line", "from": step.share_low, "to": step.share_high, "colour": 1},
                {"shape": "dot", "from": step.down / step.n, "colour": 1},
            ],
        }
        for step in steps
    ]
    says = f"Share of thumbs that were down, with its 95 % interval, from {n:,} answers with both."
    if not steps:
        says = "No answer has both a thumb and an estimated doubt yet."
    head = ["doubt from", "to", "rated", "thumbs down", "95 % from", "95 % to"]
    fields = [(s.low, s.high, s.n, s.down, s.share_low, s.share_high) for s in steps]
    return {
        "id": "doubt",
        "kind": "rows",
        "title": "Uncertainty against thumbs",
        "says": says,
        "x": shares(),
        "rows": rows,
        **({**table(head, fields)} if steps else {"empty": True}),
    }


def one_turn(found: Waterfall) -> Chart:
    """A turn's steps along one line of time, and the gap between server and eye."""
    end = max((step.end_ms for step in found.steps), default=1.0)
    origin = (
        "the press" if found.origin == "press" else "the server's receipt (the browser's: from the press)"
    )
    says = f"Milliseconds from {origin}. {_gaps(found)}"
    return {
        "id": "waterfall",
        "kind": "rows",
        "beside": True,
        "wide": True,
        "title": "One turn, from the press to the last painted word",
        "says": says,
        "x": from_zero(end),
        "legend": [
            {"name": "server", "colour": 0, "dash": 0, "shape": "line"},
            {"name": "on its way", "colour": 4, "dash": 1, "shape": "line"},
            {"name": "seen in the browser", "colour": 1, "dash": 0, "shape": "dots"},
        ],
        "rows": [_step(step) for step in found.steps],
        "empty": not found.steps,
        **table(
            ["where", "what", f"from ms since the {found.origin}", "to ms"],
            [(step.side, step.name, step.start_ms, step.end_ms) for step in found.steps],
        ),
    }


def _step(step: Step) -> dict[str, Any]:
    moment = step.end_ms == step.start_ms
    says = f"at {ms(step.start_ms)}" if moment else f"{ms(step.end_ms - step.start_ms)}"
    mark = {"shape": "dot" if moment else "bar", "from": step.start_ms, "colour": _SIDES[step.side]}
    if not moment:
        mark |= {"to": step.end_ms, "hollow": step.side == "between"}
    return {"name": step.name, "says": says, "marks": [mark]}


def _gaps(found: Waterfall) -> str:
    if found.origin != "press":
        return "No clock offset was measured for this turn, so nothing is said about the gap to the eye."
    told = [f"{gap.name} {_signed(gap.gap_ms)} ± {ms(gap.error_ms)}" for gap in found.gaps]
    if not told:
        return "The browser reported no text, so there is no gap to tell."
    return f"From the server to the eye: {', '.join(told)}."


def _signed(value: float) -> str:
    return ms(value) if value >= 0 else f"−{ms(-value)}"


def _cost(found: Sequence[Outcome]) -> str:
    priced = sum(outcome.priced for outcome in found)
    if not priced:
        return "No price is known for any of them."
    return f"Together they cost ${sum(o.cost_usd for o in found):,.2f} ({turns(priced)} with a known price)."
