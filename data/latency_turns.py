"""The turns of a log as arrays, for the latency page: one read of the columns that its charts need.

What a turn is called (tier, task, model …) has few different values, so SQLite joins these words and the
flags into one JSON text per turn, and each different text is taken apart once: that is quicker than
columns of their own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store import LogMissing, reading

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]

# Measure → the server's column and the browser's: each on its own clock.
MEASURES: dict[str, tuple[str, str]] = {
    "first_feedback": ("first_feedback_ms", "client_first_feedback_ms"),
    "first_words": ("first_content_ms", "client_first_content_ms"),
    "done": ("done_ms", "client_done_ms"),
}
# Why a turn does not count by default; the same words as `python -m data report --include` takes.
LEFT_OUT = ("cold", "cached", "warmed", "joined", "hidden")
_FLAGS = {
    "cold": "cold",
    "cached": "cache_hit",
    "warmed": "warmed",
    "joined": "joined",
    "hidden": "client_hidden",
    "overridden": "overridden",
    "stalled": "stall_count > 0",
}
_OF_TURN = ("tier", "task", "preset", "status", "input_origin", "variant")
_OF_SESSION = ("purpose", "study")
# What turns can be told apart by.
DIMENSIONS = ("tier", "task", "model", "preset", "day", "study", "variant", "purpose")
_TIMES = tuple(column for pair in MEASURES.values() for column in pair)
# Who left before the end had given up, though the answer may have come to its end without them.
_STATUS = (
    "CASE WHEN turns.status = 'ok' AND turns.left_ms IS NOT NULL AND turns.client_left_ms IS NOT NULL"
    " THEN 'abandoned' ELSE turns.status END"
)
_KEY = "json_array({})".format(
    ", ".join(
        [*(_STATUS if name == "status" else f"turns.{name}" for name in _OF_TURN), "request_model"]
        + [f"turns.{column}" for column in _FLAGS.values()]
    )
)
_QUERY = f"""
SELECT turns.rowid, {_KEY}, turns.session_id, turns.conversation_id,
       (julianday(turns.submitted_at) - 2440587.5) * 86400000,
       turns.ended_ms, {", ".join(f"turns.{column}" for column in _TIMES)}, generations.cost_usd
FROM turns LEFT JOIN generations ON generations.turn_id = turns.turn_id
WHERE turns.submitted_at IS NOT NULL ORDER BY turns.rowid, generations.attempt
"""
_DAY_MS = 86_400_000
NO_NAME = "–"


@dataclass(frozen=True)
class Column:
    """Words of turns: `names[codes[i]]` is what turn i is called; `–` where the log has nothing."""

    names: tuple[str, ...]
    codes: Codes

    def where(self, wanted: Iterable[str]) -> Bools:
        """Which turns are called one of these."""
        known = {name: code for code, name in enumerate(self.names)}
        return np.isin(self.codes, [known[name] for name in wanted if name in known])

    def at(self, turns: Bools) -> Column:
        """The same for some of the turns."""
        return Column(self.names, self.codes[turns])


@dataclass(frozen=True)
class Said:
    """What people did with answers, each with the place of its turn in the arrays.

    `doubt` is the estimated probability (0..1) that the answer is wrong; NaN where none was estimated.
    """

    turn: Codes
    kind: Column
    value: Column
    doubt: Floats


@dataclass(frozen=True)
class Visits:
    """The log's sessions: when each began (ms since 1970, NaN unknown) and whose it was (0: not known)."""

    began_ms: Floats
    person: Codes


@dataclass(frozen=True)
class Turns:
    """All turns of a log, in the order in which they were logged; arrays of one length.

    `times` has the `_ms` columns of MEASURES, `ended_ms` offsets from the receipt, `submitted_ms`
    milliseconds since 1970, `cost_usd` the sum over the turn's model calls; NaN is not measured.
    `visit` is the turn's place in `visits`, `conversation` a number for its conversation; -1 for none.
    """

    read_at: datetime
    rowid: NDArray[np.int64]
    words: dict[str, Column]
    flags: dict[str, Bools]
    times: dict[str, Floats]
    submitted_ms: Floats
    ended_ms: Floats
    cost_usd: Floats
    visit: Codes
    conversation: Codes
    visits: Visits
    said: Said = field(repr=False)

    def __len__(self) -> int:
        return len(self.rowid)


def read_turns(log: Path) -> Turns:
    """Read the log once, without holding up its writer; no log gives no turns. Raises LogUnavailable."""
    try:
        with reading(log) as connection:
            connection.row_factory = None
            connection.execute("BEGIN")  # one moment of the log for all that is read
            return _read(connection)
    except LogMissing:
        return _turns([], [], [])


def _read(connection: sqlite3.Connection) -> Turns:
    rows = connection.execute(_QUERY).fetchall()
    sessions = connection.execute(
        "SELECT session_id, COALESCE(purpose, ''), COALESCE(study, ''), participant,"
        " (julianday(started_at) - 2440587.5) * 86400000 FROM sessions"
    ).fetchall()
    said = connection.execute(
        "SELECT turns.rowid, kind, value, CASE WHEN kind = 'thumbs' AND json_valid(uncertainty)"
        " THEN json_extract(uncertainty, '$.score') END"
        " FROM feedback CROSS JOIN turns ON turns.turn_id = feedback.turn_id ORDER BY feedback.at"
    ).fetchall()
    return _turns(rows, sessions, said)


