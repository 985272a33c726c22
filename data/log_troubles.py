"""What can be wrong with the log: whose fault an error is, and what to tell people about it."""

from __future__ import annotations

import errno
import sqlite3

from data.records import new_id, now_iso
from data.spool import Entry

# Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
_ERROR, _PERM, _BUSY, _LOCKED, _READONLY, _CORRUPT = 1, 3, 5, 6, 8, 11
_FULL, _CANTOPEN, _TOOBIG, _MISMATCH, _AUTH, _NOTADB = 13, 14, 18, 20, 23, 26
_ROW_FAULTS = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError, OverflowError)


def is_damage(error: BaseException) -> bool:
    """Whether the file's content is no (whole) database any more."""
    return _code(error) in (_CORRUPT, _NOTADB)


def is_busy(error: BaseException) -> bool:
    """Whether another process holds the file or one of its locks."""
    return _code(error) in (_BUSY, _LOCKED) or isinstance(error, TimeoutError)


def is_row_fault(error: BaseException) -> bool:
    """Whether the row is to blame, not the file: it would fail again however often it is tried."""
    return isinstance(error, _ROW_FAULTS) or _code(error) in (_ERROR, _TOOBIG, _MISMATCH)


def explain(error: BaseException) -> str:
    """What is wrong and what to do about it, in a line."""
    number = error.errno if isinstance(error, OSError) else None
    if is_busy(error):
        return "The log is busy: another program holds it."
    if is_damage(error):
        return "The log is damaged; it is being set aside."
    if _code(error) == _FULL or number in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of the log is full: free some space."
    if number in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        return "The log cannot be written: a file is where its folder should be. Set UPSHIFT_DB to another."
    refused = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)
    if _code(error) in (_PERM, _READONLY, _CANTOPEN, _AUTH) or number in refused:
        return "The log cannot be written: check that its folder is there and yours to write."
    return "The log cannot be written."


def incident(kind: str, n: int, detail: str) -> Entry:
    """A row for log_health. Its key is random, so a replay does not count it twice."""
    return Entry(
        "log_health", {"health_id": new_id(), "at": now_iso(), "kind": kind, "n": n, "detail": detail}
    )


def _code(error: BaseException) -> int:
    """SQLite's primary result code of an error, 0 if it did not come from SQLite."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
