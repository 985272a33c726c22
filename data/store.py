"""Reading the log, and deleting from it. Reading never changes the file and never waits for the writer."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from data.spool import Spool

Record = dict[str, Any]

_USUAL_OF = 200
_USUAL_FROM = 5


class LogUnavailable(Exception):
    """The log cannot be read. The text says why and what to do."""


class LogMissing(LogUnavailable):
    """There is no log yet."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to the log; rows are sqlite3.Row.

    Raises LogMissing or LogUnavailable, also for errors of the queries made with it.
    """
    if not path.exists():
        raise LogMissing(f"There is no log at {path} yet: it is made when the app starts (`make run`).")
    connection: sqlite3.Connection | None = None
    try:
        connection = _open(path)
        yield connection
    except sqlite3.Error as error:
        raise LogUnavailable(_why(path, error)) from error
    finally:
        if connection is not None:
            connection.close()


def _open(path: Path) -> sqlite3.Connection:
    """Read-only; where not even SQLite's side files can be made, the file as it lies there."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    for uri in (address, f"{address}&immutable=1"):
        connection = sqlite3.connect(uri, uri=True, timeout=2.0, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            if uri != address or error.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY"):
                raise
        except sqlite3.Error:
            connection.close()
            raise
    raise AssertionError("unreachable")  # pragma: no cover


def _why(path: Path, error: sqlite3.Error) -> str:
    if error.sqlite_errorname in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
        return (
            f"{path} is damaged ({error}). Start the app, which sets it aside and begins a new log,"
            " or run `python -m data doctor --repair`."
        )
    if "no such table" in str(error) or "no such column" in str(error):
        return f"{path} has another form ({error}). Start the app once, or: `python -m data doctor --repair`."
    return f"{path} cannot be read: {error}. `python -m data doctor` explains."


class Store:
    """Questions to one log. Each opens a connection of its own, so any thread may ask."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def conversation_turns(self, conversation_id: str) -> list[Record]:
        """The turns of a conversation in order, for drawing it again.

        Each is a row of v_turns with `prompt`, `answer` and `sources` (a list) as far as text was kept,
        and `generations` and `feedback`, lists of rows. Empty if nothing is known. Raises LogUnavailable.
        """
        try:
            with reading(self.path) as connection:
                turns = connection.execute(
                    "SELECT v_turns.*, prompt, answer, sources FROM v_turns"
                    " LEFT JOIN turn_text ON turn_text.turn_id = v_turns.turn_id"
                    " WHERE conversation_id = ? ORDER BY turn_index, submitted_at",
                    [conversation_id],
                ).fetchall()
                return [self._whole(connection, dict(turn)) for turn in turns]
        except LogMissing:
            return []

    def usual_seconds(self, tier: str) -> float | None:
        """What a whole answer of this tier usually takes: the median of its last 200 complete ones.

        None below 5, or when the log cannot be read: then there is nothing to say about it.
        Turns that were cold, cached, warmed or joined are not usual and left out.
        """
        try:
            with reading(self.path) as connection:
                rows = connection.execute(
                    "SELECT done_ms FROM turns WHERE tier = ? AND status = 'ok' AND done_ms IS NOT NULL"
                    " AND COALESCE(cold, 0) + COALESCE(cache_hit, 0) + COALESCE(warmed, 0)"
                    " + COALESCE(joined, 0) = 0 ORDER BY submitted_at DESC LIMIT ?",
                    [tier, _USUAL_OF],
                ).fetchall()
        except LogUnavailable:
            return None
        return statistics.median(row[0] for row in rows) / 1000 if len(rows) >= _USUAL_FROM else None

    def expire(self, now: datetime | None = None) -> int:
        """Delete all text whose time is over, in the log and in its side files; returns how many turns.

        The writer of a running app does this every hour. Raises LogUnavailable.
        """
        due = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
        from data.expiry import expire_side_files

        with self._side_files() as spool:
            gone = expire_side_files(self.path, spool, due)
        return gone + self._delete_text("expires_at <= ?", due)

    def forget_conversation(self, conversation_id: str) -> int:
        """Delete the text of a conversation and its title, wherever they lie; its figures stay.

        Returns how many turns had text. Raises LogUnavailable.
        """
        try:
            with reading(self.path) as connection:
                rows = connection.execute(
                    "SELECT turn_id FROM turns WHERE conversation_id = ?", [conversation_id]
                ).fetchall()
        except LogMissing:
            rows = []
        turns = {row[0] for row in rows}
        with self._side_files() as spool:
            turns |= {
                entry.row["turn_id"]
                for entry in spool.waiting()
                if entry.table == "turns" and entry.row.get("conversation_id") == conversation_id
            }
            gone = spool.forget(
                lambda entry: (
                    (entry.table in ("turn_text", "feedback") and entry.row.get("turn_id") in turns)
                    or (
                        entry.table == "conversations" and entry.row.get("conversation_id") == conversation_id
                    )
                )
            )
        gone += self._delete_text(
            "turn_id IN (SELECT turn_id FROM turns WHERE conversation_id = ?)", conversation_id
        )
        if self.path.exists():
            with self._writing() as connection:
                connection.execute(
                    "UPDATE conversations SET title = NULL WHERE conversation_id = ?", [conversation_id]
                )
        return gone

    def _delete_text(self, where: str, value: str) -> int:
        if not self.path.exists():
            return 0
        with self._writing() as connection:
            # What somebody wrote about an answer goes with the answer; that they rated it stays.
            connection.execute(
                "UPDATE feedback SET note = NULL WHERE kind = 'reason'"
                f" AND turn_id IN (SELECT turn_id FROM turn_text WHERE {where})",
                [value],
            )
            gone = connection.execute(f"DELETE FROM turn_text WHERE {where}", [value]).rowcount
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or the text would stay in the -wal file
        return gone

    @contextlib.contextmanager
    def _side_files(self) -> Iterator[Spool]:
        from data.spool import Spool  # brings file locks, which a report does not need

        try:
            yield Spool(self.path)
        except OSError as error:
            raise LogUnavailable(f"The log's side file cannot be changed: {error}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=2.0, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
                yield connection
        except sqlite3.Error as error:
            raise LogUnavailable(_why(self.path, error)) from error

    def _whole(self, connection: sqlite3.Connection, turn: Record) -> Record:
        generations = connection.execute(
            "SELECT * FROM generations WHERE turn_id = ? ORDER BY attempt", [turn["turn_id"]]
        )
        turn["generations"] = [dict(row) for row in generations]
        said = connection.execute("SELECT * FROM feedback WHERE turn_id = ? ORDER BY at", [turn["turn_id"]])
        turn["feedback"] = [dict(row) for row in said]
        turn["sources"] = json.loads(turn["sources"]) if turn["sources"] else []
        return turn
