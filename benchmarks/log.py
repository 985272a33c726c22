"""What the log costs: eight writers at once beside plain sqlite3, and what it adds to a turn.

Writers are processes (or threads of one) that write as fast as they can; a run is over when every record is
in the database. A turn is answered by the scripted provider through the app's own way below the page; what
the journal does in the answer's thread is what logging adds to it. The last event is shown before it is
logged, so what is logged then is on nobody's way.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.asking import tell
from benchmarks.goals import LOGGING_A_TURN_MS
from benchmarks.tables import print_table, verdict
from data.events import Event, Failed, Finished, Stopped, TextDelta
from data.log import Log
from data.presets import load_preset
from data.records import new_id
from router import runtime
from router.conversations import Conversation
from router.running import Running, RunningTurn
from router.services import build_services
from tests.browser.chromium import ROOT

WRITERS = 8
RECORDS, QUICK_RECORDS = 5_000, 1_000
RUNS = 5
TURNS, QUICK_TURNS = 200, 20
TOKENS = 150
ANSWER_S = 60.0
WAYS = {
    "log": f"the log, {WRITERS} processes",
    "threads": f"the log, {WRITERS} threads of one process",
    "sqlite3": f"plain sqlite3, {WRITERS} processes, a transaction each",
}


def run(quick: bool = False) -> dict[str, Any]:
    """Measure and print; returns records a second, calls in microseconds, and a turn's milliseconds."""
    records, runs = (QUICK_RECORDS, 2) if quick else (RECORDS, RUNS)
    writers: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for number in range(runs):
        for way, found in writers.items():  # by turns, so that a slow moment of the machine hits all alike
            tell(f"log: {way}, run {number + 1} of {runs}")
            found.append(_writers(way, records))
    figures = {way: _median(found) for way, found in writers.items()}
    turn = _turns(QUICK_TURNS if quick else TURNS)
    _print(figures, turn, runs, records)
    return {"writers": figures, "turn": turn, "records_each": records, "runs": runs, "writers_n": WRITERS}


