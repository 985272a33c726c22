"""What is put into the log can be read back, in the way that `put` promises."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, get_args

import pytest

from data.log import Log
from data.records import Generation, InputOrigin, Purpose, TextMode, new_id
from data.schema import TABLES, LogMistake


def rows(path: Path, sql: str, *values: object) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(sql, values)]
    finally:
        connection.close()


@pytest.fixture
def log(temporary_log: Path):
    log = Log(temporary_log)
    yield log
    log.close()


def test_a_row_is_on_disk_after_flush(log: Log) -> None:
    log.put("turns", {"turn_id": "t1", "status": "open", "tier": "fast", "cold": True, "route_ms": 2})
    assert log.flush()
    [row] = rows(log.path, "SELECT * FROM turns")
    assert (row["status"], row["tier"], row["cold"], row["route_ms"]) == ("open", "fast", 1, 2.0)
    assert row["done_ms"] is None
    assert log.health.ok
    assert log.health.message == ""


def test_given_columns_overwrite_and_others_stay(log: Log) -> None:
    log.put("turns", {"turn_id": "t1", "status": "open", "tier": "fast"})
    log.put("turns", {"turn_id": "t1", "status": "ok", "done_ms": 900.5})
    log.flush()
    [row] = rows(log.path, "SELECT status, tier, done_ms FROM turns")
    assert row == {"status": "ok", "tier": "fast", "done_ms": 900.5}


def test_keep_first_fills_only_what_is_null(log: Log) -> None:
    log.put("turns", {"turn_id": "t1", "client_first_feedback_ms": 20.0}, keep_first=True)
    later = {"turn_id": "t1", "client_first_feedback_ms": 999.0, "client_done_ms": 800.0}
    log.put("turns", later, keep_first=True)
    log.flush()
    [row] = rows(log.path, "SELECT client_first_feedback_ms, client_done_ms FROM turns")
    assert row == {"client_first_feedback_ms": 20.0, "client_done_ms": 800.0}


def test_a_row_of_only_its_key_is_kept_once(log: Log) -> None:
    log.put("conversations", {"conversation_id": "c"})
    log.put("conversations", {"conversation_id": "c"})
    assert log.flush()
    assert rows(log.path, "SELECT conversation_id FROM conversations") == [{"conversation_id": "c"}]


def test_lists_and_dicts_are_stored_as_json(log: Log) -> None:
    log.put(
        "marks", {"turn_id": "t1", "seq": 0, "t_ms": 0.0, "name": "Queued", "attrs": {"reason": "straße"}}
    )
    log.put("turn_text", {"turn_id": "t1", "sources": [{"id": 1}]})
    log.flush()
    assert json.loads(rows(log.path, "SELECT attrs FROM marks")[0]["attrs"]) == {"reason": "straße"}
    assert json.loads(rows(log.path, "SELECT sources FROM turn_text")[0]["sources"]) == [{"id": 1}]


@pytest.mark.parametrize("text", ["half an emoji \ud83d", "a\x00b", "‮right to left", "x" * 1_000_000])
def test_any_text_is_taken(log: Log, text: str) -> None:
    log.put("turn_text", {"turn_id": "t1", "prompt": text})
    assert log.flush()
    [row] = rows(log.path, "SELECT prompt FROM turn_text")
    assert row["prompt"] == text.encode("utf-8", "replace").decode()
    assert log.health.ok


def test_not_a_number_is_stored_as_null(log: Log) -> None:
    log.put("turns", {"turn_id": "t1", "route_ms": float("nan")})
    log.flush()
    assert rows(log.path, "SELECT route_ms FROM turns") == [{"route_ms": None}]


@pytest.mark.parametrize(
    ("table", "row", "names"),
    [
        ("turnz", {"turn_id": "t"}, "turnz"),
        ("turns", {"turn_id": "t", "colour": "red"}, "colour"),
        ("turns", {"turn_id": "t", "done_ms": "fast"}, "done_ms"),
        ("turns", {"turn_id": "t", "done_ms": True}, "done_ms"),
        ("turns", {"turn_id": "t", "turn_index": 1.5}, "turn_index"),
        ("turns", {"turn_id": "t", "turn_index": 2**63}, "turn_index"),
        ("turns", {"turn_id": "t", "cold": 2}, "cold"),
        ("turns", {"turn_id": "t", "status": "done"}, "abandoned"),
        ("turns", {"turn_id": "t", "tier": 7}, "tier"),
        ("turns", {"turn_id": "t", "task": {"a": object()}}, "task"),
        ("turns", {"status": "ok"}, "turn_id"),
        ("marks", {"turn_id": "t"}, "seq"),
    ],
)
def test_a_row_that_does_not_fit_is_loud_in_tests(
    log: Log, table: str, row: dict[str, Any], names: str
) -> None:
    with pytest.raises(LogMistake, match=names):
        log.put(table, row)


def test_a_row_that_does_not_fit_is_kept_and_told_in_production(temporary_log: Path) -> None:
    log = Log(temporary_log, strict=False)
    log.put("turns", {"turn_id": "t1", "colour": object()})
    log.put("turns", {"turn_id": "t2", "status": "ok"})
    assert log.flush()
    assert [row["turn_id"] for row in rows(log.path, "SELECT turn_id FROM turns")] == ["t2"]
    assert "did not fit" in log.health.message
    [incident] = rows(log.path, "SELECT kind, n, detail FROM log_health")
    assert incident["kind"] == "rejected"
    assert "colour" in incident["detail"]
    [line] = temporary_log.with_name("upshift.db.rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["r"]["turn_id"] == "t1"
    log.close()


def test_puts_after_close_are_not_lost(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.close()
    log.put("conversations", {"conversation_id": "late"})
    again = Log(temporary_log)
    assert again.flush()
    assert rows(again.path, "SELECT conversation_id FROM conversations") == [{"conversation_id": "late"}]
    again.close()


def test_the_database_has_the_columns_that_the_code_knows(log: Log) -> None:
    assert log.flush()
    for name, table in TABLES.items():
        columns = {row["name"]: row["type"] for row in rows(log.path, f"PRAGMA table_info({name})")}
        assert columns == table.sql_types, name
        keys = [row["name"] for row in rows(log.path, f"PRAGMA table_info({name})") if row["pk"]]
        assert keys == list(table.key), name


def test_the_choices_are_those_of_the_records() -> None:
    assert TABLES["turns"].choices["input_origin"] == get_args(InputOrigin)
    assert TABLES["sessions"].choices["purpose"] == get_args(Purpose)
    assert TABLES["sessions"].choices["text_mode"] == get_args(TextMode)


def test_a_generation_can_be_put_as_it_is(log: Log) -> None:
    generation = Generation(
        turn_id=new_id(),
        attempt=1,
        tier="fast",
        role="primary",
        provider_name="local",
        request_model="m",
        start_ms=3,
    )
    log.put("generations", generation.model_dump())
    assert log.flush()
    [row] = rows(log.path, "SELECT * FROM generations")
    assert row == generation.model_dump()
