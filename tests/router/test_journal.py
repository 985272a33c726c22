"""What of a turn reaches the log, and what never does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.events import Event, Failed, Finished, Queued, Routed, Stopped, TextDelta
from data.log import Log
from data.records import Decision, Generation, Message, TextMode, Turn
from data.schema import TABLES, encode
from router import journal_rows
from router.journal import Journal
from router.running import Running, RunningTurn
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import FakeLog, Provider, until, until_ended

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
QUESTION = "Who can delete a shared view?"
REPLY = "Only the owner or an admin can. That is all there is to say [1]."
# Filled by the page, by the browser, or by what is not there yet.
NOT_OURS = {
    *("first_feedback_ms", "uncertainty", "cache_hit", "joined", "run_id"),
    *("variant", "study_task"),  # of studies
}


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


def written(
    log: Any, services: Services, mode: TextMode = "none", turn: Turn | None = None, stop: bool = False
) -> RunningTurn:
    """Answer a turn with a journal, and wait until the journal has heard its end."""
    heard: list[Event] = []
    journal = Journal(log, "scripted", mode, 30)

    def listen(running: RunningTurn, event: Event) -> None:
        journal.event(running, event)
        heard.append(event)

    running = Running(services, listen)
    started = running.start(turn or full_turn())
    if stop:
        until(lambda: any(isinstance(event, TextDelta) for event in started.events()))
        running.stop(started.turn.turn_id)
    until_ended(started)
    until(lambda: heard and isinstance(heard[-1], Finished | Stopped | Failed))
    return started


def full_turn(text: str = QUESTION) -> Turn:
    """A turn with everything that a turn can have."""
    return Turn(
        session_id="session",
        conversation_id="conversation",
        messages=(Message(role="user", content=text),),
        turn_index=3,
        parent_turn_id="parent",
        replaces_turn_id="replaced",
        choice="fast",
        input_origin="retry",
        suggestion_id="suggestion",
    )


def merged(log: FakeLog) -> dict[str, Any]:
    """The one row of `turns` that the puts amount to."""
    row: dict[str, Any] = {}
    for put in log.rows("turns"):
        row |= encode("turns", put)
    return row


def assert_in_order(row: Any) -> None:
    order = ["route_ms", "request_sent_ms", "first_chunk_ms", "first_content_ms", "readable_ms"]
    times = [row[name] for name in (*order, "last_content_ms", "done_ms")]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] == row["ended_ms"]


def test_every_column_that_a_turn_can_fill_is_filled(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(text=REPLY, first_token_ms=30, token_ms=5))
    loading = Queued(reason="loading", tier="fast")
    services.backend.queued["fast"] = loading  # type: ignore[attr-defined]
    heard_loading = FakeLogThatLoads(log, services)
    turn = written(heard_loading, services).turn
    row = merged(log)
    ours = {name for name in TABLES["turns"].kinds if not name.startswith(("client_", "clock_"))} - NOT_OURS
    empty = {name for name in ours if row.get(name) is None}
    assert empty == {"error_type", "left_ms"}, "nothing failed, and nobody was there to leave"
    assert_in_order(row)
    assert row["readable_ms"] < row["last_content_ms"]  # the first of two sentences
    assert row["turn_id"] == turn.turn_id
    assert (row["status"], row["tier"], row["preset"]) == ("ok", "fast", "scripted")
    assert (row["task"], row["overridden"], row["cold"]) == ("lookup", 1, 1)
    assert "you chose fast" in row["route_reason"]
    assert (row["input_chars"], row["output_chars"]) == (len(QUESTION), len(REPLY))
    assert (row["source_count"], row["cited_count"]) == (1, 1)
    assert (row["stall_count"], row["stall_total_ms"], row["stall_max_ms"]) == (0, 0, 0)
    assert (row["turn_index"], row["parent_turn_id"]) == (3, "parent")
    assert (row["replaces_turn_id"], row["suggestion_id"]) == ("replaced", "suggestion")
    first = log.rows("turns")[0]
    assert first["status"] == "open", "a turn is in the log before anything can go wrong with it"


class FakeLogThatLoads:
    """Hands on to a log; the model is loaded once the journal has heard that it is awaited."""

    def __init__(self, log: FakeLog, services: Services) -> None:
        self.log = log
        self.services = services

    def put(self, table: str, row: Any, *, keep_first: bool = False) -> None:
        self.log.put(table, row, keep_first=keep_first)
        if row.get("cold"):
            self.services.backend.queued.clear()  # type: ignore[attr-defined]


def test_a_turn_that_waited_for_nothing_is_not_cold(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(**QUICK))
    written(log, services)
    assert not merged(log).get("cold")


def test_generations_are_logged_with_their_tokens(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(model="fast", status=500), Reply(text="one two three", **QUICK))
    turn = written(log, services).turn
    failed, fine = [encode("generations", row) for row in log.rows("generations")]
    assert {failed["turn_id"], fine["turn_id"]} == {turn.turn_id}
    assert (failed["role"], failed["attempt"], failed["tier"]) == ("primary", 0, "fast")
    assert (failed["http_status"], failed["error_type"]) == (500, "InternalServerError")
    assert (fine["role"], fine["attempt"], fine["tier"]) == ("fallback", 1, "heavy")
    assert (fine["request_model"], fine["response_model"]) == ("scripted-heavy", "scripted-heavy")
    assert fine["output_tokens"] == 3
    assert isinstance(fine["input_tokens"], int)
    assert fine["input_tokens"] > 5
    assert fine["finish_reason"] == "stop"
    assert fine["error_type"] is None
    assert isinstance(fine["chunk_count"], int)
    assert fine["chunk_count"] >= 3
    assert fine["first_content_ms"] == pytest.approx(merged(log)["first_content_ms"], abs=1000)
    assert merged(log)["tier"] == "heavy", "the tier that answered"


def test_no_text_without_consent_and_never_in_marks(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(text="A secret answer [9].", **QUICK))
    journal = Journal(log, "scripted", "none", None)
    journal.conversation("conversation", "session", "2026-01-01T00:00:00.000+00:00", QUESTION)
    started = written(log, services)
    journal.mark(started, "first_feedback", "first_feedback_ms")
    assert log.rows("turn_text") == []
    everything = json.dumps(log.puts).lower()
    for text in ("shared view", "secret", "owner"):
        assert text not in everything


def test_with_consent_the_text_is_kept_apart_from_the_figures(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(text="A secret answer [9].", **QUICK))
    written(log, services, mode="full")
    kept: dict[str, Any] = {}
    for row in log.rows("turn_text"):
        kept |= encode("turn_text", row)
    assert (kept["prompt"], kept["answer"]) == (QUESTION, "A secret answer.")
    assert len(json.loads(kept["sources"])) == 1
    assert kept["expires_at"] > "2026"
    elsewhere = json.dumps([put for put in log.puts if put[0] != "turn_text"])
    assert "secret" not in elsewhere
    assert "shared view" not in elsewhere


def test_marks_tell_the_whole_way(services: Services, provider: Provider, log: FakeLog) -> None:
    provider.say(Reply(text="Fine [9].", **QUICK))
    started = written(log, services)
    marks = [encode("marks", row) for row in log.rows("marks")]
    assert [mark["name"] for mark in marks] == [
        *("Queued", "Routed", "SourcesFound", "Requested", "FirstChunk", "Doubted", "Finished")
    ]
    by_seq = {event.seq: event for event in started.events()}
    assert all(by_seq[mark["seq"]].t_ms == mark["t_ms"] for mark in marks)  # type: ignore[index]
    attributes = {str(mark["name"]): json.loads(str(mark["attrs"] or "{}")) for mark in marks}
    assert attributes["SourcesFound"]["searched_documents"] == 2
    assert attributes["Requested"] == {
        **{"tier": "fast", "request_model": "scripted-fast", "attempt": 0, "left_out_turns": 0}
    }
    assert attributes["Finished"] == {
        **{"removed_citations": 1, "matched": 0, "unsupported": 0, "quotes_not_found": 0, "withdrawn": False}
    }
    assert attributes["Doubted"].keys() == {"score", "shown", "cause", "signals"}
    kinds = {"relevance", "log_probability", "least_log_probability", "agreement", "margin"}
    assert kinds <= attributes["Doubted"]["signals"].keys()
    assert json.loads(merged(log)["uncertainty"]).keys() == {"score", "shown", "cause"}


def test_the_pages_own_marks_have_numbers_of_their_own(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(**QUICK))
    started = written(log, services)
    journal = Journal(log, "scripted", "none", None)
    journal.mark(started, "first_feedback", "first_feedback_ms")
    journal.mark(started, "painted")
    own = [row for row in log.rows("marks") if row["seq"] < 0]
    assert [(row["seq"], row["name"]) for row in own] == [(-1, "first_feedback"), (-2, "painted")]
    assert merged(log)["first_feedback_ms"] == own[0]["t_ms"]


def test_standstills_are_counted(
    services: Services, provider: Provider, log: FakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_rows, "STALL_MS", 100.0)
    provider.say(Reply(text="one two three", first_token_ms=0, token_ms=500))
    written(log, services)
    row = merged(log)
    assert row["stall_count"] == 2
    assert 100 < row["stall_max_ms"] < row["stall_total_ms"]


class Ticking(RunningTurn):
    """A turn whose every event comes ten milliseconds after the one before."""

    def elapsed_ms(self) -> float:
        return 10.0 * len(self._events)


@pytest.mark.parametrize(
    ("pieces", "readable_ms"),
    [
        (["Yes. ", "And ", "more"], 10),
        (["Yes"], 10),
        (["no ", "end"], 20),
        (["words "] * 40, 200),
        (["A", " figure of 3", ".5 is", " no end. ", "So"], 40),
        (["好。", "再来"], 10),
    ],
)
def test_readable_is_the_first_sentence_or_enough_to_begin(
    log: FakeLog, pieces: list[str], readable_ms: float
) -> None:
    running = Ticking(full_turn())
    journal = Journal(log, "scripted", "none", None)
    journal.event(running, running.append(Queued(reason="received")))
    for piece in pieces:
        journal.event(running, running.append(TextDelta(text=piece)))
    journal.event(running, running.append(Finished(text="".join(pieces))))
    row = merged(log)
    assert row["readable_ms"] == readable_ms
    assert (row["first_content_ms"], row["last_content_ms"]) == (10, 10 * len(pieces))


def test_a_stopped_turn_has_an_end_but_is_not_done(
    services: Services, provider: Provider, log: FakeLog
) -> None:
    provider.say(Reply(text="one two three", hang_after=2, **QUICK))
    started = written(log, services, stop=True)
    row = merged(log)
    assert row["status"] == "stopped"
    assert row.get("done_ms") is None
    assert row["ended_ms"] >= row["last_content_ms"]
    assert started.ending is not None
    assert row["output_chars"] == len(started.ending.text)
    assert len(log.rows("generations")) == 1


@pytest.mark.parametrize("reason", ["abandoned", "shutdown"])
def test_nobody_to_read_is_logged_as_abandoned(log: FakeLog, reason: Any) -> None:
    running = RunningTurn(full_turn())
    journal = Journal(log, "scripted", "none", None)
    journal.event(running, running.append(Queued(reason="received")))
    journal.event(running, running.append(Stopped(reason=reason, text="")))
    assert merged(log)["status"] == "abandoned"


def test_who_left_before_the_end_is_logged_with_how_long_they_had_waited(log: FakeLog) -> None:
    running = RunningTurn(full_turn())
    journal = Journal(log, "scripted", "none", None)
    with running.watched():
        journal.event(running, running.append(Queued(reason="received")))
    journal.event(running, running.append(Finished(text="Done.")))
    row = merged(log)
    assert row["status"] == "ok", "it was answered all the same"
    assert 0 <= row["left_ms"] <= row["ended_ms"]


def test_a_failed_turn_says_why(services: Services, provider: Provider, log: FakeLog) -> None:
    provider.say(Reply(text="one two three", cut_after=2, **QUICK))
    written(log, services)
    row = merged(log)
    assert (row["status"], row["error_type"]) == ("error", "ConnectionError")
    assert row.get("done_ms") is None
    assert row["output_chars"] == len("one two ")
    generation = log.rows("generations")[0]
    assert (generation["error_type"], generation["http_status"]) == ("ConnectionError", None)


def test_feedback_can_be_changed(log: FakeLog) -> None:
    journal = Journal(log, "scripted", "full", 30)
    journal.feedback("turn", "reason", "other")
    journal.feedback("turn", "reason", "wrong", "wrong figure")
    rows = [encode("feedback", row) for row in log.rows("feedback")]
    assert rows[0]["feedback_id"] == rows[1]["feedback_id"]
    assert (rows[1]["value"], rows[1]["note"]) == ("wrong", "wrong figure")


def test_a_persons_words_are_kept_only_where_text_is_but_the_other_turns_id_always(log: FakeLog) -> None:
    journal = Journal(log, "scripted", "none", None)
    journal.feedback("turn", "reason", "other", "my name is Ada")
    journal.feedback("turn", "vote", "other", "second")
    journal.feedback("turn", "vote", "this", "third")

    rows = [encode("feedback", row) for row in log.rows("feedback")]

    assert [row["note"] for row in rows] == [None, "second", "third"]
    assert len({row["feedback_id"] for row in rows}) == 3, "each pair has its own"


# Once through the real log, with its checks and its file.


@pytest.fixture
def real_log(temporary_log: Path) -> Iterator[Log]:
    log = Log(temporary_log)
    yield log
    log.close()


def test_the_real_log_takes_all_of_it(
    services: Services, provider: Provider, real_log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    provider.say(Reply(text=REPLY, first_token_ms=20, token_ms=2))
    journal = Journal(real_log, "scripted", "full", 30)
    journal.session("session", "test", "browser " * 100, "0.1.0")
    journal.conversation("conversation", "session", "2026-01-01T00:00:00.000+00:00", "A title")
    started = written(real_log, services, mode="full")
    journal.mark(started, "first_feedback", "first_feedback_ms")
    journal.feedback(started.turn.turn_id, "thumbs", "up")
    assert real_log.flush()
    assert real_log.health.ok
    assert "the journal failed" not in caplog.text
    with sqlite3.connect(real_log.path) as database:
        database.row_factory = sqlite3.Row
        tables = ("sessions", "conversations", "turns", "generations", "turn_text", "feedback")
        rows = {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
        marks = database.execute("SELECT name FROM marks ORDER BY seq").fetchall()
    database.close()
    assert {name: len(found) for name, found in rows.items()} == dict.fromkeys(tables, 1)
    turn = rows["turns"][0]
    assert_in_order(turn)
    assert (turn["status"], turn["run_id"]) == ("ok", real_log.run_id)
    assert turn["first_feedback_ms"] is not None
    assert rows["turn_text"][0]["prompt"] == QUESTION
    assert rows["turn_text"][0]["answer"] == REPLY
    assert rows["conversations"][0]["title"] == "A title"
    assert len(marks) == 8


@pytest.mark.parametrize(
    ("tokens", "cached", "warmed"),
    [(200, 199, True), (200, 200, True), (200, 180, False), (None, None, False)],
)
def test_a_prompt_that_was_read_in_advance_is_flagged(
    log: FakeLog, tokens: int | None, cached: int | None, warmed: bool
) -> None:
    turn = full_turn()
    running = RunningTurn(turn)
    generation = Generation(
        turn_id=turn.turn_id,
        attempt=0,
        tier="fast",
        role="primary",
        provider_name="upshift.local",
        request_model="m",
        start_ms=1.0,
        input_tokens=tokens,
        cache_read_input_tokens=cached,
    )
    journal = Journal(log, "local", "none", None)
    journal.event(running, running.append(Finished(text="Done.", generations=(generation,))))
    assert merged(log)["warmed"] == warmed


def test_reasons_are_kept_without_the_words_that_they_quote() -> None:
    reasons = ("asks for a program", "says “secret sentence”", "follow-up to a hard question")
    decision = Decision(task="code", tier="heavy", score=0.9, reasons=reasons)
    routed = Routed(decision=decision, preset="local", request_model="m", model_label="M")
    assert journal_rows.columns(routed)["route_reason"] == "asks for a program; follow-up to a hard question"