def _writers(way: str, records: int) -> dict[str, float]:
    """One run: records a second over all writers, p50 and p99 of a call in microseconds, what failed."""
    processes, each = (1, records * WRITERS) if way == "threads" else (WRITERS, records)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as ended:
        path = Path(name) / "log.db"
        Log(path).close()  # the schema is there before anybody writes
        command = [sys.executable, "-m", "benchmarks.log_writers", way, str(path)]
        workers = [
            subprocess.Popen(
                [*command, f"w{number}", str(each)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(processes)
        ]  # fmt: skip
        for worker in workers:
            ended.callback(worker.kill)
            if worker.stdout is None or worker.stdout.readline() != "ready\n":
                raise RuntimeError("a writer did not start")
        began = time.perf_counter()
        for worker in workers:
            if worker.stdin is not None:
                worker.stdin.write("go\n")
                worker.stdin.flush()
        said = [json.loads(worker.communicate()[0]) for worker in workers]
        seconds = time.perf_counter() - began
        with contextlib.closing(sqlite3.connect(path)) as connection:
            [(kept,)] = connection.execute("SELECT COUNT(*) FROM marks").fetchall()
    calls = np.array([call for one in said for call in one["calls_us"]])
    p50, p99 = np.percentile(calls, [50, 99])
    failed = sum(one["failed"] for one in said)
    return {
        "records_a_second": kept / seconds,
        "call_p50_us": float(p50),
        "call_p99_us": float(p99),
        "failed": failed,
        "missing": records * WRITERS - kept - failed,
    }


def _median(found: list[dict[str, float]]) -> dict[str, float]:
    """Of the runs; what failed or is missing is summed up."""
    counted = ("failed", "missing")
    values = {name: [one[name] for one in found] for name in found[0]}
    return {name: float(sum(of) if name in counted else np.median(of)) for name, of in values.items()}


def _turns(turns: int) -> dict[str, float]:
    """What the journal takes of the answer's thread for a turn: to the first words, to the end, after it."""
    first_ms, way_ms, cpu_ms, after_ms = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        script = Path(name) / "script.toml"
        words = " ".join(f"word{number}" for number in range(TOKENS))
        reply = f'[[replies]]\ntext = "{words}"\nfirst_token_ms = 50\ntoken_ms = 2\n'
        script.write_text(reply, encoding="utf-8")
        settings = {
            "UPSHIFT_DB": str(Path(name) / "log.db"),
            "UPSHIFT_PURPOSE": "dogfood",  # where text is kept: the most that is ever written
            "UPSHIFT_PRESET": "scripted",
            "UPSHIFT_SCRIPT": str(script),
        }
        with mock.patch.dict(os.environ, settings):
            current = runtime.build(build_services(load_preset("scripted")))
            try:
                timer = _Timer(current.journal.event)
                running = Running(current.services, timer)
                for number in range(turns + 1):
                    if number % 50 == 0:
                        tell(f"log: turn {number} of {turns}")
                    timer.clear()
                    answered = Conversation(new_id()).ask(running, "How long is text kept?", "session")
                    answered.events(after=10**9, timeout_s=ANSWER_S)
                    timer.wait_for(answered)
                    if number:  # the first one imports what the others have
                        first_ms.append(timer.first_ms)
                        way_ms.append(timer.way_ms)
                        cpu_ms.append(timer.cpu_ms)
                        after_ms.append(timer.after_ms)
            finally:
                current.close()
    return {
        "to_first_words_p50_ms": float(np.median(first_ms)),
        "to_the_end_p50_ms": float(np.median(way_ms)),
        "to_the_end_p95_ms": float(np.percentile(way_ms, 95)),
        "to_the_end_cpu_p50_ms": float(np.median(cpu_ms)),
        "after_the_end_p50_ms": float(np.median(after_ms)),
        "n": len(way_ms),
    }


class _Timer:
    """The journal, with a watch: sums up what its calls take of the thread that calls."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.clear()

    def clear(self) -> None:
        """For the next turn."""
        self.first_ms = self.way_ms = self.cpu_ms = self.after_ms = 0.0
        self.events = 0
        self._has_text = False

    def __call__(self, running: RunningTurn, event: Event) -> None:
        began, cpu = time.perf_counter(), time.thread_time()
        self._journal(running, event)
        took_ms, used_ms = (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000
        if isinstance(event, Finished | Stopped | Failed):
            self.after_ms = took_ms
        else:
            self.way_ms += took_ms
            self.cpu_ms += used_ms
        self._has_text = self._has_text or isinstance(event, TextDelta)
        if not self._has_text:
            self.first_ms = self.way_ms
        self.events += 1

    def wait_for(self, running: RunningTurn) -> None:
        """The last event is stamped before it is logged: wait for that, too."""
        until = time.monotonic() + ANSWER_S
        while self.events < len(running.events()) and time.monotonic() < until:
            time.sleep(0.005)


def _print(figures: dict[str, dict[str, float]], turn: dict[str, float], runs: int, records: int) -> None:
    print(f"{WRITERS} writers, {records:,} records each, as fast as they can; medians of {runs} runs.")
    print_table(
        ["way", "records/s", "a call, p50", "a call, p99", "failed", "missing"],
        [
            [
                words,
                f"{figures[way]['records_a_second']:,.0f}",
                f"{figures[way]['call_p50_us']:,.0f} µs",
                f"{figures[way]['call_p99_us']:,.0f} µs",
                f"{figures[way]['failed']:.0f}",
                f"{figures[way]['missing']:.0f}",
            ]
            for way, words in WAYS.items()
        ],
    )
    print(f"\nWhat logging adds to a turn of {TOKENS} pieces, in the answer's thread; n = {turn['n']}.")
    print_table(
        [
            "to the first words",
            "to the end, p50",
            "p95",
            "processor time",
            "goal for the p50",
            "",
            "after it",
        ],
        [
            [
                f"{turn['to_first_words_p50_ms']:.2f} ms",
                f"{turn['to_the_end_p50_ms']:.2f} ms",
                f"{turn['to_the_end_p95_ms']:.2f} ms",
                f"{turn['to_the_end_cpu_p50_ms']:.2f} ms",
                f"{LOGGING_A_TURN_MS} ms",
                verdict(LOGGING_A_TURN_MS, turn["to_the_end_p50_ms"]),
                f"{turn['after_the_end_p50_ms']:.2f} ms",
            ]
        ],
    )
