"""What of the page is on: from the environment, or given by a study."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from components.page_settings import PageSettings
from data.config import ConfigError
from data.paths import product_folder
from data.product import load_product
from tests.pages.person import PATIENCE_S, Person, everything

Visit = Callable[..., Person]


def page_of_a_study() -> None:
    from components import chat_page
    from components.page_settings import PageSettings
    from router import runtime

    settings = PageSettings(
        cues_off=frozenset({"tier", "sources"}),
        ratings=False,
        follow_ups=False,
        switching=False,
        footer=False,
        streaming=False,
    )
    chat_page.draw(runtime.current(), settings)


def test_the_environment_switches_cues_suggestions_and_streaming() -> None:
    settings = PageSettings.from_environment(
        {"UPSHIFT_CUES_OFF": "tier, doubt,", "UPSHIFT_SUGGESTIONS": "fill", "UPSHIFT_STREAMING": "off"}
    )

    assert settings == PageSettings(
        cues_off=frozenset({"tier", "doubt"}), suggestions="fill", streaming=False
    )
    assert not settings.shows("tier")
    assert settings.shows("sources")
    assert PageSettings.from_environment({}) == PageSettings()


@pytest.mark.parametrize(
    ("name", "value", "use"),
    [("UPSHIFT_SUGGESTIONS", "ask", "send or fill"), ("UPSHIFT_STREAMING", "maybe", "on or off")],
)
def test_a_wrong_switch_is_named_on_the_page(
    visit: Visit, monkeypatch, name: str, value: str, use: str
) -> None:
    with pytest.raises(ConfigError, match=use):
        PageSettings.from_environment({name: value})
    monkeypatch.setenv(name, value)

    person = visit()

    assert "a setting is wrong" in person.errors[0]
    assert f"{name}={value}" in person.page
    assert use in person.page


def test_a_study_shows_only_what_it_wants(provider) -> None:
    provider()
    at = AppTest.from_function(page_of_a_study, default_timeout=PATIENCE_S).run()
    at.chat_input(key="chat").set_value("Translate into Spanish: good morning.")
    at.run()

    assert not at.exception
    words = everything(at.main)
    assert "A plain answer from the script." in words
    for gone in ("Scripted fast", "No sources used", "Models"):
        assert gone not in words
    assert len(at.feedback) == 0
    for key in ("footer", "followups", "settings"):
        with pytest.raises(KeyError):
            at.get_by_key(key)


def test_a_suggestion_may_fill_the_box_and_is_still_known_as_one(visit: Visit, monkeypatch, logged) -> None:
    monkeypatch.setenv("UPSHIFT_SUGGESTIONS", "fill")
    suggestion = load_product(product_folder()).suggestions[0]
    person = visit().picks(suggestion.id)

    assert person.turn_ids == [], "nothing was sent"
    assert person.box == suggestion.prompt

    person.types(suggestion.prompt)
    person.types("Something of my own.")

    turns = logged("SELECT input_origin, suggestion_id FROM turns ORDER BY turn_index")
    assert [tuple(turn) for turn in turns] == [("suggestion", suggestion.id), ("typed", None)]
