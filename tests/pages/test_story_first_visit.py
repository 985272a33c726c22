"""Somebody opens the page for the first time, sees what it is for, and picks something to ask."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from data.paths import product_folder
from data.product import load_product
from tests.pages.person import Person, everything, readable

Visit = Callable[..., Person]
PRODUCT = load_product(product_folder())


def test_the_empty_page_says_what_it_can_do_what_it_may_get_wrong_and_what_to_ask(visit: Visit) -> None:
    person = visit()

    assert person.has("empty-state")
    assert PRODUCT.promise in person.page
    assert PRODUCT.caution in person.page
    for suggestion in PRODUCT.suggestions:
        button = person.at.button(key=f"suggestion-{suggestion.id}")
        assert everything(button) == suggestion.label
        assert button.help, "the whole prompt can be read before it is sent"
    assert person.turn_ids == []
    assert person.follow_ups == []
    assert "c" not in person.at.query_params


def test_suggestions_are_few_and_show_both_tiers_and_the_sources(visit: Visit) -> None:
    tiers, sourced = set(), 0
    for suggestion in PRODUCT.suggestions:
        person = visit().picks(suggestion.id)
        tiers.add(person.under().split()[0])
        sourced += "No sources used" not in person.under()

    assert 3 <= len(PRODUCT.suggestions) <= 5
    assert tiers == {"Fast", "Heavy"}
    assert 0 < sourced < len(PRODUCT.suggestions), "some from the documentation, some not"


def test_a_picked_suggestion_is_sent_whole_and_answered(visit: Visit, script, provider, logged) -> None:
    suggestion = next(offered for offered in PRODUCT.suggestions if offered.prompt != offered.label)
    script({"match": suggestion.prompt, "text": "The text of messages is kept for 30 days."})

    person = visit().picks(suggestion.id)

    assert not person.has("empty-state"), "the suggestions are gone once the conversation has begun"
    assert person.said() == suggestion.prompt, "not its label"
    assert person.answered() == "The text of messages is kept for 30 days.(1)", "with the source that says so"
    [request] = provider().asked
    assert suggestion.prompt in request["messages"][-1]["content"]
    [turn] = logged("SELECT * FROM turns")
    assert (turn["input_origin"], turn["suggestion_id"], turn["status"]) == (
        "suggestion",
        suggestion.id,
        "ok",
    )
    assert turn["output_chars"] == len("The text of messages is kept for 30 days.")


def test_a_typed_message_is_answered_and_the_next_one_knows_of_it(visit: Visit, script, provider) -> None:
    script(
        {"match": "My name is Ada", "text": "Hello Ada."},
        {"match": "What is it again", "text": "Ada, as you said."},
    )

    person = visit().types("My name is Ada.")
    assert person.answered() == "Hello Ada."
    person.types("What is it again?")

    first, second = person.turn_ids
    assert [person.said(first), person.answered(first)] == ["My name is Ada.", "Hello Ada."]
    assert [person.said(second), person.answered(second)] == ["What is it again?", "Ada, as you said."]
    read = [(message["role"], message["content"]) for message in provider().asked[-1]["messages"]]
    assert ("user", "My name is Ada.") in read
    assert ("assistant", "Hello Ada.") in read


def test_follow_ups_are_offered_after_an_answer_and_sent_when_pressed(visit: Visit, script, logged) -> None:
    script({"match": "Say that again", "text": "In short: yes."})

    person = visit().types("Is the log on this machine?")
    assert person.follow_ups == [follow_up.label for follow_up in PRODUCT.follow_ups]
    person.presses("followup-0")

    assert person.said() == PRODUCT.follow_ups[0].prompt
    assert person.answered() == "In short: yes."
    turns = logged("SELECT input_origin, suggestion_id, turn_index FROM turns ORDER BY turn_index")
    assert [tuple(turn) for turn in turns] == [
        ("typed", None, 0),
        ("follow_up", PRODUCT.follow_ups[0].id, 1),
    ]


def test_the_footer_names_the_preset_its_models_where_text_goes_limit_and_log(
    visit: Visit, temporary_log
) -> None:
    person = visit()

    assert "Scripted provider (not a model)" in person.footer
    assert "fast: Scripted fast, heavy: Scripted heavy" in person.footer
    assert "answers come from a script, not from a model" in person.footer
    assert re.search(r"Messages up to \d\d,\d00 characters", person.footer)
    [line] = person.at.container(key="footer").caption
    assert str(temporary_log) in readable(line.help)
    assert "arriving" not in person.footer, "these models are there"


@pytest.fixture
def our_product(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "product"
    (folder / "knowledge").mkdir(parents=True)
    (folder / "knowledge" / "boats.md").write_text("# Boats\n\nA dinghy has one mast and two sails.\n")
    (folder / "product.toml").write_text(
        'name = "Harbour (beta)"\npromise = "I know boats."\ncaution = "I may sink."\n'
        'system_prompt = "You know boats."\n'
        '[[suggestions]]\nid = "mast"\nlabel = "*Masts*?"\nprompt = "How many masts has a dinghy?"\n'
    )
    monkeypatch.setenv("UPSHIFT_PRODUCT", str(folder))


@pytest.mark.usefixtures("our_product")
def test_a_team_puts_its_own_product_in_the_place_of_ours(visit: Visit, provider) -> None:
    person = visit()

    assert "Harbour (beta)" in person.page
    assert "I know boats." in person.page
    assert person.at.chat_input(key="chat").placeholder == "Ask about Harbour (beta)"
    assert everything(person.at.button(key="suggestion-mast")) == "*Masts*?", "a label is text, not Markdown"

    person.picks("mast")

    assert provider().asked[0]["messages"][0]["content"].startswith("You know boats.")
    assert "A dinghy has one mast and two sails." in person.under()
    assert person.follow_ups == [], "this product offers none"
