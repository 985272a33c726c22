"""Several answers to one message: which stand side by side, and which one the conversation goes on from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from router.conversations import Conversation, Conversations, answer_text
from router.exchanges import Exchange
from router.running import Running, RunningTurn
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import Provider, until_ended

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}


@pytest.fixture
def running(services: Services, provider: Provider) -> Iterator[Running]:
    provider.say(
        Reply(match="broken", model="heavy", status=503),
        Reply(model="heavy", text="From the heavy one.", **QUICK),
        Reply(text="From the fast one.", **QUICK),
    )
    running = Running(services)
    yield running
    running.close()


@pytest.fixture
def conversation() -> Conversation:
    return Conversations().new()


def ask(conversation: Conversation, running: Running, text: str, **how: Any) -> RunningTurn:
    turn = conversation.ask(running, text, "session", **how)
    until_ended(turn)
    return turn


def a_pair(conversation: Conversation, running: Running) -> tuple[RunningTurn, RunningTurn]:
    first = ask(conversation, running, "Hello there", choice="fast")
    return first, ask(conversation, running, "Hello there", beside=first.turn.turn_id, choice="heavy")


def answers_read(conversation: Conversation) -> list[str]:
    return [message.content for message in conversation.history() if message.role == "assistant"]


def test_another_tiers_answer_stands_beside_the_first_at_its_place(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    ask(conversation, running, "before")
    first = ask(conversation, running, "Hello there", choice="fast")
    ask(conversation, running, "after")
    other = ask(
        conversation, running, "Hello there", beside=first.turn.turn_id, choice="heavy", origin="retry"
    )

    assert [[answer_text(turn) for turn in exchange.turns] for exchange in conversation.exchanges()][1] == [
        "From the fast one.",
        "From the heavy one.",
    ]
    assert len(conversation.exchanges()) == 3
    turn = other.turn
    assert (turn.turn_index, turn.parent_turn_id) == (first.turn.turn_index, first.turn.turn_id)
    assert turn.replaces_turn_id is None
    assert turn.compares
    assert turn.messages == first.turn.messages, "both read the same"
    [generation] = other.ending.generations  # type: ignore[union-attr]
    assert (generation.role, generation.tier) == ("compare", "heavy")
    assert ask(conversation, running, "next").turn.turn_index == 3


def test_the_conversation_goes_on_from_the_later_answer(conversation: Conversation, running: Running) -> None:
    _, other = a_pair(conversation, running)

    assert answers_read(conversation) == ["From the heavy one."]
    assert ask(conversation, running, "next").turn.parent_turn_id == other.turn.turn_id


@pytest.mark.parametrize(
    ("vote", "read"),
    [("this", "From the fast one."), ("other", "From the heavy one."), ("same", "From the heavy one.")],
)
def test_unless_a_vote_prefers_the_first(
    conversation: Conversation, running: Running, vote: Any, read: str
) -> None:
    first, other = a_pair(conversation, running)

    conversation.vote(first.turn.turn_id, other.turn.turn_id, vote)

    assert answers_read(conversation) == [read]
    parent = ask(conversation, running, "next").turn.parent_turn_id
    assert parent == (first if vote == "this" else other).turn.turn_id


def test_a_vote_that_is_changed_counts_as_it_is_now(conversation: Conversation, running: Running) -> None:
    first, other = a_pair(conversation, running)
    conversation.vote(first.turn.turn_id, other.turn.turn_id, "this")
    conversation.vote(first.turn.turn_id, other.turn.turn_id, "other")

    assert answers_read(conversation) == ["From the heavy one."]


def test_a_tier_that_fails_beside_another_is_not_replaced_by_a_third_and_is_not_gone_on_from(
    conversation: Conversation, running: Running
) -> None:
    first = ask(conversation, running, "broken", choice="fast")
    other = ask(conversation, running, "broken", beside=first.turn.turn_id, choice="heavy")

    assert answer_text(other) == ""
    assert [generation.tier for generation in other.ending.generations] == ["heavy"]  # type: ignore[union-attr]
    assert answers_read(conversation) == ["From the fast one."]
    [exchange] = conversation.exchanges()
    assert len(exchange.turns) == 2, "both are shown"
    assert exchange.pair(conversation.votes) is None, "there is nothing to compare"


def test_a_retry_takes_the_place_of_one_answer_and_leaves_the_other(
    conversation: Conversation, running: Running
) -> None:
    first, other = a_pair(conversation, running)

    again = ask(
        conversation,
        running,
        "Hello there",
        origin="retry",
        replaces=other.turn.turn_id,
        choice="heavy",
    )

    [exchange] = conversation.exchanges()
    assert exchange.turns == (first, again)
    assert again.turn.compares
    assert exchange.pair(conversation.votes) == (first, again)


def test_an_edited_question_takes_the_place_of_all_answers_to_the_old_one(
    conversation: Conversation, running: Running
) -> None:
    first, _ = a_pair(conversation, running)
    later = ask(conversation, running, "later")

    edited = ask(conversation, running, "Good evening there", origin="edit", replaces=first.turn.turn_id)

    assert conversation.exchanges() == [Exchange((edited,)), Exchange((later,))]
    assert not edited.turn.compares
    assert conversation.history()[0].content == "Good evening there"
    assert len(conversation.turns) == 4, "nothing is lost"


@pytest.mark.parametrize("command", ["fast", "heavy", "HEAVY"])
def test_a_tier_typed_before_the_text_is_a_choice_and_no_part_of_the_message(
    conversation: Conversation, running: Running, provider: Provider, command: str
) -> None:
    turn = ask(conversation, running, f"/{command} Prove it.").turn

    assert (turn.choice, turn.text, turn.typed) == (
        command.lower(),
        "Prove it.",
        f"/{command.lower()} Prove it.",
    )
    assert conversation.history()[0].content == "Prove it."
    assert provider.requests[-1]["body"]["model"] == f"scripted-{command.lower()}"


def test_what_is_no_tier_of_the_preset_stays_text(
    conversation: Conversation, running: Running, provider: Provider
) -> None:
    turn = ask(conversation, running, "/middle of nowhere").turn

    assert (turn.choice, turn.text) == (None, "/middle of nowhere")
    assert ask(conversation, running, "/heavy").ending.error_type == "Blank"  # type: ignore[union-attr]
