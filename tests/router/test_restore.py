"""A conversation comes back from the log after the server was started again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.answers import fold
from data.records import new_id
from router import restore as restoring
from router import runtime
from router.conversations import Conversation, answer_text
from router.reasons import without_words


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[object]:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[replies]]\ntext = "Times and counts [1]. No text [9]."\nfirst_token_ms = 0\ntoken_ms = 0\n'
    )
    monkeypatch.setenv("UPSHIFT_PRESET", "scripted")
    monkeypatch.setenv("UPSHIFT_SCRIPT", str(script))
    monkeypatch.setenv("UPSHIFT_DB", str(tmp_path / "log.db"))
    opened = []

    def make(purpose: str = "dogfood") -> runtime.Runtime:
        monkeypatch.setenv("UPSHIFT_PURPOSE", purpose)
        opened.append(runtime.build())
        return opened[-1]

    yield make
    for current in opened:
        current.close()


def ask(current: runtime.Runtime, conversation: Conversation, text: str) -> None:
    turn = conversation.ask(current.running, text, new_id())
    turn.events(after=10**9, timeout_s=60)
    assert turn.ended


def test_messages_answers_and_sources_come_back(start) -> None:
    before = start()
    conversation = before.conversations.new()
    ask(before, conversation, "What do you log about my messages?")
    ask(before, conversation, "And how long is the text kept?")
    shown = [fold(turn.events()) for turn in conversation.turns]
    assert shown[0].cited == (1,)
    before.close()

    after = start()
    found = after.find_conversation(conversation.conversation_id)
    assert found is not None
    assert [turn.turn.text for turn in found.turns] == [turn.turn.text for turn in conversation.turns]
    assert [answer_text(turn) for turn in found.turns] == [answer.text for answer in shown]
    again = [fold(turn.events()) for turn in found.turns]
    named = [[(passage.passage_id, passage.text) for passage in answer.passages] for answer in shown]
    assert named[0]
    assert named == [[(passage.passage_id, passage.text) for passage in answer.passages] for answer in again]
    assert [(answer.tier, answer.cited, answer.status) for answer in again] == [
        (answer.tier, answer.cited, answer.status) for answer in shown
    ]
    assert again[0].decision.reasons == without_words(shown[0].decision.reasons)
    ask(after, found, "Thanks, one more?")
    assert len(found.turns[-1].turn.messages) == 5


@pytest.mark.parametrize("logged", [None, ""])
def test_an_answer_that_was_logged_without_a_reason_comes_back_without_one(
    start, tmp_path: Path, logged: str | None
) -> None:
    before = start()
    conversation = before.conversations.new()
    ask(before, conversation, "What do you log about my messages?")
    before.close()
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("UPDATE turns SET route_reason = ?", [logged])
    connection.close()

    found = start().find_conversation(conversation.conversation_id)
    assert found is not None
    decision = fold(found.turns[0].events()).decision
    assert decision is not None
    assert decision.reasons == ()


def test_what_failed_in_the_middle_is_not_taken_for_the_whole_later(
    start, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = start()
    conversation = before.conversations.new()
    for question in ("What do you log?", "And what else?", "Is it sent anywhere?"):
        ask(before, conversation, question)
    before.close()
    after, events, calls = start(), restoring._events, []

    def fails_at_the_third(*given: object) -> object:
        calls.append(given)
        if len(calls) == 3:
            raise OSError("too many open files")
        return events(*given)

    monkeypatch.setattr(restoring, "_events", fails_at_the_third)
    with pytest.raises(OSError, match="too many"):
        after.find_conversation(conversation.conversation_id)
    found = after.find_conversation(conversation.conversation_id)
    assert found is not None
    assert len(found.turns) == 3


def test_two_tabs_that_bring_it_back_at_once_share_one_conversation(start) -> None:
    conversations = start().conversations
    first, second = Conversation("a" * 32), Conversation("a" * 32)
    assert conversations.add(first) is first
    assert conversations.add(second) is first


def test_without_kept_text_nothing_comes_back(start) -> None:
    before = start("demo")
    conversation = before.conversations.new()
    ask(before, conversation, "What do you log?")
    before.close()
    assert start("demo").find_conversation(conversation.conversation_id) is None


@pytest.mark.parametrize("wrong", [None, "", "x", "0" * 32, "' OR 1=1 --", "A" * 32])
def test_an_unknown_id_finds_nothing(start, wrong: str | None) -> None:
    assert start().find_conversation(wrong) is None
