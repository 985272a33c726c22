"""Somebody comes back to a conversation, begins another, has a long one, and says what they think."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.chat_page import ChatPage
from data.records import new_id
from router import runtime
from router.running import RunningTurn
from tests.pages.person import Person

Visit = Callable[..., Person]


def test_a_reload_finds_the_conversation_with_its_cues(visit: Visit, script) -> None:
    script({"match": "good morning", "text": "Buenos días."})
    before = visit().types("Translate into Spanish: good morning.")

    after = visit(before.conversation_id)

    assert after.turn_ids == before.turn_ids
    assert after.said() == "Translate into Spanish: good morning."
    assert after.answered() == "Buenos días."
    assert after.under() == before.under()
    assert after.follow_ups == before.follow_ups
    assert after.conversation_id == before.conversation_id


def test_a_conversation_goes_on_after_a_reload(visit: Visit, provider, logged) -> None:
    before = visit().types("My name is Ada.")

    after = visit(before.conversation_id).types("And what is it now?")

    assert len(after.turn_ids) == 2
    assert "My name is Ada." in [message["content"] for message in provider().asked[-1]["messages"]]
    assert logged("SELECT count(*) FROM conversations")[0][0] == 1
    assert logged("SELECT count(DISTINCT session_id) FROM turns")[0][0] == 2


def test_an_answer_that_ends_while_the_page_is_being_drawn_is_shown(
    visit: Visit, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the places for the answers and the look for one to follow, a quick answer may be over."""
    script({"match": "quick", "text": "There already.", "first_token_ms": 1500})
    drawn = ChatPage._probe

    def after_the_end(page: ChatPage, live: RunningTurn | None) -> None:
        for running in page.visit.conversation.turns if page.visit.conversation else ():
            running.events(after=10**9, timeout_s=30)
        drawn(page, live)

    monkeypatch.setattr(ChatPage, "_probe", after_the_end)

    person = visit().types("Be quick.")

    assert person.answered() == "There already."
    assert "Fast" in person.under() or "Heavy" in person.under()


def test_an_unknown_address_gives_the_empty_page(visit: Visit) -> None:
    for unknown in (new_id(), "", "../../etc/passwd", "x" * 5000):
        person = visit(unknown)
        assert person.has("empty-state")
        assert person.turn_ids == []
        assert "c" not in person.at.query_params, "the address does not pretend that there is something"


def test_a_new_conversation_begins_empty_and_the_old_one_stays_under_its_address(
    visit: Visit, provider
) -> None:
    person = visit()
    assert not person.has("new"), "there is nothing to leave yet"
    person.types("My name is Ada.")
    old = person.conversation_id

    person.presses("new")
    assert person.has("empty-state")
    assert person.turn_ids == []
    person.types("Who am I?")

    assert person.conversation_id != old
    assert "My name is Ada." not in [message["content"] for message in provider().asked[-1]["messages"]]
    assert visit(old).said() == "My name is Ada."


def test_two_people_never_see_each_others_conversation(visit: Visit) -> None:
    ada, bob = visit(), visit()
    ada.types("I am Ada.")
    bob.types("I am Bob.")
    ada.look()

    assert "I am Bob." not in ada.page
    assert "I am Ada." not in bob.page
    assert ada.conversation_id != bob.conversation_id


def test_of_a_long_conversation_only_the_last_turns_are_drawn_and_earlier_ones_on_request(
    visit: Visit,
) -> None:
    person = visit()
    for number in range(1, 13):
        person.types(f"Message number {number}.")
        assert len(person.turn_ids) <= 10
        assert person.said() == f"Message number {number}.", "the newest is always there"

    shown = [person.said(turn_id) for turn_id in person.turn_ids]
    everything_said = [f"Message number {number}." for number in range(1, 13)]
    assert 5 <= len(shown) <= 10
    assert shown == everything_said[-len(shown) :], "the last ones, in order, none left out"
    hidden = 12 - len(shown)
    assert person.at.button(key="earlier").label == f"Show earlier ({2 * hidden} messages)"

    person.presses("earlier")

    assert [person.said(turn_id) for turn_id in person.turn_ids] == everything_said
    assert not person.has("earlier")


def test_a_thumb_is_logged_and_can_be_changed(visit: Visit, logged) -> None:
    person = visit().types("Translate into Spanish: good morning.")
    [turn_id] = person.turn_ids

    person.at.feedback(key=f"thumbs-{turn_id}").set_value(1)
    person.look()
    assert [tuple(row) for row in logged("SELECT turn_id, kind, value FROM feedback")] == [
        (turn_id, "thumbs", "up")
    ]

    person.at.feedback(key=f"thumbs-{turn_id}").set_value(0)
    person.look()
    assert [row["value"] for row in logged("SELECT value FROM feedback")] == ["down"]
    assert person.answered() == "A plain answer from the script.", "rating changes nothing else"


def test_a_stopped_answer_says_so_and_offers_retry(visit: Visit, script, logged) -> None:
    script({"match": "long story", "text": "Once upon a time", "hang_after": 2})
    person = visit()
    conversation = runtime.current().conversations.new()
    running = conversation.ask(runtime.current().running, "A long story.", "someone")
    while "upon" not in "".join(getattr(event, "text", "") for event in running.events()):
        running.events(len(running.events()) - 1, 1.0)
    runtime.current().running.stop(running.turn.turn_id)

    person = visit(conversation.conversation_id)

    assert person.answered().strip() == "Once upon"
    assert "Stopped. The text so far is kept." in person.ended(running.turn.turn_id)
    assert person.has(f"retry-{running.turn.turn_id}")
    assert logged("SELECT status FROM turns")[0][0] == "stopped"


def test_a_new_message_stops_the_answer_before_it_and_keeps_its_text(visit: Visit, script) -> None:
    script({"match": "long story", "text": "Once upon a time", "hang_after": 2})
    visit()
    conversation = runtime.current().conversations.new()
    running = conversation.ask(runtime.current().running, "A long story.", "someone")
    while "upon" not in "".join(getattr(event, "text", "") for event in running.events()):
        running.events(len(running.events()) - 1, 1.0)
    conversation.ask(runtime.current().running, "No, wait.", "someone")

    person = visit(conversation.conversation_id)

    first, second = person.turn_ids
    assert person.answered(first).strip() == "Once upon"
    assert "Stopped, because a new message was sent." in person.ended(first)
    assert not person.has(f"retry-{first}"), "only the last answer can be tried again"
    assert person.answered(second) == "A plain answer from the script."
