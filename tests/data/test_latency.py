"""What the latency page says, on logs small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import latency_log
from data.latency_figures import by_group, cumulative, distribution
from data.latency_outcomes import doubt_and_thumbs, outcomes, wilson
from data.latency_saved import FEWEST, fast_by_task, saved
from data.latency_turns import LEFT_OUT, Turns, read_turns
from data.latency_view import CHOSEN_BY, View, from_query, select
from data.latency_visits import first_useful_s, returns, useful
from data.log import Log
from data.reports import make_report
from data.store import LogUnavailable, reading
from data.study_links import OF_PARTICIPANTS

Fill = Callable[..., Turns]


@pytest.fixture
def fill(temporary_log: Path) -> Fill:
    """Writes turns, and rows of other tables by name, and reads them back as the page does."""

    def write(turns: list[dict[str, Any]], **others: list[dict[str, Any]]) -> Turns:
        log = Log(temporary_log)
        for number, turn in enumerate(turns):
            at = f"2026-11-{1 + number % 28:02d}T12:00:00.000+00:00"
            base = {"turn_id": f"t{number}", "submitted_at": at, "tier": "fast", "status": "ok"}
            log.put("turns", base | turn)
        for table, rows in others.items():
            for row in rows:
                log.put(table, row)
        assert log.flush()
        log.close()
        return read_turns(temporary_log)

    return write


def every(turns: Turns) -> Any:
    return np.ones(len(turns), dtype=bool)


def said(turn: int, kind: str, value: str | None = None) -> dict[str, Any]:
    return {"feedback_id": f"t{turn}-{kind}", "turn_id": f"t{turn}", "kind": kind, "value": value, "at": "x"}


def test_a_turn_has_its_words_its_last_model_and_the_cost_of_all_its_calls(fill: Fill) -> None:
    calls = [
        {"generation_id": "a", "turn_id": "t0", "attempt": 0, "request_model": "small", "cost_usd": 0.5},
        {"generation_id": "b", "turn_id": "t0", "attempt": 1, "request_model": "large", "cost_usd": 0.25},
        {"generation_id": "c", "turn_id": "t2", "attempt": 0, "request_model": "small"},
    ]
    sessions = [{"session_id": "s", "purpose": "dogfood", "study": "cues"}]
    turns = fill(
        [{"session_id": "s", "done_ms": 10, "cold": True}, {"session_id": "gone"}, {"tier": None}],
        generations=calls,
        sessions=sessions,
    )
    assert len(turns) == 3
    named = {word: [column.names[code] for code in column.codes] for word, column in turns.words.items()}
    assert named["model"] == ["large", "–", "small"]
    assert named["purpose"] == ["dogfood", "–", "–"]
    assert named["study"] == ["cues", "–", "–"]
    assert named["tier"] == ["fast", "fast", "–"]
    assert named["day"] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert turns.cost_usd[0] == 0.75
    assert np.isnan(turns.cost_usd[1:]).all()
    assert turns.flags["cold"].tolist() == [True, False, False]
    assert turns.times["done_ms"][0] == 10
    assert np.isnan(turns.times["done_ms"][1])


def test_who_left_before_the_end_counts_as_abandoned_though_the_answer_ended(fill: Fill) -> None:
    left = {"left_ms": 900.0, "client_left_ms": 880.0}
    turns = fill([left, {"left_ms": 900.0}, {"client_left_ms": 880.0}, left | {"status": "stopped"}])
    status = turns.words["status"]
    assert [status.names[code] for code in status.codes] == ["abandoned", "ok", "ok", "stopped"]


def test_no_log_has_no_turns_and_a_damaged_one_says_so(temporary_log: Path) -> None:
    assert len(read_turns(temporary_log)) == 0
    temporary_log.parent.mkdir()
    temporary_log.write_bytes(b"garbage" * 1000)
    with pytest.raises(LogUnavailable, match="doctor --repair"):
        read_turns(temporary_log)


def test_reading_does_not_hold_up_the_writer(fill: Fill, temporary_log: Path) -> None:
    fill([{}])
    with reading(temporary_log) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM turns").fetchone()
        log = Log(temporary_log)
        log.put("turns", {"turn_id": "late", "submitted_at": "2026-11-22", "status": "ok"})
        assert log.flush()
        assert log.health.ok
        assert log.health.spooled == 0
        log.close()
    assert len(read_turns(temporary_log)) == 2


def test_unusual_turns_are_left_out_each_with_its_switch(fill: Fill) -> None:
    columns = ("cold", "cache_hit", "warmed", "joined", "client_hidden")
    turns = fill([{}, *({column: True} for column in columns)])
    plain = select(turns, View())
    assert plain.counted.tolist() == [True] + [False] * 5
    assert plain.left_out == dict.fromkeys(LEFT_OUT, 1)
    for place, reason in enumerate(LEFT_OUT, 1):
        assert np.flatnonzero(select(turns, View(include=(reason,))).counted).tolist() == [0, place]


def test_names_and_days_narrow_it_down(fill: Fill) -> None:
    turns = fill([{"task": "lookup"}, {"task": "code", "tier": "heavy"}, {"task": "code"}, {"tier": None}])
    assert select(turns, View(chosen={"task": ("code",)})).counted.tolist() == [False, True, True, False]
    both = View(chosen={"task": ("code",), "tier": ("fast",)})
    assert select(turns, both).fitting.tolist() == [False, False, True, False]
    days = View(since=date(2026, 11, 2), until=date(2026, 11, 3))
    assert select(turns, days).fitting.tolist() == [False, True, True, False]
    assert select(turns, View()).fitting.all()
    assert not select(turns, View()).counted[3]  # no model was chosen, so there are no times to count


def test_a_view_goes_through_an_address_and_back(fill: Fill) -> None:
    turns = fill([{"task": "lookup"}, {"task": "code", "tier": "heavy"}])
    view = View(
        measure="done",
        by="task",
        chosen={"tier": ("fast", "heavy"), "task": ("code",)},
        include=("cold", "hidden"),
        since=date(2026, 11, 1),
        until=date(2026, 11, 2),
        turn="a" * 32,
    )
    assert from_query(view.to_query(), turns) == (view, [])
    assert View().to_query() == {}


def test_no_address_of_a_view_looks_like_a_participants_link(fill: Fill) -> None:
    turns = fill([{"session_id": "s"}], sessions=[{"session_id": "s", "study": "cues"}])
    view = View(by="study", chosen=dict.fromkeys(CHOSEN_BY, ("x",)), turn="1" * 32)
    assert not set(view.to_query()) & set(OF_PARTICIPANTS)
    assert from_query({"in-study": ["cues"]}, turns)[0].chosen == {"study": ("cues",)}


@pytest.mark.parametrize(
    "query",
    [
        {"tier": ["<img src=x onerror=alert(1)>"]},
        {"measure": ["__class__"]},
        {"by": ["rowid; DROP TABLE turns"]},
        {"include": ["everything"]},
        {"since": ["yesterday"]},
        {"turn": ["'; --"]},
        {"turn": ["a" * 65]},
    ],
)
def test_what_an_address_asks_for_and_nobody_knows_is_left_out(fill: Fill, query: dict[str, Any]) -> None:
    view, unknown = from_query(query, fill([{}]))
    assert view == View()
    assert len(unknown) == 1


def test_groups_have_browser_beside_server_each_with_its_n(fill: Fill) -> None:
    turns = fill(
        [
            {"first_content_ms": 100, "client_first_content_ms": 150},
            {"first_content_ms": 200},
            {"first_content_ms": 400, "client_first_content_ms": 450},
            {"tier": "heavy", "first_content_ms": 900},
        ]
    )
    fast, heavy = by_group(turns, every(turns), "tier", "first_words")
    assert (fast.name, fast.turns, fast.server.n, fast.server.p50_ms) == ("fast", 3, 3, 200)
    assert (fast.browser.n, fast.browser.p50_ms, fast.browser.p95_ms) == (2, 300, None)
    assert (heavy.browser.n, heavy.browser.p50_ms) == (0, None)


@pytest.mark.parametrize(("n", "wanted"), [(59, None), (60, 57.05)])
def test_no_p95_below_sixty_turns(fill: Fill, n: int, wanted: float | None) -> None:
    turns = fill([{"done_ms": number + 1} for number in range(n)])
    assert by_group(turns, every(turns), "tier", "done")[0].server.p95_ms == wanted


def test_curves_are_of_the_turns_that_were_measured(fill: Fill) -> None:
    # A bin is from 100 to 126 ms, the next up to 158, and the eighth after that begins at 1 s.
    turns = fill([{"client_done_ms": value} for value in (100, 120, 130, 1000, None)])
    [spread] = distribution(turns, every(turns), "tier", "done")
    assert (spread.name, spread.side, spread.n) == ("fast", "browser", 4)
    starts = {round(ms): share for ms, share in spread.points}
    assert (starts[100], starts[126], starts[1000]) == (0.5, 0.25, 0.25)
    assert sum(share for _, share in spread.points) == pytest.approx(1)
    [steps] = cumulative(turns, every(turns), "tier", "done")
    assert steps.points[0] == (100, 0)
    assert steps.points[50] == (pytest.approx(125), 0.5)
    assert steps.points[-1] == (1000, 1)


def test_where_no_browser_reported_the_spread_is_the_servers(fill: Fill) -> None:
    turns = fill([{"done_ms": 100}])
    assert [curve.side for curve in distribution(turns, every(turns), "tier", "done")] == ["server"]


def test_the_page_and_the_report_agree(temporary_log: Path) -> None:
    latency_log.write(temporary_log, 3000, seed=4)
    turns = read_turns(temporary_log)
    selection, report = select(turns, View()), make_report(temporary_log)
    assert len(turns) == report.turns == 3000
    assert int(selection.counted.sum()) == report.counted
    assert selection.left_out == report.left_out
    names = {"first_feedback": "first_feedback", "first_words": "first_text", "done": "done"}
    compared = 0
    for measure, figure in names.items():
        for group in by_group(turns, selection.counted, "tier", measure):
            [told] = [f for f in report.figures if (f.tier, f.figure) == (group.name, figure)]
            assert (group.server, group.browser) == (told.server, told.browser)
            compared += 1
    assert compared == 6
    routed = saved(turns, select(turns, View(include=LEFT_OUT)).counted, "done")
    assert (routed.routed, routed.routed_fast) == (report.routed, report.routed_fast)


def test_what_routing_saved_by_hand(fill: Fill) -> None:
    fast = [{"preset": "local", "task": "lookup", "done_ms": 100}] * FEWEST
    heavy = [{"preset": "local", "tier": "heavy", "task": "code", "done_ms": 600}] * FEWEST
    others = [{"preset": "local", "done_ms": 5000, "overridden": True}, {"preset": "cloud", "done_ms": 7000}]
    turns = fill([*fast, *heavy, *others])
    found = saved(turns, every(turns), "done")
    assert (found.fast, found.heavy, found.median_ms) == (FEWEST, FEWEST, 500)
    assert (found.low_ms, found.high_ms, found.total_ms) == (500, 500, 500 * FEWEST)
    assert (found.routed, found.routed_fast, found.share) == (41, 21, 21 / 41)
    assert fast_by_task(turns, every(turns))[:2] == [("code", 20, 0), ("lookup", 20, 20)]


def test_too_few_heavy_turns_say_nothing_about_savings(fill: Fill) -> None:
    turns = fill([{"done_ms": 100}] * FEWEST + [{"tier": "heavy", "done_ms": 600}] * (FEWEST - 1))
    found = saved(turns, every(turns), "done")
    assert (found.fast, found.heavy, found.median_ms, found.total_ms) == (20, 19, None, None)


def test_endings_are_counted_for_turns_that_ended(fill: Fill) -> None:
    turns = fill(
        [
            {"status": "stopped", "overridden": True},
            {"status": "abandoned"},
            {"status": "error", "error_type": "Timeout"},
            {"stall_count": 2},
            {"status": "open"},
        ],
        generations=[{"generation_id": "a", "turn_id": "t0", "cost_usd": 0.5}],
    )
    [found] = outcomes(turns, every(turns), "tier")
    assert (found.turns, found.stopped, found.abandoned, found.error) == (4, 1, 1, 1)
    assert (found.stalled, found.overridden, found.priced, found.cost_usd) == (1, 1, 1, 0.5)


def test_wilsons_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: 15 of 148 gives 0.0624 to 0.1605.
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_thumbs_stand_beside_doubt(fill: Fill) -> None:
    doubts = (0.1, 0.15, 0.9, 1.0, None)
    turns = fill(
        [{"uncertainty": None if doubt is None else {"score": doubt}} for doubt in doubts],
        feedback=[
            *(
                said(number, "thumbs", value)
                for number, value in enumerate(("up", "down", "down", "down", "up"))
            ),
            said(0, "reason", "wrong"),
        ],
    )
    steps = [(step.low, step.n, step.down) for step in doubt_and_thumbs(turns, every(turns))]
    assert steps == [(0.0, 2, 1), (0.8, 2, 2)]
    assert doubt_and_thumbs(turns, ~every(turns)) == []


def test_what_counts_as_useful(fill: Fill) -> None:
    talk = [
        ({"conversation_id": "a"}, True),  # the person went on
        ({"conversation_id": "a", "status": "stopped"}, False),
        ({"conversation_id": "a"}, False),  # the last one, and nobody did anything with it
        ({"conversation_id": "b"}, False),  # tried again
        ({"conversation_id": "b", "input_origin": "retry"}, False),  # edited
        ({"conversation_id": "b", "input_origin": "edit"}, True),  # copied
        ({"conversation_id": "c"}, False),  # another tier was asked for the same
        ({"conversation_id": "c"}, True),  # and its answer was liked
        ({"conversation_id": "d"}, False),  # a thumb down
    ]
    feedback = [
        said(5, "copy"),
        said(6, "override", "heavy"),
        said(7, "thumbs", "up"),
        said(8, "thumbs", "down"),
    ]
    turns = fill([turn for turn, _ in talk], feedback=feedback)
    assert useful(turns).tolist() == [wanted for _, wanted in talk]


def test_the_first_useful_minute_and_who_came_back(fill: Fill) -> None:
    sessions = [
        {
            "session_id": "one",
            "started_at": "2026-11-01T11:59:30.000+00:00",
            "study": "s",
            "participant": "p",
        },
        {
            "session_id": "two",
            "started_at": "2026-11-03T11:59:00.000+00:00",
            "study": "s",
            "participant": "p",
        },
        {"session_id": "three", "started_at": "2026-11-04T12:00:00.000+00:00"},
    ]
    turns = fill(
        [
            {"session_id": "one", "conversation_id": "a", "ended_ms": 2000},  # 1 November
            {"session_id": "one", "conversation_id": "a", "ended_ms": 9000},
            {"session_id": "two", "conversation_id": "b", "ended_ms": 500},
            {"session_id": "three", "conversation_id": "c", "ended_ms": 500},
        ],
        sessions=sessions,
        feedback=[said(2, "copy")],
    )
    visits, seconds = first_useful_s(turns, every(turns))
    assert visits == 3
    assert sorted(np.round(seconds, 3)) == [32.0, 60.5]
    again = returns(turns, every(turns))
    assert (again.people, again.people_again) == (1, 1)
    assert (again.conversations, again.conversations_again) == (3, 1)
