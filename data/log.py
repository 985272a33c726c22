"""The log as the rest of the app sees it: `put` and go on; a thread of its own does the writing."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.log_writer import Flush, LogWriter
from data.schema import LogMistake, encode
from data.spool import Entry, Rejected

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogHealth:
    """How the log is. `message` is one quiet line for the page, empty when there is nothing to say.

    `spooled` counts records that wait in a side file (or, if none can be written, in memory).
    `ok` is false while records do not reach the log.
    """

    ok: bool = True
    message: str = ""
    spooled: int = 0


class Log:
    """A log that never blocks and never fails its caller.

    All of the file's trouble is the writer thread's: records that the file does not take go to a
    side file and are added later (see data.log_writer). `strict` makes `put` raise LogMistake for a
    row that fits no table; by default `UPSHIFT_STRICT_LOG` decides, which the tests set. Otherwise
    such a row is kept in the rejected file, and health and the table log_health say so.
    """

    def __init__(self, path: Path, *, strict: bool | None = None) -> None:
        self.path = Path(path)
        self.strict = bool(os.environ.get("UPSHIFT_STRICT_LOG")) if strict is None else strict
        self._closed = False
        self._inbox: queue.SimpleQueue[Entry | Rejected | Flush] = queue.SimpleQueue()
        self._writer = LogWriter(self.path, self._inbox)
        self._thread = threading.Thread(target=self._writer.run, name="upshift-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def health(self) -> LogHealth:
        """The latest news from the writer; costs nothing to ask."""
        trouble, news, waiting = self._writer.state
        if not self._thread.is_alive() and not self._closed:
            return LogHealth(False, "The log's writer has stopped; restart the app to log again.", waiting)
        return LogHealth(ok=not trouble, message=trouble or news, spooled=waiting)

    @property
    def run_id(self) -> str:
        """This app run's name in `turns.run_id`."""
        return self._writer.run_id

    def put(self, table: str, row: Mapping[str, object], *, keep_first: bool = False) -> None:
        """Record a row: the given columns overwrite those of the row with the same key.

        With `keep_first` only columns that are still null are filled. A turn that is put with status
        `open` gets this app's `run_id`, by which a later start knows whether it was orphaned.
        Raises LogMistake only if the log is strict.
        """
        try:
            encoded = encode(table, row)
        except LogMistake as error:
            if self.strict:
                raise
            _logger.warning("a record does not fit the log: %s", error)
            # Not encoded, so possibly anything: the rejected file holds what JSON or repr makes of it.
            self._inbox.put(Rejected(Entry(table, dict(row), keep_first), str(error)))  # type: ignore[arg-type]
            return
        if table == "turns" and encoded.get("status") == "open":
            encoded.setdefault("run_id", self._writer.run_id)
        self._inbox.put(Entry(table, encoded, keep_first))
        if self._closed and not self._thread.is_alive():
            self._writer.store_late()  # by a worker that outlives the log: rare, and worth the wait

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all that was put before is on disk, in the log or in its side file.

        False if that took longer than `timeout_s`, or if neither could be written.
        """
        if not self._thread.is_alive():
            return self._inbox.empty()
        request = Flush()
        self._inbox.put(request)
        return request.done.wait(timeout_s) and request.on_disk

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is left and end the writer thread. Further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._inbox.put(Flush(last=True))
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._writer.store_late()
