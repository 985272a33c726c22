"""How soon a visit was worth it, and whether people came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.latency_turns import Bools, Codes, Floats, Turns

_TAKEN = ("copy", "export")
_AGAIN = ("retry", "edit")


@dataclass(frozen=True)
class Returns:
    """`people` are those whom a study knows, `conversations` those with a turn; `…_again` were there on
    two days or more. Nobody else's visits can be told to be the same person's."""

    people: int
    people_again: int
    conversations: int
    conversations_again: int


def useful(turns: Turns) -> Bools:
    """Which answers were of use: copied, exported or liked, or kept.

    Kept: complete, and followed in its conversation by a message that neither retries nor edits it; and
    no other tier was asked for the same. What nobody reacted to is not counted as useful.
    """
    found = np.zeros(len(turns), dtype=bool)
    said = turns.said
    liked = said.kind.where(["thumbs"]) & said.value.where(["up"])
    found[said.turn[said.kind.where(_TAKEN) | liked]] = True
    overruled = np.zeros(len(turns), dtype=bool)
    overruled[said.turn[said.kind.where(["override"])]] = True
    order = np.lexsort((turns.rowid, np.nan_to_num(turns.submitted_ms), turns.conversation))
    this, following = order[:-1], order[1:]
    together = (turns.conversation[this] == turns.conversation[following]) & (turns.conversation[this] >= 0)
    went_on = together & ~turns.words["origin"].where(_AGAIN)[following]
    kept = np.zeros(len(turns), dtype=bool)
    kept[this[went_on]] = True
    return found | (kept & turns.words["status"].where(["ok"]) & ~overruled)


def first_useful_s(turns: Turns, fitting: Bools) -> tuple[int, Floats]:
    """How many visits have a fitting turn, and the seconds from a visit's begin to its first useful answer.

    To the end of that answer; visits without one are only in the first number.
    """
    theirs = fitting & (turns.visit >= 0)
    visits = len(np.unique(turns.visit[theirs]))
    good = theirs & useful(turns) & ~np.isnan(turns.ended_ms)
    since = turns.submitted_ms + turns.ended_ms - _begun(turns)
    first = np.full(len(turns.visits.began_ms), np.inf)
    good &= since >= 0
    np.minimum.at(first, turns.visit[good], since[good])
    return visits, np.asarray(first[np.isfinite(first)] / 1000, dtype=np.float64)


def _begun(turns: Turns) -> Floats:
    """When each turn's visit began; NaN for a turn without one."""
    return np.append(turns.visits.began_ms, np.nan)[turns.visit]


def returns(turns: Turns, fitting: Bools) -> Returns:
    """Who and what was there again on another day (UTC), by the fitting turns."""
    day = turns.words["day"].codes
    person = np.append(turns.visits.person, 0)[turns.visit]
    known = fitting & (person > 0)
    talk = fitting & (turns.conversation >= 0)
    return Returns(
        *_on_two_days(person[known], day[known]), *_on_two_days(turns.conversation[talk], day[talk])
    )


def _on_two_days(who: Codes, day: Codes) -> tuple[int, int]:
    """How many different ones there are, and how many of them have two different days."""
    if not len(who):
        return 0, 0
    days_to_a_person = int(day.max()) + 1  # a number for each pair, since sorting numbers is quick
    pairs = np.unique(who * days_to_a_person + day) // days_to_a_person
    days = np.unique(pairs, return_counts=True)[1]
    return len(days), int((days > 1).sum())
