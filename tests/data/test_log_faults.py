"""Whatever happens to the file, nobody waits for it and what was acknowledged is kept."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data import migrations
from data.log import Log
from data.log_file import connect
from data.spool import Entry, Spool, spool_places

ROOT = Path(__file__).parents[2]


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def ids(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT turn_id FROM turns")}


def incidents(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT kind FROM log_health ORDER BY at")]


def start(code: str, path: Path, **options: object) -> subprocess.Popen[str]:
    """A Python process of its own that has `log = Log(path)`."""
    lines = (
        "import sys, os\nfrom pathlib import Path\nfrom data.log import Log\n"
        f"log = Log(Path({str(path)!r}))\n"
    )
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", lines + textwrap.dedent(code)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


@contextlib.contextmanager
def running(code: str, path: Path, **options: object) -> Iterator[subprocess.Popen[str]]:
    process = start(code, path, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


OPEN_TURN = """
log.put("turns", {"turn_id": "theirs", "status": "open"})
print(log.flush(20), flush=True)
sys.stdin.read()
log.close()
"""


def test_kill_in_mid_load_keeps_everything_acknowledged(temporary_log: Path) -> None:
    code = """
    n = 0
    while True:
        for _ in range(50):
            log.put("turns", {"turn_id": f"t{n}", "status": "ok"})
            n += 1
        if log.flush(20):
            print(n, flush=True)
    """
    acknowledged = 0
    with running(code, temporary_log) as process:
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged >= 2000:
                process.send_signal(signal.SIGKILL)
                break
        acknowledged = int((process.stdout.read().split() or [acknowledged])[-1])
    log = Log(temporary_log)
    assert log.flush()
    assert {f"t{n}" for n in range(acknowledged)} <= ids(temporary_log)
    log.close()


def test_a_killed_apps_open_turns_become_abandoned_but_not_a_living_ones(temporary_log: Path) -> None:
    with running(OPEN_TURN, temporary_log) as living:
        assert living.stdout is not None
        assert living.stdout.readline().strip() == "True"
        with running(OPEN_TURN.replace("theirs", "orphan"), temporary_log) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline().strip() == "True"
        log = Log(temporary_log)
        log.put("turns", {"turn_id": "mine", "status": "open"})
        assert log.flush()
        with contextlib.closing(sqlite3.connect(temporary_log)) as connection:
            found = dict(connection.execute("SELECT turn_id, status FROM turns").fetchall())
        assert found == {"theirs": "open", "orphan": "abandoned", "mine": "open"}
        log.close()
    # The living one is killed as well: now its turn is an orphan, too.
    log = Log(temporary_log)
    assert log.flush()
    with contextlib.closing(sqlite3.connect(temporary_log)) as connection:
        found = dict(connection.execute("SELECT turn_id, status FROM turns").fetchall())
    assert found == {"theirs": "abandoned", "orphan": "abandoned", "mine": "abandoned"}
    log.close()


@pytest.mark.parametrize("found", ["nothing", "garbage"])
def test_eight_apps_may_start_at_once(tmp_path: Path, found: str) -> None:
    path = tmp_path / "fresh.db"
    if found == "garbage":
        path.write_bytes(b"this is no database\n" * 1000)
    code = f"""
    sys.stdin.readline()
    fresh = Log(Path({str(path)!r}))
    fresh.put("turns", {{"turn_id": str(os.getpid()), "status": "ok"}})
    print(fresh.flush(30), fresh.health.ok, flush=True)
    fresh.close()
    """
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(running(code, tmp_path / f"{number}.db")) for number in range(8)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "True True"
    assert ids(path) == {str(process.pid) for process in processes}
    # None of them had to try again, and no more than one set the file aside.
    assert incidents(path) == ([] if found == "nothing" else ["set_aside"])


def test_what_waits_is_added_before_anything_newer(temporary_log: Path) -> None:
    log = Log(temporary_log)
    assert log.flush()
    with contextlib.closing(connect(temporary_log)) as other:
        other.execute("BEGIN IMMEDIATE")
        log.put("turns", {"turn_id": "t1", "status": "open"})
        assert log.flush(20)
        other.execute("ROLLBACK")

    count = 0

    def written_while_busy() -> bool:
        nonlocal count
        count += 1
        log.put("turns", {"turn_id": "t1", "input_chars": count})
        return log.flush(20) and log.health.ok

    wait_for(written_while_busy)
    wait_for(lambda: not any(place.exists() for place in spool_places(temporary_log)))
    log.close()
    with contextlib.closing(sqlite3.connect(temporary_log)) as connection:
        assert connection.execute("SELECT input_chars FROM turns").fetchall() == [(count,)]


def test_a_file_that_another_process_holds_for_five_seconds(temporary_log: Path) -> None:
    log = Log(temporary_log)
    assert log.flush()
    with contextlib.closing(connect(temporary_log)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        log.put("turns", {"turn_id": "t1", "status": "open"})
        assert log.flush(20)  # in the spool by now
        assert not log.health.ok
        assert "busy" in log.health.message
        assert log.health.spooled >= 1
        log.put("turns", {"turn_id": "t1", "status": "ok"})
        assert log.flush(20)
        time.sleep(max(0.0, 5 - (time.monotonic() - started)))
        assert ids(temporary_log) == set()
        other.execute("ROLLBACK")
    wait_for(lambda: log.health.ok)
    with contextlib.closing(sqlite3.connect(temporary_log)) as connection:
        assert connection.execute("SELECT turn_id, status FROM turns").fetchall() == [("t1", "ok")]
    assert incidents(temporary_log).count("trouble") == 1
    assert "replayed" in incidents(temporary_log)
    assert not any(place.exists() for place in spool_places(temporary_log))
    log.close()


def test_a_full_queue_of_work_does_not_hold_up_the_caller(temporary_log: Path) -> None:
    """While the file is held, puts return although nothing can be written yet."""
    log = Log(temporary_log)
    assert log.flush()
    with contextlib.closing(connect(temporary_log)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(5000):
            log.put("turns", {"turn_id": f"t{number}", "status": "ok"})
        assert ids(temporary_log) == set()  # all 5,000 were taken while none could be written
        other.execute("ROLLBACK")
    assert log.flush(20)
    wait_for(lambda: len(ids(temporary_log)) == 5000)
    log.close()


def test_the_spool_may_be_replayed_any_number_of_times(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "t1", "status": "open", "client_done_ms": 5.0})
    log.close()
    spool = Spool(temporary_log)
    entries = [
        Entry("turns", {"turn_id": "t1", "status": "ok"}),
        Entry("turns", {"turn_id": "t1", "client_done_ms": 9.0}, keep_first=True),
        Entry("log_health", {"health_id": "h1", "kind": "trouble", "n": 1}),
    ]
    for _ in range(2):
        place = spool.append(entries)
        copy = place.read_bytes()
        Log(temporary_log).close()
        assert not place.exists()
        place.write_bytes(copy)  # as if the app had been killed between the commit and the removal
    Log(temporary_log).close()
    with contextlib.closing(sqlite3.connect(temporary_log)) as connection:
        assert connection.execute("SELECT turn_id, status, client_done_ms FROM turns").fetchall() == [
            ("t1", "ok", 5.0)
        ]
        assert connection.execute("SELECT COUNT(*) FROM log_health WHERE kind = 'trouble'").fetchone() == (1,)


def test_a_torn_line_in_the_spool_costs_only_itself(temporary_log: Path) -> None:
    spool = Spool(temporary_log)
    place = spool.append([Entry("turns", {"turn_id": "t1"})])
    with place.open("a") as handle:
        handle.write('{"n": 3, "t": "tur')  # killed while it wrote
    spool.append([Entry("turns", {"turn_id": "t2"})])
    log = Log(temporary_log)
    assert log.flush()
    assert ids(temporary_log) == {"t1", "t2"}
    assert "tur" in temporary_log.with_name("upshift.db.rejected.jsonl").read_text()
    log.close()


def test_garbage_in_place_of_the_log_is_set_aside(temporary_log: Path) -> None:
    temporary_log.parent.mkdir()
    garbage = b"this is no database\n" * 1000
    temporary_log.write_bytes(garbage)
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "t1"})
    assert log.flush()
    assert ids(temporary_log) == {"t1"}
    [away] = temporary_log.parent.glob("upshift.damaged-*.db")
    assert away.read_bytes() == garbage
    assert away.name in log.health.message
    assert log.health.ok
    assert incidents(temporary_log) == ["set_aside"]
    log.close()


@pytest.mark.parametrize("how", ["in place", "renamed over"])
def test_garbage_over_the_log_of_a_running_app(temporary_log: Path, how: str) -> None:
    log = Log(temporary_log)
    for number in range(500):
        log.put("turns", {"turn_id": f"before{number}", "status": "ok"})
    assert log.flush()
    with contextlib.closing(connect(temporary_log)) as other:
        # Or the side file of SQLite (-wal) still held every page, and would mend the file by itself.
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    garbage = b"this is no database\n" * 1000
    if how == "in place":
        temporary_log.write_bytes(garbage)
    else:
        copy = temporary_log.with_name("copy")
        copy.write_bytes(garbage)
        copy.replace(temporary_log)
    for number in range(500):
        log.put("turns", {"turn_id": f"after{number}", "status": "ok"})
        if number % 100 == 0:
            assert log.flush(20)
    assert log.flush(20)
    log.close()
    log = Log(temporary_log)
    assert log.flush(20)
    assert {f"after{number}" for number in range(500)} <= ids(temporary_log)
    assert list(temporary_log.parent.glob("upshift.damaged-*.db"))
    log.close()


def test_a_log_that_was_deleted_is_begun_anew(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "t1"})
    assert log.flush()
    for file in temporary_log.parent.glob("upshift.db*"):
        if file.is_file():
            file.unlink()
    log.put("turns", {"turn_id": "t2"})
    assert log.flush()
    assert ids(temporary_log) == {"t2"}
    log.close()


def killed_with_records_in_the_wal(path: Path) -> Path:
    code = """
    for n in range(300):
        log.put("turns", {"turn_id": f"t{n}"})
        if n % 10 == 0:
            log.flush(20)
    log.flush(20)
    print("done", flush=True)
    sys.stdin.read()
    """
    with running(code, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "done"
    wal = path.with_name(f"{path.name}-wal")
    assert wal.stat().st_size > 0
    return wal


@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_wal_costs_only_what_was_in_it(temporary_log: Path, damage: str) -> None:
    wal = killed_with_records_in_the_wal(temporary_log)
    content = wal.read_bytes()
    if damage == "truncated":
        wal.write_bytes(content[: len(content) * 3 // 4 + 7])
    else:
        wal.write_bytes(content[: len(content) // 2] + os.urandom(len(content) - len(content) // 2))
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "new"})
    assert log.flush()
    assert log.health.ok
    found = ids(temporary_log)
    assert {"t0", "t20", "new"} <= found
    assert "t299" not in found  # or the test would not have damaged anything
    log.close()


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def obey_permissions() -> None:
    """Root ignores the bits of a folder: give that up in the child, so that root's run tests it too."""
    if os.geteuid() == 0:
        ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not made read-only by their mode there")
