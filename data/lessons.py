"""What the log teaches about routing: choices, reasons and votes of people, with the text they were about.

Rows of `feedback` that count: `override` (value: the tier asked for instead), `reason` (`too_slow`,
`too_shallow`), `vote` (`this`, `other`, `same`; `note` is the other answer's turn). Turns whose tier a
person chose beforehand (`overridden`) count as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from data.logged_turns import LoggedTurn, read_turns
from data.records import Message, Purpose, Record
from data.store import reading

Source = Literal["choice", "override", "reason", "vote"]

# What each counts, beside a labelled prompt's 1. A vote was given after reading both answers; a reason is
# about the waiting or the depth of one answer, and says only by implication what another would have been.
WEIGHTS: Mapping[Source, float] = {"vote": 1.5, "override": 1.0, "choice": 1.0, "reason": 0.75}
SAME = 0.5
"""A vote "both the same" says that light would have done, half as loudly as a preference."""
LEAST = 0.25
"""People who disagree about the same text leave a difference; one smaller than this teaches nothing."""
LIGHT, HEAVY = "fast", "heavy"
USED_PURPOSES: tuple[Purpose, ...] = ("dogfood",)


class Lesson(Record):
    """A conversation whose last message should have gone to the heavy tier, or should not have."""

    turn_id: str
    messages: tuple[Message, ...]
    task: str | None
    heavy: bool
    weight: float
    sources: tuple[Source, ...]


class Found(Record):
    """The lessons, and how many signs could not be used: why → n."""

    lessons: tuple[Lesson, ...]
    unused: dict[str, int]


class _Sign(Record):
    turn: LoggedTurn
    source: Source
    towards_heavy: float


def read_lessons(log: Path, since: str | None = None, now: datetime | None = None) -> Found:
    """The lessons of a log, oldest first. Only everyday use counts, and only text that is still kept.

    Participants of studies agreed to a study, not to this. Raises LogUnavailable.
    """
    turns = {turn.turn_id: turn for turn in read_turns(log, since, USED_PURPOSES, now)}
    with reading(log) as connection:
        rows = connection.execute("SELECT turn_id, kind, value, note FROM feedback ORDER BY at, feedback_id")
        said: dict[str, dict[str, tuple[str, str | None]]] = {}
        for turn_id, kind, value, note in rows.fetchall():
            said.setdefault(turn_id, {})[kind] = (value or "", note)
    unused: Counter[str] = Counter()
    signs = [
        sign for turn in turns.values() for sign in _signs(turn, said.get(turn.turn_id, {}), turns, unused)
    ]
    return Found(lessons=tuple(_weighed(signs, unused)), unused=dict(unused))


def _signs(
    turn: LoggedTurn,
    said: Mapping[str, tuple[str, str | None]],
    turns: Mapping[str, LoggedTurn],
    unused: Counter[str],
) -> Iterator[_Sign]:
    """What people said about one turn. A vote stands in for an override: it knows both answers."""
    found: list[tuple[Source, float | None]] = []
    if turn.overridden:
        found.append(("choice", _side(turn.tier)))
    if "vote" in said:
        found.append(("vote", _vote(turn, *said["vote"], turns)))
    elif "override" in said:
        found.append(("override", _side(said["override"][0])))
    if "reason" in said:
        found.append(("reason", _reason(turn, said["reason"][0])))
    for source, side in found:
        if side is None:
            unused["between two tiers, or about neither"] += 1
        elif turn.messages is None:
            unused["text is gone"] += 1
        else:
            yield _Sign(turn=turn, source=source, towards_heavy=side * WEIGHTS[source])


def _side(tier: str) -> float | None:
    """+1 for the heavy tier, -1 for the fast one; a tier in between takes no side."""
    return {HEAVY: 1.0, LIGHT: -1.0}.get(tier)


def _reason(turn: LoggedTurn, value: str) -> float | None:
    """Too slow says something of the heavy tier only, too shallow of the fast one only."""
    if (value, turn.tier) == ("too_slow", HEAVY):
        return -1.0
    return 1.0 if (value, turn.tier) == ("too_shallow", LIGHT) else None


def _vote(turn: LoggedTurn, value: str, note: str | None, turns: Mapping[str, LoggedTurn]) -> float | None:
    """Which side won, where the two answers were of the two sides."""
    if value in (LIGHT, HEAVY):
        return _side(value)
    other = turns.get(note or "")
    sides = (_side(turn.tier), _side(other.tier) if other else None)
    if None in sides or sides[0] == sides[1]:
        return None
    return {"this": sides[0], "other": sides[1], "same": -SAME}.get(value)


def _weighed(signs: Sequence[_Sign], unused: Counter[str]) -> Iterator[Lesson]:
    """One lesson for each conversation, however often and by whom it was judged."""
    together: dict[tuple[str, ...], list[_Sign]] = {}
    for sign in signs:
        assert sign.turn.messages is not None
        key = tuple(message.content for message in sign.turn.messages if message.role == "user")
        together.setdefault(key, []).append(sign)
    for alike in together.values():
        # Each kind counts once for each side. A second answer that was asked for is a turn of its own
        # with a choice: what the override or vote on the first one says already.
        by_kind = {(sign.source, sign.towards_heavy > 0): sign.towards_heavy for sign in alike}
        for source, heavy in tuple(by_kind):
            if source in ("vote", "override"):
                for side in (True, False) if source == "vote" else (heavy,):
                    by_kind.pop(("choice", side), None)
        total = sum(by_kind.values())
        if abs(total) < LEAST:
            unused["people disagree"] += len(alike)
            continue
        turn = alike[-1].turn
        assert turn.messages is not None
        yield Lesson(
            turn_id=turn.turn_id,
            messages=turn.messages,
            task=turn.task,
            heavy=total > 0,
            weight=abs(total),
            sources=tuple(sorted({sign.source for sign in alike})),
        )
