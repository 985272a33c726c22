"""The log's turns for the latency page, read once and kept for a minute where there are many.

So a filter is answered at once, and what one looks at does not move. A small log is read every time.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from data.latency_turns import Turns, read_turns

KEPT_S = 60.0
KEPT_FROM = 5_000
_lock = threading.Lock()
_kept: dict[Path, tuple[float, Turns]] = {}


def turns(log: Path) -> Turns:
    """All turns of the log, at most a minute old. Raises LogUnavailable."""
    with _lock:  # two people who open the page at once wait for one reading
        found = _kept.get(log)
        if found is not None and time.monotonic() - found[0] < KEPT_S:
            return found[1]
        _kept.clear()
        read = read_turns(log)
        if len(read) >= KEPT_FROM:
            _kept[log] = time.monotonic(), read
        return read


def forget() -> None:
    """Read the log anew the next time."""
    with _lock:
        _kept.clear()
