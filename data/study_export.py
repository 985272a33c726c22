"""A study as files for other programs: CSV, JSON lines or Parquet, each with its codebook."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.export import ExportError, guarded
from data.store import LogMissing, reading
from data.studies import Study
from data.study_codebook import MEASURES, TABLES, codebook
from data.study_columns import Column
from data.study_data import read_study

CODEBOOK = ("table", "column", "type", "what", "unit", "null_when")
_Rows = Sequence[Sequence[Any]]


def export_files(log: Path, study: Study, form: str, *, with_text: bool = False) -> dict[str, bytes]:
    """The files of an export, by name: one for each table, and the codebook (always CSV, to be read).

    In CSV, text that a spreadsheet would run as a formula has an apostrophe in front; null is empty.
    Raises LogUnavailable or ExportError.
    """
    write = {"csv": _as_csv, "jsonl": _as_jsonl, "parquet": _as_parquet}[form]
    files = {
        "codebook.csv": _as_csv([Column(name, "TEXT", "", "") for name in CODEBOOK], codebook(with_text))
    }
    for name, table in TABLES.items():
        if with_text or not table.has_text:
            files[f"{name}.{form}"] = write(table.columns, _rows(log, table.sql, study.name))
    files[f"measures.{form}"] = write(MEASURES, _measures(log, study))
    return files


def export_folder(log: Path, study: Study, form: str, folder: Path, *, with_text: bool = False) -> list[Path]:
    """Write these files into `folder`, which is made if needed. Raises OSError besides."""
    files = export_files(log, study, form, with_text=with_text)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def export_zip(log: Path, study: Study, form: str, *, with_text: bool = False) -> bytes:
    """The same as one zip, for a download."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in export_files(log, study, form, with_text=with_text).items():
            archive.writestr(f"{study.name}/{name}", content)
    return packed.getvalue()


def _rows(log: Path, sql: str, study: str) -> _Rows:
    try:
        with reading(log) as connection:
            return [tuple(row) for row in connection.execute(sql, [study])]
    except LogMissing:
        return []


def _measures(log: Path, study: Study) -> _Rows:
    data = read_study(log, study.name)
    return [
        (study.name, person.participant, variant, measure, value)
        for measure in (study.metric, *study.guardrails)
        for person in data.values(measure)
        for variant, value in person.values.items()
    ]


def _as_csv(columns: Sequence[Column], rows: _Rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in columns])
    writer.writerows([[guarded(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _as_jsonl(columns: Sequence[Column], rows: _Rows) -> bytes:
    names = [column.name for column in columns]
    lines = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _as_parquet(columns: Sequence[Column], rows: _Rows) -> bytes:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError:
        raise ExportError("Parquet needs pyarrow, which comes with streamlit; choose csv or jsonl.") from None
    types = {"TEXT": pa.string(), "INTEGER": pa.int64(), "REAL": pa.float64()}
    fields = []
    for column in columns:
        said = {"what": column.what, "unit": column.unit, "null_when": column.null}
        fields.append(pa.field(column.name, types[column.kind], metadata=said))
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(values, type=field.type) for values, field in zip(by_column, fields, strict=True)]
    written = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), written)
    return written.getvalue()
