"""One writer of the log's measurement, as a process of its own: benchmarks/log.py starts it.

Its arguments: the way, the log's path, a name for its records, how many. The way `log` puts records into the
app's log; `threads` does so from eight threads; `sqlite3` writes them with the standard library, each in a
transaction of its own, with the log's own settings. It says `ready`, waits for a line, and prints JSON: how
long each call took, in microseconds, and how many failed.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.log import Log
from data.log_file import connect

THREADS = 8
FLUSH_S = 300.0
Put = Callable[[dict[str, Any]], None]


def record(name: str, number: int) -> dict[str, Any]:
    """A mark, which is what most records are; each its own row."""
    attrs = {"tier": "fast", "request_model": "qwen2.5-coder-0.5b", "attempt": 0, "left_out_turns": 0}
    return {"turn_id": f"{name}-{number // 8}", "seq": number % 8, "t_ms": 12.345, "name": "Requested"} | {
        "attrs": json.dumps(attrs)
    }


def main() -> int:
    """Write, and tell."""
    way, path, name, records = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    with contextlib.ExitStack() as opened:
        if way == "sqlite3":
            connection = opened.enter_context(contextlib.closing(connect(path)))
            connection.execute("PRAGMA synchronous=NORMAL")
            calls, failed = _timed(_plain(connection), [record(name, n) for n in range(records)])
        else:
            log = Log(path)
            opened.callback(log.close)
            log.flush(FLUSH_S)
            calls, failed = (_threads if way == "threads" else _one)(log, name, records)
            log.flush(FLUSH_S)
    sys.stdout.write(json.dumps({"calls_us": calls, "failed": failed}) + "\n")
    return 0


def _plain(connection: sqlite3.Connection) -> Put:
    def put(row: dict[str, Any]) -> None:
        names = ", ".join(row)
        connection.execute(f"INSERT INTO marks ({names}) VALUES (?, ?, ?, ?, ?)", list(row.values()))

    return put


def _one(log: Log, name: str, records: int) -> tuple[list[float], int]:
    return _timed(lambda row: log.put("marks", row), [record(name, n) for n in range(records)])


def _threads(log: Log, name: str, records: int) -> tuple[list[float], int]:
    found: list[tuple[list[float], int]] = []
    rows = [[record(f"{name}-{thread}", n) for n in range(records // THREADS)] for thread in range(THREADS)]
    go = threading.Barrier(THREADS + 1)

    def work(mine: list[dict[str, Any]]) -> None:
        go.wait()
        found.append(_write(lambda row: log.put("marks", row), mine))

    workers = [threading.Thread(target=work, args=(mine,)) for mine in rows]
    for worker in workers:
        worker.start()
    _wait()
    go.wait()
    for worker in workers:
        worker.join()
    return [call for calls, _ in found for call in calls], sum(failed for _, failed in found)


def _timed(put: Put, rows: list[dict[str, Any]]) -> tuple[list[float], int]:
    _wait()
    return _write(put, rows)


def _write(put: Put, rows: list[dict[str, Any]]) -> tuple[list[float], int]:
    calls, failed = [], 0
    for row in rows:
        began = time.perf_counter()
        try:
            put(row)
        except sqlite3.OperationalError:
            failed += 1
        calls.append(round((time.perf_counter() - began) * 1e6, 1))
    return calls, failed


def _wait() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    sys.exit(main())
