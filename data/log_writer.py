"""The log's writer thread: takes records in batches, and finds a place for each whatever happens.

Order of places: the database; the spool (data.spool), replayed before anything newer is written, so
that an old value never overwrites a newer one; memory, when no side file can be written either.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data.expiry import expire_side_files
from data.log_file import LogFile
from data.log_troubles import explain, incident, is_busy, is_damage
from data.records import now_iso
from data.spool import Entry, Rejected, Spool

BATCH_S = 0.05
RETRY_S = 1.0
_BATCH_RECORDS = 2000
_HELD_RECORDS = 100_000
_EXPIRY_S = 3600.0
_DOCTOR = "`python -m data doctor` explains."
_logger = logging.getLogger(__name__)
Item = Entry | Rejected


@dataclass
class Flush:
    """A request to say when everything before it is on disk; `last` ends the thread."""

    last: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    on_disk: bool = False


class State(NamedTuple):
    """What the page may show: what is wrong now, what happened since the start, how many records wait."""

    trouble: str = ""
    news: str = ""
    waiting: int = 0


class LogWriter:
    """Everything that the thread knows; `state` is replaced as a whole, so any thread may read it."""

    def __init__(self, path: Path, inbox: queue.SimpleQueue[Item | Flush]) -> None:
        self.state = State()
        self._inbox = inbox
        self._file = LogFile(path)
        self._spool = Spool(path)
        self._held: list[Item] = []
        self._spooled = 0
        self._look_for_spool = True
        self._settled = False
        self._retry_at = 0.0
        self._expire_at = 0.0
        self._trouble = ""
        self._news = ""
        self._working = threading.Lock()

    @property
    def run_id(self) -> str:
        """This app run's name in `turns.run_id`."""
        return self._file.run_id

    def run(self) -> None:
        """Work until a Flush says that it is the last."""
        self._store([])  # set-up begins at once, not with the first record
        last = False
        while not last:
            batch, requests = self._collect(self._patience())
            self._store(batch)
            for request in requests:
                request.on_disk = not self._held
                request.done.set()
                last = last or request.last
        self._file.close()
        self._end_run()

    def store_late(self) -> None:
        """Keep what was put after the thread ended in the spool, on the caller's thread."""
        with self._working:
            batch, requests = self._collect(patience_s=0.0)
            self._keep(batch)
            self._publish()
        for request in requests:
            request.on_disk = not self._held
            request.done.set()

    def _collect(self, patience_s: float) -> tuple[list[Item], list[Flush]]:
        """The next batch: what arrives within 50 ms of its first record, less if a flush waits."""
        batch: list[Item] = []
        until = time.monotonic() + patience_s
        while len(batch) < _BATCH_RECORDS:
            try:
                item = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if isinstance(item, Flush):
                return batch, [item]
            if not batch:
                until = time.monotonic() + BATCH_S
            batch.append(item)
        return batch, []

    def _patience(self) -> float:
        """Seconds until there is something to do even if nothing is put."""
        now = time.monotonic()
        if self._trouble or self._held or self._spooled:
            return max(0.05, self._retry_at - now)
        return max(0.05, self._expire_at - now)

    def _store(self, batch: list[Item]) -> None:
        with self._working:
            try:
                self._write(batch)
                batch = []  # it is safe: what fails from here on must not store it twice
                self._settle()
            except (sqlite3.Error, OSError) as error:
                self._stumble(error, batch)
            except Exception as error:  # a mistake of ours must cost neither the thread nor records
                _logger.exception("the log's writer made a mistake")
                self._stumble(error, batch)
            self._publish()

    def _write(self, batch: list[Item]) -> None:
        if time.monotonic() < self._retry_at:
            self._keep(batch)
            return
        if self._file.ready():
            self._settled, self._look_for_spool = False, True
        self._tell_set_aside()
        if self._look_for_spool:
            replayed = self._spool.replay(self._write_entries)
            self._look_for_spool, self._spooled = False, 0
            if replayed:
                self._write_entries([incident("replayed", replayed, "records from the side file were added")])
        held, self._held = self._held, []
        try:
            self._write_all(held + batch)
        except BaseException:
            self._held = held
            raise
        if self._trouble:
            _logger.warning("the log works again")
            self._trouble = ""

    def _settle(self) -> None:
        """What is due once a file was opened, and what is due every hour."""
        if self._trouble:
            return
        if not self._settled:
            orphans = self._file.adopt_orphans()
            if orphans:
                self._write_entries([incident("abandoned", orphans, "open turns of an app that ended")])
            self._settled = True
        if time.monotonic() >= self._expire_at:
            self._file.expire_text(now_iso())
            expire_side_files(self._file.path, self._spool, now_iso())
            self._expire_at = time.monotonic() + _EXPIRY_S

    def _write_all(self, items: list[Item]) -> None:
        entries = [item for item in items if isinstance(item, Entry)]
        self._write_entries(entries)
        self._reject([item for item in items if isinstance(item, Rejected)])

    def _write_entries(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._reject(self._file.write(entries))

    def _reject(self, rejected: list[Rejected]) -> None:
        if not rejected:
            return
        place = self._spool.reject(rejected)
        self._news = (
            f"{len(rejected)} record(s) did not fit the log and were put into {place.name}. {_DOCTOR}"
        )
        reasons = "; ".join(sorted({item.reason for item in rejected}))[:500]
        self._file.write([incident("rejected", len(rejected), reasons)])

    def _stumble(self, error: Exception, batch: list[Item]) -> None:
        """The file did not take the batch: keep it elsewhere, say so, try again in a second."""
        text = explain(error)
        if not self._trouble:
            _logger.warning("the log has trouble: %s (%s)", text, error)
            batch = [*batch, incident("trouble", 1, f"{text} ({error})")]
            self._spooled = self._count_spooled()
        self._trouble = text
        # A damaged file is opened anew, which sets it aside; so is one that failed to be read.
        # A busy one stays open: the check at opening is not free.
        if not is_busy(error):
            self._file.close()
        self._retry_at = time.monotonic() + (0.0 if is_damage(error) else RETRY_S)
        self._keep(batch)

    def _keep(self, batch: list[Item]) -> None:
        """Put the batch into the spool, or hold it in memory if no spool can be written."""
        waiting = self._held + batch
        if not waiting:
            return
        self._held = []
        try:
            entries = [item for item in waiting if isinstance(item, Entry)]
            if entries:
                self._spool.append(entries)
                self._spooled += len(entries)
                self._look_for_spool = True
            self._held = [item for item in waiting if isinstance(item, Rejected)]
            if self._held:
                self._spool.reject(item for item in self._held if isinstance(item, Rejected))
                self._held = []
        except OSError as error:
            _logger.warning("the log's side file cannot be written either: %s", error)
            unsaved = self._held or waiting
            self._held = unsaved[-_HELD_RECORDS:]
            lost = len(unsaved) - len(self._held)
            if lost:
                self._news = f"{lost} records were lost: neither log nor side file could be written."

    def _count_spooled(self) -> int:
        try:
            return self._spool.count()
        except OSError:
            return 0  # then it cannot be added to either, which is told elsewhere

    def _publish(self) -> None:
        waiting = self._spooled + len(self._held)
        trouble = self._trouble
        if trouble and self._held:
            trouble += f" {len(self._held)} record(s) are only in memory. {_DOCTOR}"
        elif trouble:
            trouble += f" Nothing is lost: {waiting} record(s) wait in a side file. {_DOCTOR}"
        self.state = State(trouble, self._news, waiting)

    def _tell_set_aside(self) -> None:
        while self._file.set_aside:
            away = self._file.set_aside.pop()
            self._news = (
                f"The log was damaged; it was set aside as {away.name} and a new one begun. {_DOCTOR}"
            )
            _logger.warning("%s", self._news)
            self._held.append(incident("set_aside", 1, away.name))

    def _end_run(self) -> None:
        try:
            self._file.end_run()
        except OSError as error:
            _logger.warning("the run's lock could not be given up: %s", error)
