"""Which turns a view of the latency page is about, and how that is written in its address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np

from data.latency_turns import DIMENSIONS, LEFT_OUT, MEASURES, NO_NAME, Bools, Turns

# What can be narrowed down by naming values; days have a first and a last one instead.
CHOSEN_BY = tuple(name for name in DIMENSIONS if name != "day")
# In an address `study` belongs to the links of participants.
_IN_ADDRESS = {"study": "in-study"}


@dataclass(frozen=True)
class View:
    """What is shown: the measure, what is compared, and which turns count.

    `chosen` has, for some of CHOSEN_BY, the names to keep. `include` are reasons of LEFT_OUT whose turns
    count all the same. `since` and `until` are days (UTC, both included). `turn` is the one turn of the
    waterfall. As a query (`to_query`) only what differs from a fresh view is written.
    """

    measure: str = "first_words"
    by: str = "tier"
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    turn: str | None = None

    def to_query(self) -> dict[str, list[str]]:
        """The address's parameters, each with its values."""
        fresh = View()
        query = {
            _IN_ADDRESS.get(name, name): list(names) for name in CHOSEN_BY if (names := self.chosen.get(name))
        }
        for name in ("measure", "by"):
            if getattr(self, name) != getattr(fresh, name):
                query[name] = [getattr(self, name)]
        if self.include:
            query["include"] = list(self.include)
        for name in ("since", "until"):
            if day := getattr(self, name):
                query[name] = [day.isoformat()]
        return query | ({"turn": [self.turn]} if self.turn else {})


def from_query(query: Mapping[str, Sequence[str]], turns: Turns) -> tuple[View, list[str]]:
    """The view that an address asks for, and which of its values mean nothing here.

    An address may be old, mistyped or hostile: only values that this log or this page knows are used.
    """
    unknown: list[str] = []

    def known(name: str, allowed: Iterable[str]) -> tuple[str, ...]:
        there, wanted = set(allowed), tuple(dict.fromkeys(query.get(_IN_ADDRESS.get(name, name), ())))
        unknown.extend(f"{name}={value}" for value in wanted if value not in there)
        return tuple(value for value in wanted if value in there)

    def day(name: str) -> date | None:
        for value in query.get(name, ())[:1]:
            try:
                return date.fromisoformat(value)
            except ValueError:
                unknown.append(f"{name}={value}")
        return None

    chosen = {name: names for name in CHOSEN_BY if (names := known(name, turns.words[name].names))}
    view = View(chosen=chosen, include=known("include", LEFT_OUT), since=day("since"), until=day("until"))
    for name, allowed in (("measure", MEASURES), ("by", DIMENSIONS)):
        if found := known(name, allowed):
            view = replace(view, **_one(name, found[0]))
    turn = next(iter(query.get("turn", ())), "")
    if turn and not (len(turn) <= 64 and turn.isalnum()):
        unknown.append("turn")
    return replace(view, turn=turn if turn and "turn" not in unknown else None), unknown


def _one(name: str, value: str) -> dict[str, Any]:
    return {name: value}


@dataclass(frozen=True)
class Selection:
    """Which turns fit the view (`fitting`), which of them the times count (`counted`), and why not.

    `left_out` counts, for each reason, fitting turns that its switch keeps out of the times.
    """

    fitting: Bools
    counted: Bools
    left_out: dict[str, int]


def select(turns: Turns, view: View) -> Selection:
    """The turns that a view is about. A turn that no model was chosen for has no times to count."""
    fitting = np.ones(len(turns), dtype=bool)
    for name, names in view.chosen.items():
        fitting &= turns.words[name].where(names)
    days = turns.words["day"]
    inside = [
        name
        for name in days.names
        if name != NO_NAME
        and (view.since is None or name >= view.since.isoformat())
        and (view.until is None or name <= view.until.isoformat())
    ]
    if view.since or view.until:
        fitting &= days.where(inside)
    counted = fitting & ~turns.words["tier"].where([NO_NAME])
    left_out = {}
    for reason in LEFT_OUT:
        if reason not in view.include:
            left_out[reason] = int((fitting & turns.flags[reason]).sum())
            counted = counted & ~turns.flags[reason]
    return Selection(fitting, counted, left_out)
