"""The doctor says what is wrong, changes nothing by looking, and repairs without losing anything."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from data import migrations
from data.__main__ import main
from data.log import Log
from data.log_file import connect
from data.spool import Entry, Rejected, Spool, spool_places


def turn_ids(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT turn_id FROM turns ORDER BY turn_id")]


def test_a_healthy_log_of_a_running_app(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "t", "status": "open"})
    assert log.flush()
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert str(temporary_log) in told
    assert migrations.STEPS[-1].__name__ in told
    assert "1, of which 1 open" in told
    assert "All is well." in told
    assert main(["doctor", "--repair"]) == 0
    assert "Nothing to repair" in capsys.readouterr().out
    log.put("turns", {"turn_id": "t", "status": "ok"})
    assert log.flush()
    assert log.health.ok
    log.close()


def test_no_log_yet(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "not there yet" in capsys.readouterr().out
    assert not temporary_log.parent.exists()


def test_waiting_records_are_counted_and_added(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Log(temporary_log).close()
    place = Spool(temporary_log).append([Entry("turns", {"turn_id": "a"}), Entry("turns", {"turn_id": "b"})])
    content = place.read_bytes()
    assert main(["doctor"]) == 1
    assert f"2 records in {place}" in capsys.readouterr().out
    assert place.read_bytes() == content
    assert main(["doctor", "--repair"]) == 0
    assert "2 records from the side file added" in capsys.readouterr().out
    assert turn_ids(temporary_log) == ["a", "b"]
    assert not any(place.exists() for place in spool_places(temporary_log))


def test_rejected_records_that_fit_by_now_are_added(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Log(temporary_log).close()
    spool = Spool(temporary_log)
    fits = Rejected(Entry("turns", {"turn_id": "fits"}), "no such column, once")
    spool.reject([fits, Rejected(Entry("turns", {"turn_id": "t", "colour": "red"}), "no column colour")])
    assert main(["doctor"]) == 1
    capsys.readouterr()
    assert main(["doctor", "--repair"]) == 1  # one is left for a person to look at
    assert "1 records added that had been rejected" in capsys.readouterr().out
    assert turn_ids(temporary_log) == ["fits"]
    assert "colour" in temporary_log.with_name("upshift.db.rejected.jsonl").read_text()


def test_a_damaged_file(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    temporary_log.parent.mkdir()
    garbage = b"garbage" * 1000
    temporary_log.write_bytes(garbage)
    assert main(["doctor"]) == 1
    assert "damaged" in capsys.readouterr().out
    assert temporary_log.read_bytes() == garbage
    assert main(["doctor", "--repair"]) == 0
    [away] = temporary_log.parent.glob("upshift.damaged-*.db")
    assert away.read_bytes() == garbage
    assert turn_ids(temporary_log) == []


def test_a_page_damaged_inside_the_file_is_found(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(temporary_log)
    for number in range(2000):
        log.put("turns", {"turn_id": f"t{number}", "route_reason": "x" * 100})
    log.close()
    content = bytearray(temporary_log.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    temporary_log.write_bytes(bytes(content))
    assert main(["doctor"]) == 1
    assert "damaged" in capsys.readouterr().out
    assert main(["doctor", "--repair"]) == 0
    assert list(temporary_log.parent.glob("upshift.damaged-*.db"))


def test_an_older_schema(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    temporary_log.parent.mkdir()
    with contextlib.closing(connect(temporary_log)) as connection:
        migrations.migrate(connection, stop_before="m003_health_and_runs")
        connection.execute("INSERT INTO turns (turn_id, status) VALUES ('old', 'open')")
    assert main(["doctor"]) == 1
    assert "lacks m003_health_and_runs" in capsys.readouterr().out
    assert main(["doctor", "--repair"]) == 0
    assert "1 open turns" in capsys.readouterr().out
    assert turn_ids(temporary_log) == ["old"]


def test_a_repair_that_is_not_possible_says_why(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    temporary_log.parent.write_text("a file where the folder should be")
    assert main(["doctor", "--repair"]) == 1
    assert "The repair was not possible" in capsys.readouterr().err
