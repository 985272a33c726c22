"""kill -9 of the app while it answers six people at once, twenty times: the log keeps its word."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.log import Log

ROOT = Path(__file__).parents[2]
ROUNDS = 20
SCRIPT = '[[replies]]\nmatch = ""\nfirst_token_ms = 20\ntoken_ms = 5\n'


@pytest.fixture
def apps(temporary_log: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Makes an app for each line that it is given."""
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {
        **os.environ,
        "UPSHIFT_DB": str(temporary_log),
        "UPSHIFT_SCRIPT": str(script),
        "UPSHIFT_PURPOSE": "test",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.router.killed_app"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    process.kill()
    process.wait()


def one_app(apps: subprocess.Popen[str], patience_s: float) -> list[str]:
    """Let an app live until it has acknowledged something, and `patience_s` longer; what it said."""
    assert apps.stdin is not None
    assert apps.stdout is not None
    apps.stdin.write("another\n")
    apps.stdin.flush()
    said: list[str] = []
    pid, until = 0, None
    for line in apps.stdout:
        if line == "gone\n":
            return said
        word, _, value = line.strip().partition(" ")
        if word == "pid":
            pid = int(value)
        else:
            said.append(line.strip())
            until = until or time.monotonic() + patience_s
        if pid and until is not None and time.monotonic() >= until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    raise AssertionError("the process that makes the apps has ended")


def test_every_turn_whose_row_was_acknowledged_is_there(
    apps: subprocess.Popen[str], temporary_log: Path
) -> None:
    chance = random.Random(20)
    said = [line for _ in range(ROUNDS) for line in one_app(apps, chance.uniform(0, 1.0))]
    asked = {line.removeprefix("asked ") for line in said if line.startswith("asked ")}
    ended = {line.removeprefix("ended ") for line in said if line.startswith("ended ")}

    Log(temporary_log).close()  # the next start, which looks after what the killed ones left open
    with contextlib.closing(sqlite3.connect(temporary_log)) as connection:
        status = dict(connection.execute("SELECT turn_id, status FROM turns").fetchall())
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert asked <= set(status)
    assert {status[turn] for turn in ended} == {"ok"}
    assert set(status.values()) <= {"ok", "abandoned"}, "none is left open"
    left_open = [turn for turn in asked - ended if status[turn] == "abandoned"]
    assert len(left_open) >= ROUNDS, "each was killed in the middle of answers"
