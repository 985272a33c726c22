"""Deleting a participant, or what has passed its time: first counted, then done, and done everywhere.

The log, its write-ahead file, the side files of records that wait: what was deleted is in none of them
(`secure_delete` overwrites it). The random ids of what is gone stay in the table `forgotten`, so that a
row that comes late (from an answer still under way, or from another app's side file) is not taken in.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data.expiry import set_aside_logs
from data.log_file import connect
from data.log_troubles import explain
from data.spool import Entry, Spool
from data.store import LogMissing, LogUnavailable, Store, reading
from data.studies import Study

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


def delete(log: Path, doomed: Doomed) -> int:
    """Delete it for good; returns how many rows and records are gone. Raises LogUnavailable."""
    gone = 0
    try:
        gone += Spool(log).forget(_belongs(doomed))
    except OSError as error:
        raise LogUnavailable(f"The log's side file cannot be changed: {error}") from error
    if not log.exists():
        return gone
    try:
        connection = connect(log)
        try:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("BEGIN IMMEDIATE")
            gone += _delete_rows(connection, doomed)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or it would stay in the -wal file
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise LogUnavailable(f"{log} cannot be changed: {explain(error)}") from error
    return gone


def is_due(study: Study, now: datetime) -> bool:
    """Whether a study's records have passed the time for which they were to be kept."""
    if study.records_days is None:
        return False
    return now.astimezone(UTC).date() > study.ends + timedelta(days=study.records_days)


def expired_text(log: Path, now: datetime) -> int:
    """How many turns still have text whose time is over (of any kind, not of studies alone)."""
    due = now.astimezone(UTC).isoformat(timespec="milliseconds")
    try:
        with reading(log) as connection:
            return int(
                connection.execute("SELECT COUNT(*) FROM turn_text WHERE expires_at <= ?", [due]).fetchone()[
                    0
                ]
            )
    except LogMissing:
        return 0


def delete_expired_text(log: Path, now: datetime) -> int:
    """Delete such text now, in the log and its side files. Raises LogUnavailable."""
    return Store(log).expire(now)


def left_elsewhere(log: Path) -> list[Path]:
    """Damaged logs that were set aside: they cannot be searched, and may hold what was deleted here."""
    return set_aside_logs(log)


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
            for table, where, values in _places(doomed):
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
    belongs = _belongs(whole)
    return Doomed(
        whole.study,
        whole.participants,
        whole.sessions,
        whole.conversations,
        whole.turns,
        rows,
        sum(belongs(entry) for entry in waiting),
    )


def _belongs(doomed: Doomed) -> Callable[[Entry], bool]:
    def belongs(entry: Entry) -> bool:
        row = entry.row
        return (
            row.get("session_id") in doomed.sessions
            or row.get("conversation_id") in doomed.conversations
            or row.get("turn_id") in doomed.turns
            or (row.get("study") == doomed.study and row.get("participant") in doomed.participants)
        )

    return belongs


_Where = Callable[[int], str]
_Place = tuple[str, _Where, list[tuple[list[str], list[str]]]]


def _places(doomed: Doomed) -> list[_Place]:
    """Each table with its condition (for so many ids) and the values, in portions that SQLite takes."""

    def by(column: str, ids: frozenset[str]) -> Callable[[str], _Place]:
        return lambda table: (
            table,
            lambda n: f"{column} IN ({_marks(n)})",
            [([], part) for part in _portions(sorted(ids))],
        )

    def by_person(table: str) -> _Place:
        people = [([doomed.study], part) for part in _portions(list(doomed.participants))]
        return table, lambda n: f"study = ? AND participant IN ({_marks(n)})", people

    return [
        *map(by("turn_id", doomed.turns), _BY_TURN),
        *map(by("session_id", doomed.sessions), _BY_SESSION),
        *map(by("conversation_id", doomed.conversations), _BY_CONVERSATION),
        *map(by_person, _BY_PERSON),
    ]


def _delete_rows(connection: sqlite3.Connection, doomed: Doomed) -> int:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    ids = sorted(doomed.sessions | doomed.conversations | doomed.turns)
    connection.executemany("INSERT OR IGNORE INTO forgotten (id, at) VALUES (?, ?)", [(i, at) for i in ids])
    gone = 0
    for table, where, values in _places(doomed):
        for fixed, part in values:
            sql = f"DELETE FROM {table} WHERE {where(len(part))}"
            gone += connection.execute(sql, [*fixed, *part]).rowcount
    return gone


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
