"""`python -m router replay`: logged turns decided again, and what that would cost and take."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.logged_turns import read_turns
from data.presets import load_preset
from router import replay
from router.replay_estimates import LEAST, Measured
from tests.router.logged import FAST, HEAVY, OVER, diary

EASY = "Who wrote Faust?"
HARD = "Compare leasing and buying a delivery van for a small bakery."


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status = replay.main([*arguments, "--json"])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out else captured.err


def texts(log: Path, turn_id: str) -> list[str] | None:
    [turn] = [turn for turn in read_turns(log) if turn.turn_id == turn_id]
    return None if turn.messages is None else [message.content for message in turn.messages]


def test_a_turn_is_read_with_the_conversation_it_was_asked_in(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        first = log.turn("one", answer="A")
        failed = log.turn("two", after=first, index=1, status="error", answer="half")
        second = log.turn("three", after=failed, index=2, answer="C")
        beside = log.turn("three", "heavy", beside=second, index=2, answer="better")
        third = log.turn("four", after=second, index=3)
    assert texts(temporary_log, third) == ["one", "A", "three", "C", "four"]
    assert texts(temporary_log, beside) == ["one", "A", "three"]
    assert texts(temporary_log, first) == ["one"]


def test_text_that_is_gone_expired_or_never_kept_is_not_used(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        never = log.turn(None)
        after = log.turn("and then?", after=never, index=1)
        over = log.turn("old text", expires=OVER)
        lost = log.turn("follow-up", after="not in the log", index=1)
        kept = log.turn("hello")
    turns = {turn.turn_id: turn.messages for turn in read_turns(temporary_log)}
    assert [turns[turn_id] for turn_id in (never, after, over, lost)] == [None] * 4
    assert turns[kept] is not None
    early = read_turns(temporary_log, now=datetime(2019, 1, 1, tzinfo=UTC))
    assert [turn.messages is None for turn in early if turn.turn_id == over] == [False]


def test_open_turns_and_other_days_and_purposes_are_left_out(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        log.turn("a", status="open")
        turn_id = log.turn("b", submitted_at="2026-11-20T10:00:00.000+00:00")
        log.turn("c", submitted_at="2026-11-02T10:00:00.000+00:00")
    assert [turn.turn_id for turn in read_turns(temporary_log, since="2026-11-10")] == [turn_id]
    assert read_turns(temporary_log, purposes=["demo"]) == []
    assert len(read_turns(temporary_log, purposes=["dogfood"])) == 2


def test_a_lower_threshold_sends_more_to_the_heavy_model(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with diary(temporary_log) as log:
        for _ in range(6):
            log.turn(EASY, "fast")
            log.turn(HARD, "heavy", task="maths")
    _, same = run(capsys)
    assert (same["logged"]["heavy_share"], same["then"]["heavy_share"]) == (0.5, 0.5)
    assert same["changed"] == []
    status, low = run(capsys, "--threshold", "0.05")
    assert status == 0
    assert low["then"]["heavy_share"] == 1.0
    assert {(one["from"], one["to"], one["task"]) for one in low["changed"]} == {("fast", "heavy", "lookup")}
    # 6 lookups take what the heavy model takes for its other tasks: 4 s instead of 1 s.
    assert (low["time"]["mean_before_ms"], low["time"]["mean_after_ms"]) == (2500.0, 4000.0)
    assert low["time"]["by"] == {"model": 6, "own": 6}
    _, high = run(capsys, "--threshold", "0.9995")
    assert high["then"]["heavy_share"] == 0.0


def test_another_policy_file_moves_its_tasks(
    temporary_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with diary(temporary_log) as log:
        log.turn(EASY)
    shipped = (Path(replay.__file__).parents[1] / "data" / "policy.toml").read_text(encoding="utf-8")
    policy = tmp_path / "mine.toml"
    policy.write_text(shipped.replace("threshold = 0.5 ", "threshold = 0.05 "), encoding="utf-8")
    assert run(capsys, "--policy", str(policy))[1]["then"]["heavy_share"] == 1.0
    policy.write_text("threshold = 2", encoding="utf-8")
    status, said = run(capsys, "--policy", str(policy))
    assert status == 1
    assert "mine.toml" in said


def test_what_a_person_chose_stays(temporary_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with diary(temporary_log) as log:
        log.turn(EASY, "heavy", overridden=True)
        log.turn(EASY, "fast")
    _, found = run(capsys, "--threshold", "0.9995")
    assert found["then"]["tiers"] == {"fast": 1, "heavy": 1}
    assert found["chosen_by_a_person"] == 1


def test_a_preset_with_three_tiers_is_priced_by_its_list(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with diary(temporary_log) as log:
        log.turn(EASY)
        log.turn(HARD, "heavy", task="maths")
    _, found = run(capsys, "--preset", "posthog")
    assert sum(found["then"]["tiers"].values()) == 2
    assert found["then"]["tiers"]["fast"] == 1
    assert set(found["then"]["tiers"]) == {"fast", "middle", "heavy"}
    assert found["cost"]["by"] == {"price": 2}
    # 100 tokens read and 50 written by each; GPT-4.1 mini alone would be 0.00012 dollars.
    assert 0.00012 < found["cost"]["after_usd"] < 0.01
    assert found["cost"]["before_usd"] == 0
    assert found["time"]["n"] == 0, "nothing was ever measured of these models"


def test_estimates_want_enough_turns_and_prefer_the_same_task(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        one = log.turn("hello", "fast", task="draft")
        for _ in range(LEAST - 1):
            log.turn("x", "heavy", task="draft", done_ms=9000.0)
        log.turn("x", "heavy", task="draft", done_ms=1.0, cold=True)
    turns = read_turns(temporary_log)
    [turn] = [turn for turn in turns if turn.turn_id == one]
    heavy, fast = load_preset("local").tier("heavy"), load_preset("local").tier("fast")
    assert (heavy.model_name, fast.model_name) == (HEAVY, FAST)
    assert Measured(turns).estimate(turn, heavy).time_by == "none"
    with diary(temporary_log) as log:
        log._count = 100
        log.turn("x", "heavy", task="draft", done_ms=9000.0)
        for _ in range(20):
            log.turn("x", "heavy", task="maths", done_ms=20000.0)
    measured = Measured(read_turns(temporary_log))
    assert measured.estimate(turn, heavy).done_ms == 9000.0
    assert measured.estimate(turn, heavy).time_by == "task"
    other = measured.estimate(turn.model_copy(update={"task": "plan"}), heavy)
    assert (other.done_ms, other.time_by) == (20000.0, "model")
    assert measured.estimate(turn, fast).time_by == "own"


def test_the_report_says_how_it_was_estimated_and_what_was_left_out(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with diary(temporary_log) as log:
        log.turn(None)
        for _ in range(5):
            log.turn(EASY)
            log.turn(HARD, "heavy", task="maths")
    assert replay.main(["--heavy-share", "0.9"]) == 0
    said = capsys.readouterr().out
    assert "11 turns in the log, 10 decided again; of 1 the text" in said
    assert "50% as logged" in said
    assert "median time and the mean cost" in " ".join(said.split())
    assert "n=5" in said


def test_without_a_log_or_with_nothing_to_decide_it_says_so(
    temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main([]) == 1
    assert "no log" in capsys.readouterr().err
    with diary(temporary_log) as log:
        log.turn(None)
    assert run(capsys)[0] == 1
    with pytest.raises(SystemExit):
        replay.main(["--threshold", "1.5"])
    with pytest.raises(SystemExit):
        replay.main(["--threshold", "0.5", "--heavy-share", "0.5"])


def test_the_command_is_one_of_routers() -> None:
    root = Path(replay.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "router"], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert "replay" in done.stderr
