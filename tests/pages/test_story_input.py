"""Somebody sends what cannot be sent, or what few programs expect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router import runtime
from router.prompt import longest_message_characters
from tests.pages.person import Person

Visit = Callable[..., Person]


def the_limit() -> int:
    """Characters that the preset's models can read of one message: the figure that the page names."""
    services = runtime.current().services
    return longest_message_characters(services.product.system_prompt, services.preset)


@pytest.mark.parametrize("blank", ["   ", "\n\n\t", "\x00\x07\x1b", " \u200b \u00a0", "\u202e\u200f"])
def test_nothing_but_blanks_or_control_characters_is_not_sent(visit: Visit, provider, blank: str) -> None:
    person = visit().types(blank)

    assert person.notices == [
        "There is nothing to send yet: the message is blank. Write a question first.",
    ]
    assert person.turn_ids == []
    assert person.has("empty-state"), "the suggestions are still there"
    assert provider().asked == []


def test_a_message_beyond_the_limit_is_refused_with_the_limit_and_stays_in_the_box(
    visit: Visit, provider, logged
) -> None:
    person = visit()
    limit = the_limit()
    text = "a" * (limit + 1)

    person.types(text)

    [notice] = person.notices
    assert f"{limit + 1:,} characters" in notice
    assert f"at most {limit:,}" in notice
    assert person.box == text, "nothing that was typed is lost"
    assert person.turn_ids == []
    assert provider().asked == []
    assert logged("SELECT * FROM turns") == []


def test_a_message_at_the_limit_is_sent_whole(visit: Visit, provider) -> None:
    person = visit()
    text = "a" * the_limit()

    person.types(text)

    assert person.notices == []
    assert person.answered() == "A plain answer from the script."
    assert text in provider().asked[-1]["messages"][-1]["content"]


def test_a_megabyte_is_refused_and_the_shortened_message_goes_through(visit: Visit) -> None:
    person = visit().types("word " * 200_000)
    assert "1,000,000 characters" in person.notices[0]

    person.types("What do you log?")

    assert person.notices == [], "the notice is gone"
    assert person.box is None
    assert person.said() == "What do you log?"


@pytest.mark.parametrize(
    "text",
    [
        "🦦",
        "👩‍👩‍👧‍👦",
        "ما هي النماذج التي تجيب؟",
        "מה נשמר ביומן?",
        "どのモデルが答えますか",
        "a\x00b\x1b[31mc",
        "\u202eevil\u202c",
        "' ; DROP TABLE turns; --",
        "$E=mc^2$ and `code` and <b>bold</b>",
    ],
)
def test_unusual_text_is_shown_answered_and_logged(visit: Visit, provider, script, logged, text: str) -> None:
    script({"text": "Understood."})

    person = visit().types(text)

    assert person.answered() == "Understood."
    assert person.notices == []
    assert [line for line in person.said().splitlines() if line], "the message is shown"
    assert text in provider().asked[-1]["messages"][-1]["content"], "the model reads it unchanged"
    [row] = logged("SELECT prompt, status FROM turns JOIN turn_text USING (turn_id)")
    assert (row["prompt"], row["status"]) == (text, "ok")


@pytest.mark.parametrize(
    "text", ["# Big\n\n- one\n- two", "![pixel](http://example.com/p.png)", "<script>alert(1)</script>"]
)
def test_a_persons_own_markup_cannot_load_or_run_anything(visit: Visit, text: str) -> None:
    person = visit().types(text)

    shown = person.at.chat_message[0].markdown[0]
    assert "](http" not in shown.value
    assert not shown.allow_html
    assert not shown.value.startswith("# "), "a message is no headline of the page"