def _turns(rows: list[Any], sessions: list[Any], said: list[Any]) -> Turns:
    columns = list(zip(*rows, strict=True)) if rows else [()] * (7 + len(_TIMES))
    every = np.array(columns[0], dtype=np.int64)
    cost = np.array(columns[-1], dtype=np.float64)
    last = np.append(every[1:] != every[:-1], True) if len(every) else np.zeros(0, dtype=bool)
    if not last.all():  # a turn with several model calls: called after the last, and its costs added up
        cost = _summed(cost, last)
        columns = [tuple(np.array(c, dtype=object)[last]) for c in columns]
    words, flags = _taken_apart(columns[1])
    of_session = {session[0]: place for place, session in enumerate(sessions)}
    visit = np.array([of_session.get(session, -1) for session in columns[2]], dtype=np.intp)
    for place, name in enumerate(_OF_SESSION, 1):
        words[name] = _of_session([session[place] for session in sessions], visit)
    submitted = _floats(columns[4])
    words["day"] = _days(submitted)
    rowid = every[last]
    return Turns(
        read_at=datetime.now(UTC),
        rowid=rowid,
        words=words,
        flags=flags,
        times={name: _floats(columns[6 + place]) for place, name in enumerate(_TIMES)},
        submitted_ms=submitted,
        ended_ms=_floats(columns[5]),
        cost_usd=cost if len(cost) == len(rowid) else cost[last],
        visit=visit,
        conversation=_numbered(columns[3]),
        visits=Visits(_floats([session[4] for session in sessions]), _people(sessions)),
        said=_said(said, rowid),
    )


def _summed(cost: Floats, last: Bools) -> Floats:
    """The costs of each turn's calls together; NaN only if none of them is known."""
    starts = np.append(0, np.flatnonzero(last)[:-1] + 1)
    total = np.add.reduceat(np.nan_to_num(cost), starts)
    known = np.add.reduceat(~np.isnan(cost), starts) > 0
    return np.where(known, total, np.nan)


def _taken_apart(keys: Sequence[str]) -> tuple[dict[str, Column], dict[str, Bools]]:
    different: dict[str, int] = {}
    codes = np.array([different.setdefault(key, len(different)) for key in keys], dtype=np.intp)
    parts = [json.loads(key) for key in different]
    names = [*_OF_TURN, "model"]
    words = {
        name: _column([part[place] for part in parts], codes)
        for place, name in enumerate("origin" if n == "input_origin" else n for n in names)
    }
    flags = np.array([[bool(flag) for flag in part[len(names) :]] for part in parts], dtype=bool)
    return words, {name: flags.reshape(-1, len(_FLAGS))[codes, place] for place, name in enumerate(_FLAGS)}


def _column(texts: Sequence[str | None], codes: Codes) -> Column:
    """Words that belong to codes, with each different word once."""
    names = sorted({text or NO_NAME for text in texts})
    place = {name: number for number, name in enumerate(names)}
    again = np.array([place[text or NO_NAME] for text in texts], dtype=np.intp)
    return Column(tuple(names), again[codes] if len(again) else np.zeros(0, dtype=np.intp))


def _of_session(texts: Sequence[str], visit: Codes) -> Column:
    return _column([*texts, ""], visit)  # -1, a turn without a visit, is the last


def _days(submitted: Floats) -> Column:
    """Days in UTC; a turn whose time cannot be read has none."""
    day = np.floor(np.nan_to_num(submitted, nan=-_DAY_MS) / _DAY_MS).astype(np.int64)
    different, codes = np.unique(day, return_inverse=True)
    names = tuple(NO_NAME if d < 0 else str(np.datetime64(int(d), "D")) for d in different)
    return Column(names, codes.astype(np.intp))


def _numbered(texts: Sequence[str | None]) -> Codes:
    different: dict[str, int] = {}
    return np.array(
        [-1 if text is None else different.setdefault(text, len(different)) for text in texts], dtype=np.intp
    )


def _people(sessions: Sequence[Any]) -> Codes:
    """Only a study knows who somebody is; everybody else is 0."""
    people: dict[tuple[str, str], int] = {}
    return np.array(
        [0 if s[3] is None else people.setdefault((s[2], s[3]), len(people) + 1) for s in sessions],
        dtype=np.intp,
    )


def _said(rows: list[Any], rowid: NDArray[np.int64]) -> Said:
    wanted = np.array([row[0] for row in rows], dtype=np.int64)
    place = np.searchsorted(rowid, wanted)
    there = np.zeros(len(rows), dtype=bool)
    inside = place < len(rowid)
    there[inside] = rowid[place[inside]] == wanted[inside]
    kept = [row for row, yes in zip(rows, there, strict=True) if yes]
    codes = np.arange(len(kept), dtype=np.intp)
    return Said(
        turn=place[there].astype(np.intp),
        kind=_column([row[1] or "" for row in kept], codes),
        value=_column([row[2] or "" for row in kept], codes),
        doubt=_floats([row[3] for row in kept]),
    )


def _floats(values: Sequence[Any]) -> Floats:
    return np.array(values, dtype=np.float64)
