"""Somebody says what was wrong with an answer, takes it along, changes the question, opens a source."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from components import answer_tools
from data.answers import fold
from router import runtime
from tests.pages.person import Person, everything

Visit = Callable[..., Person]
KEPT = "How long is the text of my messages kept in the log?"


def test_a_thumb_down_asks_for_a_reason_which_is_optional_and_logged(visit: Visit, logged) -> None:
    person = visit().types("Translate into Spanish: good morning.")
    [turn] = person.turn_ids
    assert not person.has(f"reason-{turn}"), "nobody is asked for what they have not said"

    person.rates(turn, 0)
    reasons = person.at.pills(key=f"reason-{turn}")
    assert reasons.options == [
        "Too slow",
        "Too shallow",
        "Wrong",
        "Sources don't support it",
        "Something else",
    ]
    assert logged("SELECT count(*) FROM feedback WHERE kind = 'reason'")[0][0] == 0

    for value in ("too_slow", "too_shallow", "wrong", "unsupported", "other"):
        person.chooses(f"reason-{turn}", value)
        assert [row["value"] for row in logged("SELECT value FROM feedback WHERE kind = 'reason'")] == [value]

    person.writes(f"note-{turn}", "It is 'buenos'.")
    [said] = logged("SELECT * FROM feedback WHERE kind = 'reason'")
    assert (said["turn_id"], said["value"], said["note"]) == (turn, "other", "It is 'buenos'.")

    person.rates(turn, 1)
    assert not person.has(f"reason-{turn}")
    assert person.answered() == "A plain answer from the script."


def test_what_was_said_is_there_again_after_a_reload(visit: Visit) -> None:
    person = visit().types("Translate into Spanish: good morning.")
    [turn] = person.turn_ids
    person.rates(turn, 0)
    person.chooses(f"reason-{turn}", "wrong")

    again = visit(person.conversation_id)

    assert again.at.feedback(key=f"thumbs-{turn}").value == 0
    assert again.at.pills(key=f"reason-{turn}").value == "wrong"


def test_a_persons_own_words_go_with_the_conversations_text(visit: Visit, logged, temporary_log) -> None:
    from data.store import Store

    person = visit().types("Translate into Spanish: good morning.")
    [turn] = person.turn_ids
    person.rates(turn, 0)
    person.chooses(f"reason-{turn}", "other")
    person.writes(f"note-{turn}", "My name is Ada.")
    assert logged("SELECT note FROM feedback WHERE kind = 'reason'")[0][0] == "My name is Ada."

    Store(temporary_log).forget_conversation(person.conversation_id)

    [said] = logged("SELECT value, note FROM feedback WHERE kind = 'reason'")
    assert (said["value"], said["note"]) == ("other", None)


def test_copying_is_logged_and_takes_the_places_of_the_marks_along(visit: Visit, script, logged) -> None:
    script({"match": KEPT, "text": "It is kept for **30 days** [1]."})
    person = visit().types(KEPT)
    [turn] = person.turn_ids

    person.presses(f"copy-{turn}")

    [said] = logged("SELECT turn_id, kind, value FROM feedback")
    assert tuple(said) == (turn, "copy", "markdown")
    running = runtime.current().conversations.get(person.conversation_id).find(turn)
    text, _, places = answer_tools.markdown(fold(running.events())).partition("\n\n")
    assert text == "It is kept for **30 days** [1]."
    assert places.startswith("[1] ")
    assert "›" in places


def test_an_edited_question_takes_the_place_of_the_old_one(visit: Visit, script, provider, logged) -> None:
    script({"match": "two", "text": "Four."}, {"match": "three", "text": "Six."})
    person = visit().types("Twice two?")
    [first] = person.turn_ids

    person.presses(f"edit-{first}")
    assert person.at.text_area(key=f"edit-text-{first}").value == "Twice two?"
    assert person.answered(first) == "Four.", "the old answer is there until the new question is sent"
    person.at.text_area(key=f"edit-text-{first}").set_value("Twice three?")
    person.presses(f"edit-send-{first}")

    [second] = person.turn_ids
    assert second != first
    assert (person.said(), person.answered()) == ("Twice three?", "Six.")
    assert "Four." not in person.page
    assert "Twice two?" not in str(provider().asked[-1]["messages"])
    turns = {row["turn_id"]: row for row in logged("SELECT * FROM turns")}
    assert turns[second]["replaces_turn_id"] == first
    assert turns[second]["input_origin"] == "edit"
    assert turns[first]["status"] == "ok", "the log keeps what was there"
    assert [row[0] for row in logged("SELECT prompt FROM turn_text ORDER BY prompt")] == [
        "Twice three?",
        "Twice two?",
    ]


def test_cancel_keeps_everything_and_a_blank_question_is_not_sent(visit: Visit) -> None:
    person = visit().types("Twice two?")
    [first] = person.turn_ids
    person.presses(f"edit-{first}")

    person.at.text_area(key=f"edit-text-{first}").set_value("   ")
    person.presses(f"edit-send-{first}")
    assert "blank" in person.notices[0]
    assert person.has(f"edit-text-{first}"), "one can go on writing"

    person.presses(f"edit-cancel-{first}")
    assert not person.has(f"edit-text-{first}")
    assert (person.turn_ids, person.said()) == ([first], "Twice two?")


def test_an_earlier_question_can_be_edited_and_what_followed_stays(visit: Visit) -> None:
    person = visit().types("Twice two?")
    [first] = person.turn_ids
    person.types("My name is Ada.")
    later = person.turn_ids[-1]

    person.presses(f"edit-{first}")
    person.at.text_area(key=f"edit-text-{first}").set_value("Twice three?")
    person.presses(f"edit-send-{first}")

    assert [person.said(turn) for turn in person.turn_ids] == ["Twice three?", "My name is Ada."]
    assert person.turn_ids[-1] == later


def source() -> None:
    import streamlit as st

    from components import source_view
    from data.records import Passage

    text = st.session_state["text"]
    start, end = st.session_state["place"]
    passage = Passage(
        passage_id="p",
        source_id="s.md",
        source_title="Ti*t*le",
        heading=("Part", "Chapter"),
        text=st.session_state.get("given", (text or "")[start:end]),
        start=start,
        end=end,
    )
    source_view.draw(passage, text)


def opened(text: str | None, place: tuple[int, int], given: str | None = None) -> AppTest:
    at = AppTest.from_function(source)
    at.session_state["text"], at.session_state["place"] = text, place
    if given is not None:
        at.session_state["given"] = given
    return at.run()


LONG = "\n\n".join(f"Paragraph {n} says a few words about the matter at hand." for n in range(80))


def test_a_source_opens_at_its_passage_within_its_surroundings() -> None:
    start = LONG.index("Paragraph 40")
    end = LONG.index("\n\nParagraph 41")
    at = opened(LONG, (start, end))

    assert at.caption[0].value == "Ti\\*t\\*le › Part › Chapter"
    passage = everything(at.container(key="source-passage"))
    assert "Paragraph 40 says" in passage
    assert "Paragraph 41" not in passage
    around = everything(at.main)
    assert "Paragraph 39" in around
    assert "Paragraph 41" in around
    assert "Paragraph 2 " not in around, "not the whole document"

    at.toggle(key="whole-document").set_value(True).run()

    assert "Paragraph 2 " in everything(at.main)
    assert "Paragraph 79" in everything(at.main)


@pytest.mark.parametrize(("text", "place"), [(None, (0, 9)), ("Something else by now.", (0, 9))])
def test_a_document_that_changed_or_is_gone_shows_the_passage_and_says_so(text, place) -> None:
    at = opened(text, place, given="It was so then.")

    assert "The document has changed since, or is gone." in at.warning[0].value
    assert "It was so then." in everything(at.container(key="source-passage"))


def test_a_documents_own_markup_loads_nothing_in_the_source_view() -> None:
    text = "Before ![a](http://x.example/1.png)\n\nHere <img src=x> ![b](http://x.example/2.png)\n\nAfter"
    start, end = text.index("Here"), text.index("\n\nAfter")
    at = opened(text, (start, end))

    drawn = "\n".join(markdown.value for markdown in at.markdown)
    assert "](http" not in drawn
    assert "<img" not in drawn.replace("\\<img", "")


@pytest.mark.parametrize("said", [None, "x", {}, {"turn_id": 1, "number": "a"}, {"turn_id": "a" * 32}])
def test_whatever_the_browser_says_was_pressed_is_checked(said) -> None:
    def page() -> None:
        import streamlit as st

        from components import answer_tools

        answer_tools._note()
        st.write(str(answer_tools.opened()))

    at = AppTest.from_function(page)
    at.session_state[answer_tools.KEY] = type("Said", (), {"open": said})()
    assert at.run().markdown[0].value == "None"


def test_a_pressed_mark_opens_its_document_once(visit: Visit, script) -> None:
    script({"match": KEPT, "text": "For 30 days [1]."})
    person = visit().types(KEPT)
    [turn] = person.turn_ids
    person.at.session_state["opened_source"] = answer_tools.Opened(turn, 1)

    person.look()
    assert person.has("source-passage")
    person.look()
    assert not person.has("source-passage")

    for wrong in (answer_tools.Opened(turn, 99), answer_tools.Opened("f" * 32, 1)):
        person.at.session_state["opened_source"] = wrong
        person.look()
        assert not person.has("source-passage")
