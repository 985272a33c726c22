"""Follows a folder of documents: keeps their index up to date, now and in the background."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from data import index_update, meaning, ways_to_ask
from data.config import ConfigError
from data.index_vectors import is_read_closely, read_some

LOG = logging.getLogger("upshift.documents")
# How often a folder is looked at, and at most which share of the time that takes.
LOOK_S = 3.0
_LOOK_SHARE = 0.02
# Passages that are read closely at a time, while nothing else is written.
_AT_A_TIME, _WAYS_AT_A_TIME = 4, 25


class Follower:
    """Writes to the index; searching goes on meanwhile.

    `own` is held while the connection is used (it may be the one that is searched with); `changed` is called
    after something was written. `file` is the index's, None for memory.
    """

    def __init__(
        self,
        folder: Path | None,
        connection: sqlite3.Connection,
        file: Path | None,
        own: contextlib.AbstractContextManager[object],
        changed: Callable[[], None],
    ) -> None:
        self._folder, self._connection, self._own, self._changed = folder, connection, own, changed
        self._lock = file.with_suffix(".lock") if file else None
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.missing = folder is not None and not folder.is_dir()
        self.waiting = 0
        """Documents that are still to be read."""

    def refresh(self, until: int = -1) -> bool:
        """Look at the folder and read what has changed (at most `until` files); whether anything had.

        Takes as long as the reading takes. Raises sqlite3.Error.
        """
        if self._folder is None:
            return False
        with self._busy, self._own:
            self.missing = not self._folder.is_dir()
            todo = index_update.changes(self._connection, self._folder)
            changed = bool(todo) and index_update.update(self._connection, todo, self._lock, until=until)
            self.waiting = max(0, len(todo.look_into) - until) if until >= 0 else 0
        if changed:
            self._changed()
        return changed

    def read_closely(self, *, gently: bool = False) -> None:
        """Read each passage as a whole that was not yet, unless there are very many or very few.

        `gently` leaves half of the time to others. Without the network's weights nothing is read, and the
        search goes by words. Raises sqlite3.Error.
        """
        try:
            encoder = meaning.shipped_encoder()
        except ConfigError as problem:
            LOG.warning("%s Documents are searched by their words alone.", problem)
            return
        read = 0
        while not self._stop.is_set():
            began = time.monotonic()
            some = self._read_some(encoder)
            read += some
            if not some:
                break
            if gently:
                self._stop.wait(time.monotonic() - began)
        if read:
            self._changed()

    def watch(self) -> None:
        """Follow the folder in the background from now on: look every few seconds, read what changed."""
        if self._folder is not None and self._thread is None:
            # Kept once it runs: if it cannot be started, the next call tries again.
            thread = threading.Thread(target=self._follow, name="documents", daemon=True)
            thread.start()
            self._thread = thread

    def close(self) -> None:
        """Stop following, and let the connection go."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        with self._busy, self._own:
            self._connection.close()

    def _read_some(self, encoder: meaning.MeaningEncoder) -> int:
        with self._busy, self._own, contextlib.ExitStack() as held:
            if self._lock is not None:
                try:
                    held.enter_context(FileLock(self._lock, timeout=0))
                except (Timeout, OSError):
                    return 0  # another process is at it
            if not is_read_closely(self._connection.execute("select count(*) from passages").fetchone()[0]):
                return 0
            return read_some(self._connection, _AT_A_TIME, encoder) or ways_to_ask.read_some(
                self._connection, _WAYS_AT_A_TIME, encoder
            )

    def _follow(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            began = time.monotonic()
            try:
                self.refresh()
                looked_s = time.monotonic() - began
                self.read_closely(gently=True)
            except (sqlite3.Error, OSError) as problem:
                looked_s = time.monotonic() - began
                if not self._stop.is_set():
                    LOG.warning("the documents could not be looked at: %s", problem)
            except Exception:  # a mistake of ours must not cost the thread: nobody else looks
                looked_s = time.monotonic() - began
                LOG.exception("looking at the documents failed")
            pause_s = max(LOOK_S, looked_s / _LOOK_SHARE)
