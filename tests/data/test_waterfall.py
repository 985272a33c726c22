"""One turn's moments, brought from two clocks into one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.log import Log
from data.waterfall import waterfall

SERVER = {"first_content_ms": 320.0, "readable_ms": 400.0, "last_content_ms": 900.0, "done_ms": 910.0}
BROWSER = {
    "client_first_feedback_ms": 20.0,
    "client_first_content_ms": 350.0,
    "client_done_ms": 950.0,
    "clock_offset_ms": -12.0,
    "clock_error_ms": 1.5,
}
MARKS = (
    (0, 0.1, "Queued", {"reason": "received"}),
    (1, 3.0, "Routed", None),
    (2, 10.0, "SourcesFound", None),
    (3, 11.0, "Queued", {"reason": "busy"}),
    (4, 200.0, "Requested", None),
    (5, 300.0, "FirstChunk", None),
    (6, 910.0, "Finished", None),
    (-1, 5.0, "drawn", None),
)


def log(path: Path, turn: dict[str, Any], marks: tuple[Any, ...] = MARKS) -> None:
    written = Log(path)
    base = {"turn_id": "t", "submitted_at": "2026-11-22T12:00:00.000+00:00", "status": "ok"}
    written.put("turns", base | turn)
    for seq, t_ms, name, attrs in marks:
        written.put("marks", {"turn_id": "t", "seq": seq, "t_ms": t_ms, "name": name, "attrs": attrs})
    assert written.flush()
    written.close()


def test_everything_is_counted_from_the_press(temporary_log: Path) -> None:
    log(temporary_log, SERVER | BROWSER)
    found = waterfall(temporary_log, "t")
    assert found is not None
    assert found.origin == "press"
    assert [(s.side, s.name, s.start_ms, s.end_ms) for s in found.steps] == [
        ("between", "on its way to the server", 0.0, 12.0),
        ("server", "choosing a model", pytest.approx(12.1), 15.0),
        ("server", "searching the documents", 15.0, 22.0),
        ("server", "writing the request", 22.0, 23.0),
        ("server", "waiting for a free model", 23.0, 212.0),
        ("server", "waiting for the first chunk", 212.0, 312.0),
        ("server", "first chunk, no text yet", 312.0, 332.0),
        ("server", "text arrives", 332.0, 912.0),
        ("server", "checking and closing", 912.0, 922.0),
        ("server", "finished", 922.0, 922.0),
        ("browser", "first visible change", 20.0, 20.0),
        ("browser", "first words painted", 350.0, 350.0),
        ("browser", "all painted", 950.0, 950.0),
    ]
    # 350 ms after the press is 338 ms after the receipt, 18 ms after the server had the words.
    assert [(gap.name, gap.gap_ms, gap.error_ms) for gap in found.gaps] == [
        ("first words", 18.0, 1.5),
        ("done", 28.0, 1.5),
    ]


def test_without_an_offset_the_clocks_stay_apart(temporary_log: Path) -> None:
    alone = BROWSER | {"clock_offset_ms": None, "clock_error_ms": None}
    log(temporary_log, SERVER | alone)
    found = waterfall(temporary_log, "t")
    assert found is not None
    assert found.origin == "receipt"
    assert found.gaps == ()
    assert found.steps[0].name == "choosing a model"
    assert found.steps[0].start_ms == pytest.approx(0.1)


def test_a_turn_that_broke_off_and_one_that_nobody_knows(temporary_log: Path) -> None:
    log(temporary_log, {"status": "abandoned"}, MARKS[:2])
    found = waterfall(temporary_log, "t")
    assert found is not None
    assert [step.name for step in found.steps] == ["choosing a model", "searching the documents"]
    assert waterfall(temporary_log, "another") is None
