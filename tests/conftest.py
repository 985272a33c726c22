"""Every test has a log of its own: nothing of a test run ever reaches the log of a person."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def temporary_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Path of this test's log (not made yet). Rows that do not fit the log raise in every test.

    The folder is apart from tmp_path itself, so that a test may fill or count its own.
    """
    path = tmp_path / "upshift-log" / "upshift.db"
    monkeypatch.setenv("UPSHIFT_DB", str(path))
    monkeypatch.setenv("UPSHIFT_SPOOL", str(tmp_path / "upshift-log" / "spool"))
    monkeypatch.setenv("UPSHIFT_INDEX", str(tmp_path / "upshift-log" / "index"))
    monkeypatch.setenv("UPSHIFT_STRICT_LOG", "1")
    return path
