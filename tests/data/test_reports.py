"""The report's figures on logs small enough to be worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.__main__ import main
from data.log import Log
from data.percentiles import percentile
from data.reports import FIGURES, make_report
from data.store import reading

ROOT = Path(__file__).parents[2]


def fill(path: Path, rows: list[dict[str, Any]]) -> None:
    log = Log(path)
    for number, row in enumerate(rows):
        base = {"turn_id": f"t{number}", "submitted_at": f"2026-11-{1 + number % 28:02d}T12:00:00.000+00:00"}
        log.put("turns", {**base, "status": "ok", "overridden": False, **row})
    assert log.flush()
    log.close()


def figure(path: Path, tier: str, name: str, **options: Any) -> Any:
    return next(f for f in make_report(path, **options).figures if (f.tier, f.figure) == (tier, name))


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([15.0, 20.0, 35.0, 40.0, 50.0], 0.4, 29.0),  # a textbook example: 20 + 0.6 × 15
        ([4.0, 1.0, 3.0, 2.0], 0.95, 3.85),
        (list(range(1, 102)), 0.95, 96.0),
    ],
)
def test_percentiles_by_hand(values: list[float], share: float, wanted: float) -> None:
    assert percentile(values, share) == pytest.approx(wanted)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_server_and_browser_stand_side_by_side_each_with_its_n(temporary_log: Path) -> None:
    fill(
        temporary_log,
        [
            {"tier": "fast", "first_content_ms": 100, "client_first_content_ms": 150},
            {"tier": "fast", "first_content_ms": 200, "client_first_content_ms": None},
            {"tier": "fast", "first_content_ms": 400, "client_first_content_ms": 450},
            {"tier": "heavy", "done_ms": 9000},
        ],
    )
    fast = figure(temporary_log, "fast", "first_text")
    assert (fast.server.n, fast.server.p50_ms) == (3, 200)
    assert (fast.browser.n, fast.browser.p50_ms) == (2, 300)
    heavy = figure(temporary_log, "heavy", "done")
    assert (heavy.server.n, heavy.server.p50_ms) == (1, 9000)
    assert (heavy.browser.n, heavy.browser.p50_ms) == (0, None)


@pytest.mark.parametrize(("turns", "wanted"), [(59, None), (60, 57.05)])
def test_no_p95_below_sixty_turns(temporary_log: Path, turns: int, wanted: float | None) -> None:
    fill(temporary_log, [{"tier": "fast", "done_ms": number + 1} for number in range(turns)])
    assert figure(temporary_log, "fast", "done").server.p95_ms == wanted


@pytest.mark.parametrize("reason", ["cold", "cached", "warmed", "joined", "hidden"])
def test_unusual_turns_are_left_out_unless_asked_for(temporary_log: Path, reason: str) -> None:
    column = {"cached": "cache_hit", "hidden": "client_hidden"}.get(reason, reason)
    fill(temporary_log, [{"tier": "fast", "done_ms": 100}, {"tier": "fast", "done_ms": 300, column: True}])
    assert figure(temporary_log, "fast", "done").server.p50_ms == 100
    assert figure(temporary_log, "fast", "done", include=[reason]).server.p50_ms == 200
    report = make_report(temporary_log)
    assert (report.turns, report.counted, report.left_out[reason]) == (2, 1, 1)


def test_share_routed_fast_counts_what_the_router_decided(temporary_log: Path) -> None:
    rows = [{"tier": "fast"}] * 3 + [{"tier": "heavy"}] + [{"tier": "fast", "overridden": True}] * 4
    fill(temporary_log, [*rows, {"tier": None, "status": "error"}])
    report = make_report(temporary_log)
    assert report.routed_fast_share == 0.75
    assert (report.routed, report.overridden) == (4, 4)
    assert report.tiers == {"fast": 7, "heavy": 1, "unknown": 1}
    assert report.statuses == {"ok": 8, "error": 1}


def test_purpose_and_day_narrow_it_down(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.put("sessions", {"session_id": "a", "purpose": "dogfood"})
    log.put("sessions", {"session_id": "b", "purpose": "test"})
    log.close()
    fill(temporary_log, [{"session_id": "a"}, {"session_id": "b"}, {"session_id": "a"}])
    assert make_report(temporary_log, purposes=["dogfood"]).turns == 2
    assert make_report(temporary_log, since="2026-11-02").turns == 2


def test_the_view_agrees_with_the_report(temporary_log: Path) -> None:
    random = np.random.default_rng(1)
    columns = [column for _, *pair in FIGURES for column in pair if column]
    rows = [
        {"tier": str(random.choice(["fast", "heavy"])), "cold": bool(random.random() < 0.1)}
        | {column: float(random.uniform(1, 5000)) for column in columns if random.random() < 0.8}
        for _ in range(170)
    ]
    fill(temporary_log, rows)
    with reading(temporary_log) as connection:
        view = {
            (r["tier"], r["figure"], r["side"]): r for r in connection.execute("SELECT * FROM v_percentiles")
        }
    compared = 0
    for found in make_report(temporary_log).figures:
        for side, summary in (("server", found.server), ("browser", found.browser)):
            if summary is not None:
                row = view[(found.tier, found.figure, side)]
                assert row["n"] == summary.n
                assert row["p50_ms"] == pytest.approx(summary.p50_ms)
                assert row["p95_ms"] == (None if summary.p95_ms is None else pytest.approx(summary.p95_ms))
                compared += summary.p95_ms is not None
    assert compared >= 5


def test_the_outcomes_view_counts_by_tier(temporary_log: Path) -> None:
    fill(temporary_log, [{"tier": "fast"}, {"tier": "fast", "status": "stopped", "stall_count": 2}])
    log = Log(temporary_log)
    log.put("feedback", {"feedback_id": "f", "turn_id": "t0", "kind": "thumbs", "value": "up"})
    log.close()
    with reading(temporary_log) as connection:
        [row] = connection.execute("SELECT * FROM v_outcomes").fetchall()
    assert (row["turns"], row["ok"], row["stopped"], row["stalled"], row["thumbs_up"]) == (2, 1, 1, 1, 1)


def test_the_report_as_text(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(temporary_log, [{"tier": "fast", "first_content_ms": 321, "client_first_content_ms": 345}])
    assert main(["report"]) == 0
    out = capsys.readouterr().out
    [line] = [line for line in out.splitlines() if "first text" in line]
    assert line.split() == ["first", "text", "1", "321", "–", "1", "345", "–"]
    assert out.startswith("1 turn from 2026-11-01")
    assert "100% of 1 turn that the router decided" in out
    assert "below 60 turns" in out


def test_the_report_as_json_while_the_app_runs(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.put(
        "turns",
        {"turn_id": "t", "submitted_at": "2026-11-22", "tier": "fast", "status": "open", "done_ms": 5},
    )
    assert log.flush()
    command = [sys.executable, "-m", "data", "report", "--json"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    report = json.loads(told)
    assert (report["turns"], report["routed_fast_share"], report["statuses"]) == (1, 1.0, {"open": 1})
    assert report["figures"][-1]["server"] == {"n": 1, "p50_ms": 5.0, "p95_ms": None}
    log.put("turns", {"turn_id": "t", "status": "ok"})
    assert log.flush()
    assert log.health.ok
    log.close()


def test_an_empty_log_is_said_in_a_sentence(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Log(temporary_log).close()
    assert main(["report"]) == 0
    assert capsys.readouterr().out.startswith("No turns in the log yet")


def test_a_missing_log_is_said_in_a_sentence(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 1
    assert str(temporary_log) in capsys.readouterr().err
    assert not temporary_log.exists()


@pytest.mark.parametrize("command", [["report"], ["export", "--format", "csv"]])
def test_a_damaged_log_is_said_in_a_sentence(
    temporary_log: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    temporary_log.parent.mkdir()
    temporary_log.write_bytes(b"garbage" * 1000)
    assert main(command) == 1
    assert "doctor --repair" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--include", "lukewarm"], ["--since", "yesterday"], ["--purpose", "fun"]]
)
def test_wrong_options_say_what_would_be_right(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", *arguments])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "cold" in told or "2026-11-22" in told or "dogfood" in told