def test_a_read_only_folder(temporary_log: Path) -> None:
    Log(temporary_log).close()
    folder = temporary_log.parent
    spool_folder = spool_places(temporary_log)[1].parent
    spool_folder.mkdir()
    folder.chmod(0o555)
    code = """
    log.put("turns", {"turn_id": "t1", "status": "ok"})
    print(log.flush(20), log.health.ok, log.health.message, flush=True)
    log.close()
    """
    try:
        with running(code, temporary_log, preexec_fn=obey_permissions) as process:
            assert process.stdout is not None
            told = process.stdout.readline()
    finally:
        folder.chmod(0o755)
    assert told.startswith("True False The log cannot be written")
    log = Log(temporary_log)
    assert log.flush()
    assert ids(temporary_log) == {"t1"}  # from the user's state folder, once the log could be written
    log.close()


def test_no_place_at_all_is_told_and_nothing_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    monkeypatch.setenv("UPSHIFT_SPOOL", str(blocked))
    log = Log(blocked / "upshift.db")
    log.put("turns", {"turn_id": "t1"})
    assert not log.flush()
    assert not log.health.ok
    assert "only in memory" in log.health.message
    blocked.unlink()  # someone mends it while the app runs
    wait_for(lambda: log.health.ok)
    assert log.flush()
    assert ids(log.path) == {"t1"}
    log.close()


