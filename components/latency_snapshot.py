"""The log's turns for the latency page, read once and kept for a minute where there are many.

So a filter is answered at once, and what one looks at does not move. A small log is read every time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from components.latency_charts import Chart
from data.latency_turns import Turns, read_turns
from data.latency_view import View

KEPT_S = 60.0
KEPT_FROM = 5_000
_lock = threading.Lock()
_kept: dict[Path, tuple[float, Turns]] = {}
MOST_VIEWS = 16
_charts: dict[object, list[Chart]] = {}


def turns(log: Path) -> Turns:
    """All turns of the log, at most a minute old. Raises LogUnavailable."""
    with _lock:  # two people who open the page at once wait for one reading
        found = _kept.get(log)
        if found is not None and time.monotonic() - found[0] < KEPT_S:
            return found[1]
        _clear()
        read = read_turns(log)
        if len(read) >= KEPT_FROM:
            _kept[log] = time.monotonic(), read
        return read


def charts(turns: Turns, view: View, make: Callable[[], list[Chart]]) -> list[Chart]:
    """What `make` gives for these turns and this view; kept as long as the turns are."""
    query = {name: tuple(words) for name, words in view.to_query().items() if name != "turn"}
    key = (turns.read_at, tuple(sorted(query.items())))
    with _lock:
        found = _charts.get(key)
    if found is None:
        found = make()
        with _lock:
            if any(kept is turns for _, kept in _kept.values()) and len(_charts) < MOST_VIEWS:
                _charts[key] = found
    return found


def forget() -> None:
    """Read the log anew the next time."""
    with _lock:
        _clear()


def _clear() -> None:
    _kept.clear()
    _charts.clear()
