"""Deleting a participant, or what has passed its time: first counted, then done, and done everywhere.

The log, its write-ahead file, the side files of records that wait: what was deleted is in none of them
(`secure_delete` overwrites it). The random ids of what is gone stay in the table `forgotten`, so that a
row that comes late (from an answer still under way, or from another app's side file) is not taken in.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data.expiry import set_aside_logs
from data.log_file import connect
from data.log_troubles import explain
from data.spool import Spool
from data.store import LogMissing, LogUnavailable, Store, reading
from data.studies import Study
from data.study_belongings import Doomed, belongs_to, places


def delete(log: Path, doomed: Doomed) -> int:
    """Delete it for good; returns how many rows and records are gone. Raises LogUnavailable."""
    gone = 0
    try:
        gone += Spool(log).forget(belongs_to(doomed))
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


def _delete_rows(connection: sqlite3.Connection, doomed: Doomed) -> int:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    ids = sorted(doomed.sessions | doomed.conversations | doomed.turns)
    connection.executemany("INSERT OR IGNORE INTO forgotten (id, at) VALUES (?, ?)", [(i, at) for i in ids])
    gone = 0
    for table, where, values in places(doomed):
        for fixed, part in values:
            sql = f"DELETE FROM {table} WHERE {where(len(part))}"
            gone += connection.execute(sql, [*fixed, *part]).rowcount
    return gone
