"""A conversation comes back from the log after the server was started again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.answers import fold
from data.records import new_id
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
    turn.events(after=10**9, timeout_s=20)
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


def test_without_kept_text_nothing_comes_back(start) -> None:
    before = start("demo")
    conversation = before.conversations.new()
    ask(before, conversation, "What do you log?")
    before.close()
    assert start("demo").find_conversation(conversation.conversation_id) is None


@pytest.mark.parametrize("wrong", [None, "", "x", "0" * 32, "' OR 1=1 --", "A" * 32])
def test_an_unknown_id_finds_nothing(start, wrong: str | None) -> None:
    assert start().find_conversation(wrong) is None
