"""Answers that outlive the page: who watches, who stops, what several watchers see."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from data.events import Event, Failed, Finished, Queued, Requested, Stopped, TextDelta
from data.records import Message
from router import running as running_module
from router.running import Running, RunningTurn
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import (
    ENDS,
    PATIENCE_S,
    FakeLog,
    MakeServices,
    Provider,
    a_turn,
    joined,
    no_thread,
    until,
    until_ended,
)

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
ENDLESS = Reply(match="endless", text="one two three", hang_after=2, **QUICK)


@pytest.fixture
def running(services: Services) -> Iterator[Running]:
    running = Running(services)
    yield running
    running.close()


def has_text(turn: RunningTurn) -> bool:
    return any(isinstance(event, TextDelta) for event in turn.events())


def test_events_are_stamped_in_order_and_end_once(running: Running, provider: Provider) -> None:
    provider.say(Reply(text="one two three", first_token_ms=20, token_ms=5))
    started = running.start(a_turn())
    events = until_ended(started)
    assert [event.seq for event in events] == list(range(len(events)))
    assert {event.turn_id for event in events} == {started.turn.turn_id}
    times = [event.t_ms for event in events]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] >= 30  # the provider took that long
    assert [isinstance(event, ENDS) for event in events].count(True) == 1
    assert isinstance(events[0], Queued)
    assert isinstance(events[-1], Finished)
    assert started.ending is events[-1]


def test_starting_does_not_wait_for_the_model(running: Running, provider: Provider) -> None:
    provider.say(Reply(first_token_ms=3_600_000))
    started = running.start(a_turn())
    assert not started.ended
    assert running.get(started.turn.turn_id) is started
    until(lambda: any(isinstance(event, Requested) for event in started.events()))


def test_stop_ends_the_turn_and_a_second_stop_does_nothing(running: Running, provider: Provider) -> None:
    provider.say(ENDLESS)
    started = running.start(a_turn("endless"))
    until(lambda: has_text(started))
    running.stop(started.turn.turn_id)
    before = until_ended(started)
    assert isinstance(before[-1], Stopped)
    assert before[-1].reason == "person"
    running.stop(started.turn.turn_id, "new_message")
    assert started.events() == before
    until(lambda: provider.left)


def test_stop_of_a_finished_or_unknown_turn_changes_nothing(running: Running, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    started = running.start(a_turn())
    before = until_ended(started)
    running.stop(started.turn.turn_id)
    running.stop("unknown")
    assert started.events() == before
    assert not started.cancel.asked


def test_thirty_stopped_turns_leave_nothing_behind(make_services: MakeServices, provider: Provider) -> None:
    services = make_services(n_slots=2)
    running = Running(services)
    provider.say(ENDLESS, Reply(text="Still here.", **QUICK))

    def stop_some(count: int) -> None:
        for number in range(count):
            started = running.start(a_turn(f"endless {number}", choice="fast" if number % 2 else "heavy"))
            if number % 3:  # a third is stopped at once, wherever it happens to be
                until(lambda started=started: has_text(started))
            running.stop(started.turn.turn_id)
            assert isinstance(until_ended(started)[-1], Stopped)

    threads = [threading.Thread(target=stop_some, args=(count,)) for count in (4, 4, 4, 4, 4, 4, 3, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    for tier in ("fast", "heavy"):
        assert joined(until_ended(running.start(a_turn("hello", choice=tier)))) == "Still here."
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith(("turn-", "model-"))])
    running.close()


def test_an_unwatched_answer_is_abandoned(services: Services, provider: Provider) -> None:
    provider.say(ENDLESS)
    log = FakeLog()
    running = Running(services, lambda turn, event: log.put("events", {"event": event}), unwatched_s=1)
    started = running.start(a_turn("endless"))
    ending = until_ended(started)[-1]
    assert isinstance(ending, Stopped)
    assert (ending.reason, ending.text) == ("abandoned", "one two ")
    assert log.rows("events")[-1]["event"] == ending
    until(lambda: provider.left)


def test_a_watched_answer_is_not_abandoned_until_the_watcher_goes(
    services: Services, provider: Provider
) -> None:
    provider.say(ENDLESS)
    running = Running(services, unwatched_s=0.5)
    started = running.start(a_turn("endless"))
    with started.watched():
        assert started.watchers == 1
        time.sleep(1.2)  # more than twice as long as it would have been left alone
        assert not started.ended
        assert not started.cancel.asked
    ending = until_ended(started)[-1]
    assert isinstance(ending, Stopped)
    assert ending.reason == "abandoned"


def test_when_the_last_watcher_left_is_known_unless_somebody_was_there_at_the_end() -> None:
    def ended(watch_to_the_end: bool) -> RunningTurn:
        turn = RunningTurn(a_turn())
        with turn.watched():
            turn.append(Queued(reason="received"))
            time.sleep(0.05)
        time.sleep(0.05)
        if watch_to_the_end:
            with turn.watched():
                turn.append(Finished(text="Done."))
        else:
            turn.append(Finished(text="Done."))
        return turn

    left = ended(watch_to_the_end=False)
    assert left.left_ms is not None
    assert 50 <= left.left_ms < left.events()[-1].t_ms - 40, "how long they waited, not how long it took"
    assert ended(watch_to_the_end=True).left_ms is None, "they came back"
    never_seen = RunningTurn(a_turn())
    never_seen.append(Finished(text="Done."))
    assert never_seen.left_ms is None


def test_a_clock_that_is_set_during_an_answer_changes_no_duration(
    running: Running, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.say(Reply(text="one two three", first_token_ms=100, token_ms=5))
    wall = time.time
    started = running.start(a_turn())
    monkeypatch.setattr(time, "time", lambda: wall() - 7200)
    events = until_ended(started)
    times = [event.t_ms for event in events]
    assert times == sorted(times)
    assert 100 <= times[-1] < 60_000
    assert isinstance(events[-1], Finished)
    [generation] = events[-1].generations
    assert generation.operation_duration_s is not None
    assert 0.1 <= generation.operation_duration_s < 60


def test_one_watcher_of_two_is_enough(services: Services, provider: Provider) -> None:
    provider.say(ENDLESS)
    running = Running(services, unwatched_s=0.5)
    started = running.start(a_turn("endless"))
    with started.watched():
        with started.watched():
            assert started.watchers == 2
        time.sleep(1.0)
        assert not started.cancel.asked
        assert started.unwatched_s() == 0.0
    until_ended(started)


def follow(turn: RunningTurn, seen: list[Event]) -> None:
    """What a page does: ask for what is new until the end."""
    with turn.watched():
        while not (seen and isinstance(seen[-1], ENDS)):
            news = turn.events(after=seen[-1].seq if seen else -1, timeout_s=0.1)
            seen += news


def test_all_watchers_see_the_same_events_once_each(running: Running, provider: Provider) -> None:
    text = " ".join(f"w{number}" for number in range(200))
    provider.say(Reply(text=text, **QUICK))
    started = running.start(a_turn())
    seen: list[list[Event]] = [[] for _ in range(6)]
    threads = [threading.Thread(target=follow, args=(started, one)) for one in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    events = until_ended(started)
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(one == events for one in seen)
    assert joined(events) == text


def test_events_after_a_number_waits_only_while_there_is_nothing(running: Running) -> None:
    turn = RunningTurn(a_turn())
    assert turn.events(timeout_s=0.01) == []
    turn.append(Queued(reason="received"))
    assert [event.seq for event in turn.events(after=-1, timeout_s=PATIENCE_S)] == [0]
    began = time.monotonic()
    threading.Timer(0.05, lambda: turn.append(TextDelta(text="a"))).start()
    assert [event.seq for event in turn.events(after=0, timeout_s=PATIENCE_S)] == [1]
    turn.append(Stopped(reason="person", text="a"))
    assert turn.events(after=2, timeout_s=PATIENCE_S) == []
    assert time.monotonic() - began < PATIENCE_S / 2


class Broken:
    """A retriever with a mistake in it."""

    def find(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret detail")


def test_a_mistake_of_ours_ends_in_a_plain_message(make_services: MakeServices) -> None:
    services = make_services(retriever=Broken(), n_slots=1)
    started = Running(services).start(a_turn())
    ending = until_ended(started)[-1]
    assert isinstance(ending, Failed)
    assert ending.error_type == "ZeroDivisionError"
    assert "Retry" in ending.message
    assert "secret detail" not in ending.message
    assert services.take_slot("fast", 0)


def test_an_answer_that_cannot_be_watched_is_given_all_the_same(running: Running, provider: Provider) -> None:
    provider.say(Reply(text="All of it.", **QUICK))
    with no_thread("_leave_if_unwatched"):
        started = running.start(a_turn())
        events = started.events(after=10**9, timeout_s=10) or started.events()
    assert isinstance(events[-1], Finished)
    assert joined(events) == "All of it."


def test_a_turn_without_a_thread_ends_at_once_and_can_be_sent_again(
    services: Services, make_services: MakeServices, provider: Provider
) -> None:
    provider.say(Reply(text="All of it.", **QUICK))
    told: list[Event] = []
    running = Running(services, lambda turn, event: told.append(event))
    with no_thread("turn-"):
        started = running.start(a_turn())
    assert isinstance(started.ending, Failed)
    assert started.ending.error_type == "RuntimeError"
    assert "Retry; your message is kept" in started.ending.message
    assert told == started.events()
    assert isinstance(told[0], Queued), "with which the journal keeps the message"
    assert told[0].reason == "received"
    assert joined(until_ended(running.start(a_turn()))) == "All of it."
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("turn-")])
    running.use(make_services())
    assert not running.uses(services), "they can be closed"


def test_a_mistake_at_the_very_end_keeps_the_text(
    running: Running, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.say(Reply(text="All of it.", **QUICK))

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("router.cite.check", broken)
    ending = until_ended(running.start(a_turn()))[-1]
    assert isinstance(ending, Failed)
    assert ending.text == "All of it."


def test_a_broken_journal_does_not_disturb_the_answer(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="All of it.", **QUICK))
    told: list[str] = []

    def broken(turn: RunningTurn, event: Event) -> None:
        told.append(event.name)
        raise OSError("disk full")

    events = until_ended(Running(services, broken).start(a_turn()))
    assert isinstance(events[-1], Finished)
    assert joined(events) == "All of it."
    until(lambda: len(told) == len(events))


def test_closing_stops_what_is_under_way_and_says_so(services: Services, provider: Provider) -> None:
    provider.say(ENDLESS, Reply(**QUICK))
    running = Running(services)
    done = running.start(a_turn("quick"))
    until_ended(done)
    open_turns = [running.start(a_turn("endless")) for _ in range(3)]
    running.close(timeout_s=PATIENCE_S)
    assert [turn.ending.reason for turn in open_turns] == ["shutdown"] * 3  # type: ignore[union-attr]
    assert isinstance(done.ending, Finished)


def test_old_ended_turns_are_let_go_and_open_ones_are_not(
    services: Services, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "KEPT_TURNS", 2)
    provider.say(ENDLESS, Reply(**QUICK))
    running = Running(services)
    endless = running.start(a_turn("endless"))
    ended = []
    for _ in range(4):
        ended.append(running.start(a_turn("quick")))
        until_ended(ended[-1])
    running.start(a_turn("quick"))
    assert running.get(endless.turn.turn_id) is endless
    assert running.get(ended[0].turn.turn_id) is None
    running.close(PATIENCE_S)


def test_an_answer_is_read_ahead_once_it_is_finished(
    running: Running, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[Message, str]] = []
    monkeypatch.setattr(
        Services, "read_ahead", lambda self, turn, text: heard.append((turn.messages[-1], text))
    )
    provider.say(Reply(match="error", status=500), Reply(text="Yes.", **QUICK))
    until_ended(running.start(a_turn("error")))
    fine = running.start(a_turn("fine"))
    until_ended(fine)
    until(lambda: heard)
    assert heard == [(fine.turn.messages[-1], "Yes.")]
