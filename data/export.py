"""The log as files for other programs: CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from data.schema import TABLES
from data.store import reading

FORMATS = ("csv", "jsonl", "parquet")
VIEWS = ("v_turns", "v_percentiles", "v_outcomes", "v_srm")
WITH_TEXT = ("turn_text",)
_ROWS_AT_ONCE = 5000


class ExportError(Exception):
    """The export cannot be made as asked. The text says what to do."""


def exportable(with_text: bool) -> list[str]:
    """Tables and views that may be exported; those with people's text only when that is asked for."""
    return [name for name in (*VIEWS, *TABLES) if with_text or name not in WITH_TEXT]


def export(log: Path, source: str, form: str, out: Path | None) -> int:
    """Write a table or view to `out`, or to standard output; returns the number of rows.

    Raises ExportError, LogUnavailable or OSError.
    """
    if form == "parquet" and out is None:
        raise ExportError("Parquet is not text: name a file with --out.")
    with reading(log) as connection:
        cursor = connection.execute(f"SELECT * FROM {source}")
        columns = [name for name, *_ in cursor.description]
        if form == "parquet":
            assert out is not None
            return _write_parquet(out, source, columns, _chunks(cursor))
        write = _write_csv if form == "csv" else _write_jsonl
        if out is None:
            return write(sys.stdout, columns, _chunks(cursor))
        # newline="": the csv module writes its own line ends.
        with out.open("w", encoding="utf-8", newline="") as handle:
            return write(handle, columns, _chunks(cursor))


def guarded(value: object) -> object:
    """The value as a spreadsheet may safely open it.

    Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
    Injection"); numbers stay numbers, negative ones too.
    """
    if isinstance(value, str) and value.lstrip(" ")[:1] in (
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\n",
        "＝",
        "＋",
        "－",
        "＠",
    ):
        return f"'{value}"
    return value


def _chunks(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield [tuple(row) for row in rows]


def _write_csv(handle: IO[str], columns: Sequence[str], chunks: Iterator[list[tuple[Any, ...]]]) -> int:
    writer = csv.writer(handle)
    writer.writerow(columns)
    count = 0
    for rows in chunks:
        writer.writerows([[guarded(value) for value in row] for row in rows])
        count += len(rows)
    return count


def _write_jsonl(handle: IO[str], columns: Sequence[str], chunks: Iterator[list[tuple[Any, ...]]]) -> int:
    count = 0
    for rows in chunks:
        for row in rows:
            handle.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")
        count += len(rows)
    return count


def _write_parquet(
    out: Path, source: str, columns: Sequence[str], chunks: Iterator[list[tuple[Any, ...]]]
) -> int:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError:
        raise ExportError("Parquet needs pyarrow, which comes with streamlit; choose csv or jsonl.") from None
    types = {"TEXT": pa.string(), "INTEGER": pa.int64(), "REAL": pa.float64()}
    schema = pa.schema([(name, types[_sql_type(source, name)]) for name in columns])
    count = 0
    with pq.ParquetWriter(out, schema) as writer:
        for rows in chunks:
            arrays = [
                pa.array(column, type=field.type)
                for column, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _sql_type(source: str, column: str) -> str:
    """A column's type: of its own table, or for a view of the table that it comes from."""
    if source in TABLES:
        return TABLES[source].sql_types[column]
    for table in TABLES.values():
        if column in table.sql_types:
            return table.sql_types[column]
    if column in ("figure", "side"):
        return "TEXT"
    return "REAL" if column in ("p50_ms", "p95_ms", "expected", "chi_square") else "INTEGER"