@pytest.mark.parametrize("step", [step.__name__ for step in migrations.STEPS])
def test_a_log_of_every_earlier_step_keeps_its_data(temporary_log: Path, step: str) -> None:
    temporary_log.parent.mkdir()
    with contextlib.closing(connect(temporary_log)) as old:
        migrations.migrate(old, stop_before=step)
        assert migrations.pending(old)[0] == step
        if step != "m001_turns":
            old.execute("INSERT INTO turns (turn_id, status, done_ms) VALUES ('old', 'ok', 12.5)")
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "new", "status": "ok"})
    assert log.flush()
    with contextlib.closing(connect(temporary_log)) as now:
        assert migrations.pending(now) == []
        assert ids(temporary_log) == {"new"} | ({"old"} if step != "m001_turns" else set())
        assert now.execute("SELECT done_ms FROM turns WHERE turn_id = 'old'").fetchone() in ((12.5,), None)
    log.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def m999_fails(db: object) -> None:
        db.execute("CREATE TABLE half (a TEXT)")  # type: ignore[attr-defined]
        db.execute("SELECT * FROM not_there")  # type: ignore[attr-defined]

    with contextlib.closing(connect(tmp_path / "a.db")) as connection:
        migrations.migrate(connection)
        monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, m999_fails))
        with pytest.raises(sqlite3.OperationalError, match="not_there"):
            migrations.migrate(connection)
        assert migrations.pending(connection) == ["m999_fails"]
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchone() is None


