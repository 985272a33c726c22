"""The page's settings: which models there are, what they cost, and switching without sending unasked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components import start_up
from data.presets import load_preset, preset_names
from router import runtime
from tests.pages.conftest import ScriptedHere
from tests.pages.person import Person, everything
from tests.router.providers import Manner, OpenAIChat, RecordingServer, serving

Visit = Callable[..., Person]
KEYS = {"OPENAI_API_KEY": "sk-secret-of-mine", "ANTHROPIC_API_KEY": None, "GEMINI_API_KEY": None}


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    """OpenAI's protocol on loopback, under a name that is not this machine's, as a provider's is."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("UPSHIFT_PRESET_LOCKED", raising=False)
    with serving(OpenAIChat(), Manner(pieces=("From ", "far away."))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1")
        # To the page the address is a provider's: only then is text sent away.
        monkeypatch.setattr("data.presets.is_this_machine", lambda _: False)
        yield server


def opened(person: Person) -> str:
    """The settings' words, with the settings open."""
    person.at.session_state["settings"] = True
    person.look()
    return everything(person.at.container(key="settings-panel"))


def choose(person: Person, name: str) -> str:
    opened(person)
    person.at.selectbox(key="preset-choice").set_value(name)
    person.at.session_state["settings"] = True
    person.look()
    return everything(person.at.container(key="settings-panel"))


def switch_to(person: Person, name: str) -> None:
    choose(person, name)
    person.at.session_state["settings"] = True
    person.presses("preset-switch")


def test_closed_it_is_one_button(visit: Visit) -> None:
    person = visit()
    assert person.has("settings")
    assert not person.has("settings-panel")
    assert not person.has("preset-choice")


def test_open_it_names_the_models_and_offers_the_others(visit: Visit) -> None:
    person = visit()
    said = opened(person)
    preset = load_preset("scripted")
    assert preset.title in said
    assert preset.where in said
    for tier in preset.tiers:
        assert f"{tier.tier}: {tier.label} · price not known" in said
    offered = {load_preset(name).title for name in preset_names() if name != "scripted"}
    assert set(person.at.selectbox(key="preset-choice").options) == offered


def test_a_hosted_preset_says_prices_and_what_is_missing_and_where_the_text_goes(
    visit: Visit, openai: RecordingServer
) -> None:
    person = visit()
    said = choose(person, "posthog")
    assert "fast: GPT-4.1 mini · $0.40 read, $1.60 written, per million tokens" in said
    assert "heavy: not available; set ANTHROPIC_API_KEY" in said
    assert "will be sent to" in said
    assert "sk-secret-of-mine" not in person.page
    said = choose(person, "anthropic")
    assert "set ANTHROPIC_API_KEY" in said
    assert not person.has("preset-switch"), "what cannot be asked cannot be taken"


def test_choosing_sends_nothing_and_a_click_is_what_switches(visit: Visit, openai: RecordingServer) -> None:
    person = visit()
    person.types("before")
    choose(person, "openai")
    person.types("still here")
    assert openai.requests == []
    assert person.answered() == "A plain answer from the script."
    switch_to(person, "openai")
    assert runtime.current().preset.name == "openai"
    assert "OpenAI" in person.footer
    assert openai.requests == [], "only new messages go there"
    person.types("now there")
    assert person.answered() == "From far away."
    assert len(openai.requests) == 1


def test_someone_else_who_did_not_agree_sends_nothing_until_they_do(
    visit: Visit, openai: RecordingServer
) -> None:
    first, second = visit(), visit()
    second.types("between us")
    switch_to(first, "openai")
    second.types("a secret")
    assert openai.requests == []
    assert second.box == "a secret", "what was written is kept"
    assert "will be sent to" in everything(second.at.container(key="agree-notice"))
    second.presses("agree")
    assert not second.has("agree-notice")
    second.types("a secret")
    assert len(openai.requests) == 1


def test_a_suggestion_or_retry_does_not_get_round_it(visit: Visit, openai: RecordingServer) -> None:
    first, second = visit(), visit()
    switch_to(first, "openai")
    suggestion = runtime.current().services.product.suggestions[0]
    second.picks(suggestion.id)
    assert openai.requests == []
    assert second.turn_ids == []


def test_a_conversation_from_before_is_not_sent_on_after_a_reload(
    visit: Visit, openai: RecordingServer
) -> None:
    first = visit()
    first.types("between us")
    conversation_id = first.conversation_id
    switch_to(first, "openai")
    reloaded = visit(conversation_id)
    assert reloaded.has("agree-notice")
    reloaded.types("go on")
    assert openai.requests == []
    fresh = visit()
    assert not fresh.has("agree-notice"), "a new visit sees at its foot where the text goes"


def test_back_to_where_the_text_stays_needs_no_agreement(visit: Visit, openai: RecordingServer) -> None:
    person = visit()
    switch_to(person, "openai")
    runtime.current().switch("scripted")
    person.types("back again")
    assert not person.has("agree-notice")
    assert openai.requests == []


def test_what_was_written_while_the_text_stayed_is_not_sent_on_later(
    visit: Visit, openai: RecordingServer
) -> None:
    person = visit()
    switch_to(person, "openai")
    runtime.current().switch("scripted")
    person.types("between us")
    runtime.current().switch("openai")
    person.types("go on")
    assert openai.requests == []
    assert person.has("agree-notice")


def test_a_tier_without_its_key_is_named_and_the_others_answer(
    visit: Visit, openai: RecordingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    person = visit()
    switch_to(person, "posthog")
    assert runtime.current().preset.tier_names == ("fast", "middle")
    assert "heavy: not available; set ANTHROPIC_API_KEY" in opened(person)
    person.types("prove that the square root of 2 is irrational")
    assert openai.models() == ["gpt-4.1"]
    start_up.say(runtime.current())
    assert (
        "Claude Sonnet 4.6: not available. Set ANTHROPIC_API_KEY and start again." in capsys.readouterr().out
    )


@pytest.mark.parametrize(("name", "value"), [("UPSHIFT_PRESET_LOCKED", "1"), ("UPSHIFT_PURPOSE", "research")])
def test_locked_it_can_be_read_but_not_switched(
    visit: Visit, openai: RecordingServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    # In research the page itself opens only to links and the researcher's key: test_story_participant.
    monkeypatch.setattr("components.study_researcher.is_known", lambda _: True)
    person = visit()
    said = opened(person)
    assert "cannot be switched here" in said
    assert not person.has("preset-choice")
    with pytest.raises(ValueError, match="cannot be switched"):
        runtime.current().switch("openai")
    assert runtime.current().preset.name == "scripted"


def test_the_turns_in_the_log_have_the_preset_that_answered(
    visit: Visit, openai: RecordingServer, logged: Callable[[str], list[Any]]
) -> None:
    person = visit()
    person.types("before")
    switch_to(person, "openai")
    person.types("after")
    rows = logged("SELECT preset FROM turns ORDER BY submitted_at")
    assert [row["preset"] for row in rows] == ["scripted", "openai"]
    (cost,) = logged("SELECT cost_usd, price_source FROM generations WHERE request_model LIKE 'gpt%'")
    assert cost["cost_usd"] > 0
    assert str(cost["price_source"]).startswith("litellm ")


def test_the_old_models_are_closed_when_their_answers_have_ended(
    visit: Visit, openai: RecordingServer, provider: Callable[[], ScriptedHere]
) -> None:
    visit()
    current = runtime.current()
    old = current.services
    closed = threading.Event()
    close = old.close
    old.close = lambda: (closed.set(), close())  # type: ignore[method-assign,assignment]
    with current.running._lock:
        current.running._in_use.append(old)  # an answer that is still being written
    current.switch("openai")
    assert not closed.wait(0.6), "an answer under way keeps its models"
    with current.running._lock:
        current.running._in_use.remove(old)
    assert closed.wait(20)


def test_the_settings_say_whose_weights_the_router_has(visit: Visit) -> None:
    assert "The router's weights: those that ship" in opened(visit())
