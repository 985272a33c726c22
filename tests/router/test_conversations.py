"""Conversations: what a new message, a retry and a failure leave in the history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from data.events import Failed, Finished, Stopped, TextDelta
from data.records import Message
from router import conversations as conversations_module
from router.conversations import Conversation, Conversations, answer_text
from router.running import Running, RunningTurn
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import Provider, a_turn, until, until_ended

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
ENDLESS = Reply(match="endless", text="Once upon a time", hang_after=2, **QUICK)


@pytest.fixture
def running(services: Services) -> Iterator[Running]:
    running = Running(services)
    yield running
    running.close()


@pytest.fixture
def conversation() -> Conversation:
    return Conversations().new()


def said(history: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in history]


def ask(conversation: Conversation, running: Running, text: str, **how: Any) -> RunningTurn:
    turn = conversation.ask(running, text, "session", **how)
    until_ended(turn)
    return turn


def test_a_turn_sees_what_came_before(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    provider.say(Reply(match="first", text="One.", **QUICK), Reply(text="Two.", **QUICK))
    first = ask(conversation, running, "first")
    second = ask(conversation, running, "second", origin="suggestion", suggestion_id="s", choice="heavy")
    assert said(second.turn.messages) == [("user", "first"), ("assistant", "One."), ("user", "second")]
    assert said(conversation.history())[2:] == [("user", "second"), ("assistant", "Two.")]
    assert (first.turn.turn_index, first.turn.parent_turn_id) == (0, None)
    assert (second.turn.turn_index, second.turn.parent_turn_id) == (1, first.turn.turn_id)
    turn = second.turn
    assert (turn.input_origin, turn.suggestion_id, turn.choice) == ("suggestion", "s", "heavy")
    assert turn.conversation_id == conversation.conversation_id


def test_a_new_message_stops_the_answer_under_way_and_keeps_its_text(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    provider.say(Reply(match="shorter", text="The end.", **QUICK), ENDLESS)
    first = conversation.ask(running, "endless", "session")
    until(lambda: sum(isinstance(event, TextDelta) for event in first.events()) == 2)
    assert conversation.under_way is first
    second = conversation.ask(running, "shorter", "session")
    ending = until_ended(first)[-1]
    assert isinstance(ending, Stopped)
    assert ending.reason == "new_message"
    assert said(second.turn.messages)[:2] == [("user", "endless"), ("assistant", "Once upon ")]
    assert isinstance(until_ended(second)[-1], Finished)
    assert conversation.under_way is None


def test_a_stop_before_any_text_leaves_no_half_exchange(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    provider.say(Reply(match="silent", first_token_ms=3_600_000), Reply(**QUICK))
    first = conversation.ask(running, "silent", "session")
    until(lambda: provider.requests)
    running.stop(first.turn.turn_id)
    until_ended(first)
    assert conversation.history() == ()


def test_the_text_so_far_is_not_doubled_when_the_turn_ends_meanwhile() -> None:
    class EndsWhileRead(RunningTurn):
        """Its ending comes just after somebody looked whether it is there."""

        @property
        def ending(self) -> Any:
            found = super().ending
            if found is None:
                self.append(Stopped(reason="person", text="abc"))
            return found

    turn = EndsWhileRead(a_turn())
    turn.append(TextDelta(text="abc"))
    assert answer_text(turn) == "abc"
    assert answer_text(turn) == "abc"


def test_a_retry_takes_the_place_of_what_it_replaces(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    provider.say(Reply(match="one", text="One.", **QUICK), Reply(match="two", text="Bad.", **QUICK))
    first = ask(conversation, running, "one")
    bad = ask(conversation, running, "two")
    provider.say(Reply(text="Better.", **QUICK))
    retry = ask(conversation, running, "two", origin="retry", replaces=bad.turn.turn_id)
    assert said(retry.turn.messages) == [("user", "one"), ("assistant", "One."), ("user", "two")]
    assert retry.turn.replaces_turn_id == bad.turn.turn_id
    assert (retry.turn.turn_index, retry.turn.parent_turn_id) == (1, first.turn.turn_id)
    assert conversation.visible() == [first, retry]
    assert said(conversation.history())[2:] == [("user", "two"), ("assistant", "Better.")]
    third = ask(conversation, running, "three")
    assert (third.turn.turn_index, third.turn.parent_turn_id) == (2, retry.turn.turn_id)


def test_failed_turns_are_not_shown_to_a_model(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    provider.say(
        Reply(match="cut", text="Half an answ er", cut_after=3, **QUICK),
        Reply(match="error", status=500),
        Reply(text="Fine.", **QUICK),
    )
    cut = ask(conversation, running, "cut")
    assert isinstance(cut.ending, Failed)
    assert cut.ending.text
    ask(conversation, running, "error")
    ask(conversation, running, "fine")
    assert said(conversation.history()) == [("user", "fine"), ("assistant", "Fine.")]
    assert len(conversation.visible()) == 3  # the person still sees what happened


def test_the_title_is_the_beginning_of_the_first_message(
    conversation: Conversation, running: Running
) -> None:
    assert conversation.title == ""
    conversation.ask(running, "  a \n b  " + "c" * 100, "session")
    assert conversation.title.startswith("a b ccc")
    assert len(conversation.title) == conversations_module.TITLE_CHARACTERS
    assert conversation.title.endswith("…")


def test_conversations_are_found_by_an_id_that_nobody_guesses() -> None:
    conversations = Conversations()
    one, other = conversations.new(), conversations.new()
    assert conversations.get(one.conversation_id) is one
    assert one.conversation_id != other.conversation_id
    assert len(bytes.fromhex(one.conversation_id)) == 16
    assert conversations.get("unknown") is None
    assert conversations.get(None) is None


def test_the_least_recently_used_conversation_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations_module, "KEPT_CONVERSATIONS", 2)
    conversations = Conversations()
    one, two = conversations.new(), conversations.new()
    conversations.get(one.conversation_id)
    three = conversations.new()
    kept = [c for c in (one, two, three) if conversations.get(c.conversation_id)]
    assert kept == [one, three]


def test_a_conversation_being_answered_is_never_let_go(
    running: Running, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations_module, "KEPT_CONVERSATIONS", 1)
    provider.say(ENDLESS)
    conversations = Conversations()
    busy = conversations.new()
    busy.ask(running, "endless", "session")
    fresh = conversations.new()
    assert conversations.get(busy.conversation_id) is busy
    assert conversations.get(fresh.conversation_id) is fresh