def test_threads_may_put_at_once(temporary_log: Path) -> None:
    log = Log(temporary_log)

    def work(name: str) -> None:
        for number in range(200):
            log.put("turns", {"turn_id": f"{name}{number}"})

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush()
    assert len(ids(temporary_log)) == 1600
    log.close()


def test_a_row_that_the_database_refuses_costs_only_itself(temporary_log: Path) -> None:
    log = Log(temporary_log)
    assert log.flush()
    with contextlib.closing(connect(temporary_log)) as other:  # someone's own rule in the file
        other.execute(
            "CREATE TRIGGER no_red BEFORE INSERT ON turns WHEN new.task = 'red'"
            " BEGIN SELECT RAISE(ABORT, 'no red here'); END"
        )
    for number, task in enumerate(("blue", "red", "green")):
        log.put("turns", {"turn_id": f"t{number}", "task": task})
    assert log.flush()
    assert ids(temporary_log) == {"t0", "t2"}
    assert log.health.ok
    assert "did not fit" in log.health.message
    refused = temporary_log.with_name("upshift.db.rejected.jsonl").read_text()
    assert "no red here" in refused
    assert '"t1"' in refused
    log.close()


def test_words_of_messages_go_from_the_reasons_of_an_earlier_log(temporary_log: Path) -> None:
    temporary_log.parent.mkdir()
    with contextlib.closing(connect(temporary_log)) as old:
        migrations.migrate(old, stop_before="m007_reasons_without_words")
        for turn_id, reason in (
            ("both", "asks for a fact; says “secret sentence”; says “my”"),
            ("none", "a greeting"),
            ("only", "says “secret”"),
            ("null", None),
        ):
            old.execute("INSERT INTO turns (turn_id, route_reason) VALUES (?, ?)", [turn_id, reason])
    Log(temporary_log).close()
    with contextlib.closing(connect(temporary_log)) as now:
        kept = dict(now.execute("SELECT turn_id, route_reason FROM turns"))
    assert kept == {"both": "asks for a fact", "none": "a greeting", "only": "", "null": None}
    written = [path.read_bytes() for path in temporary_log.parent.iterdir() if path.is_file()]
    assert not any(b"secret" in each for each in written), "not even where the file has free room"
