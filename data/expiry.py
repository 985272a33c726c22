"""Text that has expired must be gone from the log's side files, too."""

from __future__ import annotations

import time
from pathlib import Path

from data.spool import Entry, Spool

# A damaged log that was set aside may hold text. It is kept this long for a rescue, then removed.
SET_ASIDE_DAYS = 30


def expire_side_files(log: Path, spool: Spool, now: str) -> int:
    """Delete expired text from spool and rejected records, and old set-aside logs; returns records deleted.

    `now` is ISO 8601 in UTC. Raises OSError.
    """
    gone = spool.forget(lambda entry: is_expired(entry, now))
    for away in set_aside_logs(log):
        if away.stat().st_mtime < time.time() - SET_ASIDE_DAYS * 86400:
            away.unlink()
    return gone


def is_expired(entry: Entry, now: str) -> bool:
    """Whether a waiting record is text whose time is over."""
    expires = entry.row.get("expires_at")
    return entry.table == "turn_text" and isinstance(expires, str) and expires <= now


def set_aside_logs(log: Path) -> list[Path]:
    """The damaged logs that were set aside, with their companions, oldest first."""
    return sorted(log.parent.glob(f"{log.stem}.damaged-*")) if log.parent.is_dir() else []
