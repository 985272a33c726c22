"""The log's file as its writer sees it: opened, checked, set aside when damaged, written.

Files beside the log: `…-wal` and `…-shm` (SQLite), `….lock` (set-up), `….runs/` (one locked file per
running app), `….spool.jsonl` and `….rejected.jsonl` (see data.spool).
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from data import migrations
from data.log_troubles import is_damage, is_row_fault
from data.records import new_id
from data.schema import TABLES
from data.spool import Entry, Rejected

BUSY_TIMEOUT_S = 2.0
_SETUP_TIMEOUT_S = 10.0


class LogFile:
    """One process's connection for writing; used by one thread only.

    `run_id` names this app run. Its file in `….runs/` stays locked by the operating system for as
    long as the process lives, kill -9 or not, so another app can tell whose open turns are orphans
    without trusting process numbers, which are used again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = new_id()
        self.set_aside: list[Path] = []
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._run_lock: FileLock | None = None

    def ready(self) -> bool:
        """Open the file if it is not open, or is no longer the file under that name; True if opened.

        Raises sqlite3.Error or OSError.
        """
        if self._connection is not None and self._inode == _inode(self.path):
            return False
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock", timeout=_SETUP_TIMEOUT_S, mode=0o600):
            connection = self._open_whole()
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                # A commit survives the death of the app; the last ones may not survive a power cut.
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA secure_delete=ON")  # text that expired is really gone
                migrations.migrate(connection)
                self._hold_run_lock()
            except BaseException:
                connection.close()
                raise
            self._connection, self._inode = connection, _inode(self.path)
        return True

    def write(self, entries: Sequence[Entry]) -> list[Rejected]:
        """Write the entries in one transaction; returns those that the database will not take.

        Raises sqlite3.Error where the file is to blame; nothing is written then.
        """
        try:
            self._in_transaction(lambda: self._upsert(entries))
            return []
        except (sqlite3.Error, OverflowError) as error:
            if not is_row_fault(error):
                raise
        rejected: list[Rejected] = []
        for entry in entries:
            try:
                self._in_transaction(lambda entry=entry: self._upsert([entry]))  # type: ignore[misc]
            except (sqlite3.Error, OverflowError) as error:
                if not is_row_fault(error):
                    raise
                rejected.append(Rejected(entry, str(error)))
        return rejected

    def adopt_orphans(self) -> int:
        """Close the open turns of apps that are gone as `abandoned`; returns how many."""
        changed = 0

        def close_them() -> None:
            # Whose lock is free is asked while no one else can write: an app locks its run file
            # before its first row, so each run that is named here either lives or is gone.
            nonlocal changed
            connection = self._open_connection()
            rows = connection.execute("SELECT DISTINCT run_id FROM turns WHERE status = 'open'").fetchall()
            gone = [run for (run,) in rows if run != self.run_id and not self._lives(run)]
            for run in gone:
                changed += connection.execute(
                    "UPDATE turns SET status = 'abandoned', error_type = COALESCE(error_type, 'app_ended')"
                    " WHERE status = 'open' AND run_id IS ?",
                    [run],
                ).rowcount

        self._in_transaction(close_them)
        return changed

    def expire_text(self, now: str) -> int:
        """Delete text whose time is over; returns how many turns lost theirs."""
        connection = self._open_connection()
        due = connection.execute("SELECT 1 FROM turn_text WHERE expires_at <= ? LIMIT 1", [now]).fetchone()
        if due is None:
            return 0
        gone = connection.execute("DELETE FROM turn_text WHERE expires_at <= ?", [now]).rowcount
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or the text would stay in the -wal file
        return gone

    def close(self) -> None:
        """Close the connection; the run stays alive until `end_run`."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._inode = None

    def end_run(self) -> None:
        """Give up the run's lock: this app writes no more."""
        if self._run_lock is not None:
            self._run_lock.release()
            Path(self._run_lock.lock_file).unlink(missing_ok=True)
            self._run_lock = None

    def _open_whole(self) -> sqlite3.Connection:
        """A connection to a file that passed SQLite's quick check; a damaged one is set aside first."""
        connection = connect(self.path)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            connection.close()
            if not is_damage(error):
                raise
            found = str(error)
        if found == "ok":
            return connection
        connection.close()
        self.set_aside.append(set_aside(self.path))
        return connect(self.path)

    def _hold_run_lock(self) -> None:
        if self._run_lock is not None:
            return
        folder = self._runs_folder()
        folder.mkdir(exist_ok=True)
        for file in folder.glob("*.lock"):
            self._lives(file.stem)  # clears away what dead runs left behind
        # Not thread-local: the lock is the process's, whichever thread gives it up.
        lock = FileLock(folder / f"{self.run_id}.lock", thread_local=False, mode=0o600)
        lock.acquire(timeout=0)
        self._run_lock = lock

    def _lives(self, run_id: str | None) -> bool:
        file = self._runs_folder() / f"{run_id}.lock"
        if run_id is None or not file.exists():
            return False
        try:
            with FileLock(file, timeout=0):
                file.unlink(missing_ok=True)
        except Timeout:
            return True
        except PermissionError:  # Windows will not remove a file that is open: it stays, harmless
            return False
        return False

    def _runs_folder(self) -> Path:
        return self.path.with_name(f"{self.path.name}.runs")

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("the log is not open")
        return self._connection

    def _in_transaction(self, work: Callable[[], None]) -> None:
        connection = self._open_connection()
        # IMMEDIATE: a transaction that reads first and writes later would be refused as "locked".
        connection.execute("BEGIN IMMEDIATE")
        try:
            work()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _upsert(self, entries: Iterable[Entry]) -> None:
        connection = self._open_connection()
        for (table, columns, keep_first), group in itertools.groupby(
            entries, key=lambda e: (e.table, tuple(e.row), e.keep_first)
        ):
            sql = upsert_sql(table, columns, keep_first)
            connection.executemany(sql, [tuple(entry.row.values()) for entry in group])


@functools.lru_cache(maxsize=256)
def upsert_sql(table: str, columns: tuple[str, ...], keep_first: bool) -> str:
    """Insert, or change the given columns of the row that has this key."""
    key = TABLES[table].key
    changes = ", ".join(
        f"{column} = COALESCE({table}.{column}, excluded.{column})"
        if keep_first
        else f"{column} = excluded.{column}"
        for column in columns
        if column not in key
    )
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    places = ", ".join("?" * len(columns))
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) "
        f"ON CONFLICT ({', '.join(key)}) {action}"
    )


def connect(path: Path) -> sqlite3.Connection:
    """A connection for writing, in autocommit mode; it waits 2 s for others. Raises sqlite3.Error."""
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def set_aside(path: Path) -> Path:
    """Rename a damaged log and its companions to a dated name, keeping every byte; returns the name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    away = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    for ending in ("-wal", "-shm", ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(away.with_name(away.name + ending))
    return away


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
