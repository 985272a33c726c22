"""One turn from the press to the last painted word, with the server's and the browser's moments in one line.

The two clocks are brought together by the turn's `clock_offset_ms`: a browser's offset (from the press)
plus it is an offset from the server's receipt, with an error of at most `clock_error_ms`. Without it the
server's moments begin at the receipt, the browser's at the press, and nothing is said about the gap.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.store import reading

# What happens after an event, until the next one.
_AFTER = {
    "Queued received": "choosing a model",
    "Queued busy": "waiting for a free model",
    "Queued loading": "loading the model",
    "Queued download": "waiting for the model to arrive",
    "Queued files": "reading attached files",
    "Routed": "searching the documents",
    "SourcesFound": "writing the request",
    "Requested": "waiting for the first chunk",
    "Retrying": "asking again",
    "FellBack": "asking another model",
    "FirstChunk": "first chunk, no text yet",
    "text": "text arrives",
    "last text": "checking and closing",
}
_ENDS = {"Finished": "finished", "Stopped": "stopped", "Failed": "failed"}
_EYE = (
    ("client_first_feedback_ms", "first visible change"),
    ("client_first_cue_ms", "first progress text"),
    ("client_first_content_ms", "first words painted"),
    ("client_readable_ms", "readable"),
    ("client_done_ms", "all painted"),
)
# Server column and browser column of the same text: what lies between them is the way to the eye.
_GAPS = (
    ("first words", "first_content_ms", "client_first_content_ms"),
    ("readable", "readable_ms", "client_readable_ms"),
    ("done", "done_ms", "client_done_ms"),
)
_MOST_STEPS = 40


@dataclass(frozen=True)
class Step:
    """Something that took from `start_ms` to `end_ms`; for a moment in the browser both are the same."""

    side: str
    name: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True)
class Gap:
    """How long after the server had it the browser had painted it; `error_ms` either way."""

    name: str
    gap_ms: float
    error_ms: float


@dataclass(frozen=True)
class Waterfall:
    """A turn's steps in milliseconds from `origin`: the press, or the receipt where no offset is known."""

    turn: dict[str, Any]
    origin: str
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...]


def waterfall(log: Path, turn_id: str) -> Waterfall | None:
    """The turn with this id, or None if the log has none. Raises LogUnavailable."""
    with reading(log) as connection:
        turn = connection.execute(
            "SELECT * FROM v_turns WHERE turn_id = ? AND submitted_at IS NOT NULL", [turn_id]
        ).fetchone()
        if turn is None:
            return None
        marks = connection.execute(
            "SELECT t_ms, name, attrs FROM marks WHERE turn_id = ? AND seq >= 0 AND t_ms IS NOT NULL"
            " ORDER BY seq LIMIT ?",
            [turn_id, _MOST_STEPS],
        ).fetchall()
    return _drawn(dict(turn), marks)


def turn_ids(log: Path, rowids: list[int]) -> dict[int, str]:
    """The ids of turns by their row. Raises LogUnavailable."""
    with reading(log) as connection:
        places = ", ".join("?" * len(rowids))
        rows = connection.execute(f"SELECT rowid, turn_id FROM turns WHERE rowid IN ({places})", rowids)
        return {row[0]: row[1] for row in rows}


def _drawn(turn: dict[str, Any], marks: list[sqlite3.Row]) -> Waterfall:
    offset, error = turn["clock_offset_ms"], turn["clock_error_ms"]
    together = offset is not None and error is not None
    later = -offset if together else 0.0  # the server's moments, counted from the press
    steps = [Step("server", *step) for step in _server(_moments(turn, marks), later)]
    if together and later > 0:
        steps.insert(0, Step("between", "on its way to the server", 0.0, later))
    seen = [(turn[column], name) for column, name in _EYE if turn[column] is not None]
    steps += [Step("browser", name, t_ms, t_ms) for t_ms, name in seen]
    gaps = [
        Gap(name, turn[eye] + offset - turn[server], error)
        for name, server, eye in _GAPS
        if together and turn[eye] is not None and turn[server] is not None
    ]
    return Waterfall(turn, "press" if together else "receipt", tuple(steps), tuple(gaps))


def _moments(turn: dict[str, Any], marks: list[sqlite3.Row]) -> list[tuple[float, str]]:
    """(ms from the receipt, what begins) in order; the text's moments are columns, not marks."""
    found = [(float(mark["t_ms"]), _name(mark)) for mark in marks]
    for column, name in (("first_content_ms", "text"), ("last_content_ms", "last text")):
        if turn[column] is not None:
            found.append((float(turn[column]), name))
    order = ["FirstChunk", "text", "last text", *_ENDS]
    return sorted(found, key=lambda m: (m[0], order.index(m[1]) if m[1] in order else -1))


def _name(mark: sqlite3.Row) -> str:
    if mark["name"] != "Queued":
        return str(mark["name"])
    try:
        reason = json.loads(mark["attrs"] or "{}").get("reason", "received")
    except (json.JSONDecodeError, AttributeError):
        reason = "received"
    return f"Queued {reason}"


def _server(moments: list[tuple[float, str]], later: float) -> list[tuple[str, float, float]]:
    """Each moment with what it begins, until the next one; the same twice in a row is one."""
    steps: list[tuple[str, float, float]] = []
    for place, (t_ms, name) in enumerate(moments):
        if name in _ENDS:
            steps.append((_ENDS[name], t_ms + later, t_ms + later))
            break
        end = moments[place + 1][0] if place + 1 < len(moments) else t_ms
        said = _AFTER.get(name)
        if said is None:
            if steps:  # an event that begins nothing of its own: the step before it goes on
                steps[-1] = (steps[-1][0], steps[-1][1], end + later)
        elif steps and steps[-1][0] == said:
            steps[-1] = (said, steps[-1][1], end + later)
        else:
            steps.append((said, t_ms + later, end + later))
    return steps
