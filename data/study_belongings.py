"""What belongs to some people of a study, wherever it lies: found and counted before anything is deleted.

Sessions and conversations are the people's, turns are the conversations', the rest hangs on turns; what
waits in the log's side files is looked through in the same order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.spool import Entry, Spool
from data.store import LogMissing, LogUnavailable, reading

# Table → the column by which it hangs on what.
_BY_SESSION = ("exposures", "tasks", "sessions")
_BY_TURN = ("generations", "marks", "feedback", "turn_text", "turns")
_BY_CONVERSATION = ("conversations", "study_conversations")
_BY_PERSON = ("ratings", "markers", "participants")


@dataclass(frozen=True)
class Doomed:
    """What belongs to some people of a study: ids, and how many rows of each table."""

    study: str
    participants: tuple[str, ...]
    sessions: frozenset[str]
    conversations: frozenset[str]
    turns: frozenset[str]
    rows: dict[str, int]
    waiting: int

    @property
    def total(self) -> int:
        """Rows in the log and records in its side files."""
        return sum(self.rows.values()) + self.waiting

    def as_text(self) -> str:
        """What it is, in one line for each table that has any."""
        lines = [f"{table:20} {count:,}" for table, count in self.rows.items() if count]
        lines += [f"{'waiting in side files':20} {self.waiting:,}"] if self.waiting else []
        return "\n".join(lines) or "nothing"


def of_participant(log: Path, study: str, participant: str) -> Doomed:
    """Everything of one participant, as it is now. Raises LogUnavailable."""
    return _of(log, study, (participant,))


def of_study(log: Path, study: str) -> Doomed:
    """Everything of all participants of a study, as it is now. Raises LogUnavailable."""
    try:
        with reading(log) as connection:
            names = connection.execute(
                "SELECT participant FROM participants WHERE study = ? UNION"
                " SELECT participant FROM sessions WHERE study = ? AND participant IS NOT NULL",
                [study, study],
            ).fetchall()
    except LogMissing:
        names = []
    return _of(log, study, tuple(row[0] for row in names))


def _of(log: Path, study: str, participants: tuple[str, ...]) -> Doomed:
    sessions: set[str] = set()
    conversations: set[str] = set()
    turns: set[str] = set()
    rows: dict[str, int] = {}
    people = list(participants)
    try:
        with reading(log) as connection:
            for table, into in (("sessions", "session_id"), ("study_conversations", "conversation_id")):
                target = sessions if table == "sessions" else conversations
                target |= _ids(
                    connection,
                    f"SELECT {into} FROM {table} WHERE study = ? AND participant IN",
                    people,
                    [study],
                )
            conversations |= _ids(
                connection, "SELECT conversation_id FROM conversations WHERE session_id IN", list(sessions)
            )
            turns |= _ids(
                connection, "SELECT turn_id FROM turns WHERE conversation_id IN", list(conversations)
            )
            turns |= _ids(connection, "SELECT turn_id FROM turns WHERE session_id IN", list(sessions))
            doomed = Doomed(
                study, participants, frozenset(sessions), frozenset(conversations), frozenset(turns), {}, 0
            )
            for table, where, values in places(doomed):
                count = f"SELECT COUNT(*) FROM {table} WHERE "
                rows[table] = sum(
                    connection.execute(count + where(len(part)), [*fixed, *part]).fetchone()[0]
                    for fixed, part in values
                )
    except LogMissing:
        doomed = Doomed(study, participants, frozenset(), frozenset(), frozenset(), {}, 0)
    return _with_waiting(log, doomed, rows)


def _with_waiting(log: Path, doomed: Doomed, rows: dict[str, int]) -> Doomed:
    """Adds what only waits in the side files: sessions first, as the rest hangs on them."""
    try:
        waiting = Spool(log).waiting()
    except OSError as error:
        raise LogUnavailable(f"The log's side file cannot be read: {error}") from error
    sessions, conversations, turns = set(doomed.sessions), set(doomed.conversations), set(doomed.turns)
    for entry in waiting:
        mine = entry.row.get("study") == doomed.study and entry.row.get("participant") in doomed.participants
        if entry.table == "sessions" and mine:
            sessions.add(str(entry.row["session_id"]))
    for entry in waiting:
        if entry.row.get("session_id") in sessions or entry.row.get("conversation_id") in conversations:
            if isinstance(conversation := entry.row.get("conversation_id"), str):
                conversations.add(conversation)
            if entry.table == "turns":
                turns.add(str(entry.row["turn_id"]))
    whole = Doomed(
        doomed.study,
        doomed.participants,
        frozenset(sessions),
        frozenset(conversations),
        frozenset(turns),
        rows,
        0,
    )
    belongs = belongs_to(whole)
    return Doomed(
        whole.study,
        whole.participants,
        whole.sessions,
        whole.conversations,
        whole.turns,
        rows,
        sum(belongs(entry) for entry in waiting),
    )


def belongs_to(doomed: Doomed) -> Callable[[Entry], bool]:
    """Whether a record that waits in a side file is theirs."""

    def belongs(entry: Entry) -> bool:
        row = entry.row
        return (
            row.get("session_id") in doomed.sessions
            or row.get("conversation_id") in doomed.conversations
            or row.get("turn_id") in doomed.turns
            or (row.get("study") == doomed.study and row.get("participant") in doomed.participants)
        )

    return belongs


Where = Callable[[int], str]
Place = tuple[str, Where, list[tuple[list[str], list[str]]]]


def places(doomed: Doomed) -> list[Place]:
    """Each table with its condition (for so many ids) and the values, in portions that SQLite takes."""

    def by(column: str, ids: frozenset[str]) -> Callable[[str], Place]:
        return lambda table: (
            table,
            lambda n: f"{column} IN ({_marks(n)})",
            [([], part) for part in _portions(sorted(ids))],
        )

    def by_person(table: str) -> Place:
        people = [([doomed.study], part) for part in _portions(list(doomed.participants))]
        return table, lambda n: f"study = ? AND participant IN ({_marks(n)})", people

    return [
        *map(by("turn_id", doomed.turns), _BY_TURN),
        *map(by("session_id", doomed.sessions), _BY_SESSION),
        *map(by("conversation_id", doomed.conversations), _BY_CONVERSATION),
        *map(by_person, _BY_PERSON),
    ]


def _ids(
    connection: sqlite3.Connection, sql: str, values: Sequence[str], fixed: Sequence[str] = ()
) -> set[str]:
    return {
        row[0]
        for part in _portions(list(values))
        for row in connection.execute(f"{sql} ({_marks(len(part))})", [*fixed, *part])
        if row[0] is not None
    }


def _portions(values: list[str]) -> list[list[str]]:
    return [values[start : start + 500] for start in range(0, len(values), 500)]


def _marks(count: int) -> str:
    return ", ".join("?" * count)
