"""Somebody takes part in a study: consent, tasks, ratings, the end; and sees nothing that is not theirs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from components import study_cookie, study_researcher
from components.study_cookie import COOKIE
from data.__main__ import main
from data.enrolment import Enrolment
from data.study_links import Links
from router import runtime
from tests.data.studies import TODAY, made
from tests.pages.participants import Guest, contents

Guests = Callable[..., Guest]


def changed(address: str, **query: str | None) -> str:
    """The address with other values in its query (None: without that)."""
    parts = urlsplit(address)
    wanted = dict(parse_qsl(parts.query)) | query
    return f"{parts.scheme}://{parts.netloc}/?{urlencode({k: v for k, v in wanted.items() if v is not None})}"


def test_a_whole_session_from_consent_to_the_completion_code(guest: Guests, link: Any, logged: Any) -> None:
    made()
    ada = guest(link("ada"))
    assert "We measure how long you wait" in ada.page
    assert "What you write and what is answered is not kept." in ada.page
    assert "does not leave the computer" in ada.page
    assert not ada.at.chat_input, "consent comes first"
    assert logged("SELECT * FROM participants") == []

    ada.agrees()
    assert "Task 1 of 2: Find a rule" in ada.page
    assert "Find out how long text is kept." in ada.page
    ada.types("How long is text kept?")
    [turn_id] = ada.turn_ids
    ada.rates("satisfaction_time", turn_id, 6)
    ada.rates("satisfaction_time", turn_id, 5)
    ada.presses("task-done")
    assert "Task 2 of 2: Write a note" in ada.page
    assert ada.turn_ids == [], "each task has a conversation of its own"
    ada.types("Write a note about it.")
    ada.presses("task-done")
    assert "Thank you for taking part" in ada.page
    assert ada.at.code[0].value == "C0DE-77"

    turns = logged("SELECT variant, study_task, session_id FROM turns ORDER BY submitted_at")
    assert {turn["variant"] for turn in turns} == {"with", "without"}
    assert [turn["study_task"] for turn in turns] == ["first", "second"]
    [rating] = logged("SELECT * FROM ratings")
    assert (rating["value"], rating["scale"], rating["turn_id"]) == (5, "satisfaction_time", turn_id)
    assert (rating["variant"], rating["participant"]) == (turns[0]["variant"], "ada")
    [session] = logged("SELECT * FROM sessions WHERE study IS NOT NULL")
    assert (session["purpose"], session["participant"], session["study"]) == ("research", "ada", "cues")
    assert session["consent_at"]
    exposures = logged("SELECT experiment, variant, forced FROM exposures ORDER BY experiment")
    assert [row["experiment"] for row in exposures] == ["cues/0", "cues/1"]
    assert [row["variant"] for row in exposures] == [turn["variant"] for turn in turns]
    assert {row["forced"] for row in exposures} == {0}
    tasks = logged("SELECT * FROM tasks ORDER BY task_id")
    assert all(task["started_at"] and task["ended_at"] for task in tasks)
    [person] = logged("SELECT * FROM participants")
    assert person["completed_at"]


def test_a_participant_sees_only_chat_task_and_ratings(guest: Guests, link: Any) -> None:
    made()
    ada = guest(link("ada")).agrees()
    ada.types("How long is text kept?")
    for key in ("settings", "footer", "new", "nav"):
        assert not ada.has(key)
    [turn_id] = ada.turn_ids
    assert not ada.has(f"thumbs-{turn_id}")
    assert "c" not in ada.at.query_params


def test_no_text_is_kept_unless_the_study_says_so(
    guest: Guests, link: Any, logged: Any, temporary_log: Path
) -> None:
    made()
    guest(link("ada")).agrees().types("my secret sentence")
    assert logged("SELECT * FROM turn_text") == []
    assert b"secret sentence" not in contents(temporary_log.parent)


def test_text_is_kept_as_long_as_the_study_says_and_the_consent_page_says_it(
    guest: Guests, link: Any, logged: Any
) -> None:
    made(text="full", text_days=9)
    ada = guest(link("ada"))
    assert "is kept for 9 days and then deleted" in ada.page
    ada.agrees().types("my sentence")
    [row] = logged("SELECT prompt, julianday(expires_at) - julianday('now') AS days FROM turn_text")
    assert row["prompt"] == "my sentence"
    assert row["days"] == pytest.approx(9, abs=0.1)


def test_who_does_not_agree_leaves_no_trace(guest: Guests, link: Any, logged: Any) -> None:
    made()
    ada = guest(link("ada")).presses("decline-study")
    assert "Nothing was recorded" in ada.everything
    for table in ("participants", "sessions", "exposures", "turns"):
        assert logged(f"SELECT * FROM {table}") == []


def test_the_same_person_finds_their_place_on_another_device(guest: Guests, link: Any, logged: Any) -> None:
    made()
    guest(link("ada")).agrees().types("First question here?").presses("task-done")
    elsewhere = guest(link("ada"))
    assert "Task 2 of 2" in elsewhere.page
    elsewhere.types("And now?")
    assert [row["n"] for row in logged("SELECT COUNT(DISTINCT variant) AS n FROM turns")] == [2]
    assert len(logged("SELECT * FROM participants")) == 1


def test_two_at_once_never_see_each_others_text(guest: Guests, link: Any) -> None:
    made()
    ada, bob = guest(link("ada")).agrees(), guest(link("bob")).agrees()
    ada.types("ada asks about apples")
    bob.types("bob asks about bicycles")
    ada.look(), bob.look()
    assert "apples" in ada.page
    assert "bicycles" in bob.page
    assert "bicycles" not in ada.everything
    assert "apples" not in bob.everything
    again = guest(link("ada"))
    assert "apples" in again.page
    assert "bicycles" not in again.everything


NOTHING = "does not open a study"


@pytest.mark.parametrize(
    "changes",
    [
        {"p": "bob"},
        {"t": "x" * 27},
        {"t": None},
        {"p": None},
        {"study": "other"},
        {"study": "../cues"},
        {"force": "with"},
        {"PROLIFIC_PID": "bob"},
        {"p": "bob", "mode": "researcher"},
    ],
)
def test_a_changed_link_opens_nothing(guest: Guests, link: Any, changes: dict[str, str | None]) -> None:
    made()
    made(name="other")
    guest(link("bob")).agrees().types("bob asks about bicycles")
    stranger = guest(changed(link("ada"), **changes))
    assert NOTHING in stranger.everything
    assert "bicycles" not in stranger.everything
    assert not stranger.at.chat_input
    assert not stranger.at.button


@pytest.mark.parametrize("mode", ["researcher", "admin", "demo"])
def test_other_words_in_the_address_change_nothing(guest: Guests, link: Any, mode: str) -> None:
    made()
    ada = guest(changed(link("ada"), mode=mode, key="x", page="studies"))
    assert "Taking part in a study" in ada.page


def test_a_participants_conversation_opens_for_nobody_else(guest: Guests, link: Any, logged: Any) -> None:
    made(text="full", text_days=5)
    guest(link("bob")).agrees().types("bob asks about bicycles")
    [row] = logged("SELECT conversation_id FROM conversations")
    theirs = row["conversation_id"]
    for address in (f"http://127.0.0.1/?c={theirs}", changed(link("ada"), c=theirs)):
        assert "bicycles" not in guest(address).everything
    current = runtime.current()
    current.conversations.forget(theirs)  # as after a restart: only the log has it
    assert "bicycles" not in guest(f"http://127.0.0.1/?c={theirs}").everything
    assert "bicycles" in guest(link("bob")).page, "whose it is finds it again"


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the browser sends along; the test fills it."""
    found: dict[str, str] = {}
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", property(lambda _: found))
    return found


def test_a_browser_that_takes_part_stays_in_its_study_without_the_links_parameters(
    guest: Guests, link: Any, cookies: dict[str, str], temporary_log: Path
) -> None:
    made()
    bare = "http://127.0.0.1/"
    ada = link("ada")
    cookies[COOKIE] = quote(urlsplit(ada).query)
    assert guest(bare).has("chat"), "who has not agreed is a visitor like any other"
    guest(ada).agrees().types("ada asks about apples")
    again = guest(bare)
    assert "Task 1 of 2" in again.page
    assert "apples" in again.page
    assert again.at.query_params["p"] == "ada", "the address is her link again"
    elsewhere = dict(cookies)
    cookies[study_researcher.COOKIE] = Links(temporary_log).researcher_key()
    assert "Task 1 of 2" not in guest(bare).page, "a researcher's own browser is never held"
    cookies.clear()
    cookies.update(elsewhere)
    again.presses("task-done").presses("task-done")
    assert not guest(bare).has("study-end"), "once it is done, the browser is free again"


def test_a_changed_or_withdrawn_or_forced_link_holds_no_browser(
    guest: Guests, link: Any, cookies: dict[str, str], temporary_log: Path
) -> None:
    made()
    guest(link("ada")).agrees().presses("withdraw")
    guest(link("pilot", forced="with")).agrees()
    for query in (
        urlsplit(link("ada")).query,
        urlsplit(link("bob")).query.replace("p=bob", "p=ada"),
        "nonsense",
        "%%%",
    ):
        cookies[COOKIE] = quote(query)
        assert guest("http://127.0.0.1/").has("footer"), query
    links, enrolment = Links(temporary_log), Enrolment(temporary_log)
    pilot, dealt = enrolment.find("cues", "pilot"), enrolment.find("cues", "ada")
    assert pilot is not None
    assert dealt is not None
    assert study_cookie.link_of(links, pilot) == ""
    assert links.admission(dict(parse_qsl(study_cookie.link_of(links, dealt)))) is not None


@dataclass
class Given:
    """A file as the message box gives it."""

    name: str = "notes.md"
    size: int = 5

    def getvalue(self) -> bytes:
        return b"# Tea"


def test_a_file_without_a_message_is_kept_while_somebody_takes_part_and_not_after(
    guest: Guests, link: Any, logged: Any, monkeypatch: pytest.MonkeyPatch, temporary_log: Path
) -> None:
    made()
    ada, bob = guest(link("ada")).agrees(), guest(link("bob")).agrees()
    monkeypatch.setattr("components.uploads.submitted", lambda _: ("", [Given()]))
    ada.types("dropped")
    assert "notes.md is attached" in ada.everything
    enrolment = Enrolment(temporary_log)
    left = enrolment.find("cues", "bob")
    assert left is not None
    enrolment.withdraw(left)
    bob.types("dropped")
    assert "You have stopped taking part" in bob.everything
    assert [row["participant"] for row in logged("SELECT participant FROM study_conversations")] == ["ada"]


def test_another_link_in_the_same_tab_is_another_person(guest: Guests, link: Any, logged: Any) -> None:
    made()
    tab = guest(link("ada")).agrees()
    tab.types("ada asks about apples")
    tab.goes_to(link("bob"))
    assert "Taking part in a study" in tab.page
    tab.agrees()
    assert "apples" not in tab.everything
    tab.types("bob asks about bicycles")
    sessions = logged("SELECT DISTINCT session_id FROM turns")
    assert len(sessions) == 2
    tab.goes_to("http://127.0.0.1/")
    assert "apples" not in tab.everything
    assert "bicycles" not in tab.everything


def test_a_platforms_participants_begin_by_one_link_and_nobody_can_be_them(
    guest: Guests, temporary_log: Path, logged: Any
) -> None:
    made()
    shared = Links(temporary_log).open("http://127.0.0.1/", "cues")
    assert "PROLIFIC_PID={{%PROLIFIC_PID%}}" in shared

    def arrives(who: str, session: str | None) -> str:
        return changed(shared, PROLIFIC_PID=who, STUDY_ID="st1", SESSION_ID=session)

    ada = guest(arrives("ada", "s-ada")).agrees()
    ada.types("ada asks about apples")
    assert "t" in ada.at.query_params
    assert "apples" in guest(arrives("ada", "s-ada")).page, "the platform's session finds her place again"
    for session in ("s-bob", None):
        stranger = guest(arrives("ada", session))
        assert NOTHING in stranger.everything
        assert "apples" not in stranger.everything
    [row] = logged("SELECT platform_study, platform_session FROM participants")
    assert tuple(row) == ("st1", "s-ada")


def test_the_shared_link_gives_nobody_a_later_persons_token(guest: Guests, temporary_log: Path) -> None:
    made()
    shared = Links(temporary_log).open("http://127.0.0.1/", "cues")
    early = guest(changed(shared, PROLIFIC_PID="ada", STUDY_ID="st1", SESSION_ID="mine"))
    assert early.at.query_params["t"] == Links(temporary_log).open_token("cues")
    guest(changed(shared, PROLIFIC_PID="ada", STUDY_ID="st1", SESSION_ID="s-ada")).agrees().types("apples?")
    early.agrees()  # the page that was open before she came
    assert "apples" not in early.everything
    assert early.at.query_params["t"] == Links(temporary_log).open_token("cues")


def test_who_has_no_id_gets_one_and_keeps_it(guest: Guests, temporary_log: Path, logged: Any) -> None:
    made()
    shared = changed(
        Links(temporary_log).open("http://127.0.0.1/", "cues"),
        PROLIFIC_PID=None,
        STUDY_ID=None,
        SESSION_ID=None,
    )
    somebody = guest(shared).agrees()
    somebody.types("Is it me?")
    assert len(somebody.turn_ids) == 1
    [row] = logged("SELECT participant FROM participants")
    assert row["participant"] == somebody.at.query_params["p"]
    assert guest(shared).at.query_params["p"] != row["participant"]


def test_nothing_is_sent_to_models_elsewhere(guest: Guests, link: Any, provider: Any, logged: Any) -> None:
    made()
    ada = guest(link("ada")).agrees()
    services = runtime.current().services
    here = services.preset
    elsewhere = here.model_copy(update={"kind": "hosted", "title": "Far away"})
    services.preset = elsewhere
    try:
        ada.at.chat_input(key="chat").set_value("a secret").run()
        assert "not on this machine" in ada.everything
        assert provider().asked == []
        assert "not on this machine" in guest(link("bob")).everything
    finally:
        services.preset = here
    assert logged("SELECT * FROM turns") == []


def test_ratings_after_a_task_are_asked_before_the_next_one(guest: Guests, link: Any, logged: Any) -> None:
    made(ratings={"after": "task", "ask": ["satisfaction_time", "ease"]})
    ada = guest(link("ada")).agrees()
    ada.types("How long is text kept?")
    ada.presses("task-done")
    assert not ada.at.chat_input
    assert ada.at.button(key="rated").disabled
    ada.rates("satisfaction_time", "first", 3).rates("ease", "first", 7)
    ada.presses("rated")
    assert "Task 2 of 2" in ada.page
    rows = logged("SELECT scale, value, turn_id, study_task FROM ratings ORDER BY scale")
    assert [tuple(row) for row in rows] == [
        ("ease", 7, None, "first"),
        ("satisfaction_time", 3, None, "first"),
    ]


def test_who_stops_is_asked_nothing_more_and_can_have_everything_deleted(
    guest: Guests, link: Any, logged: Any, temporary_log: Path
) -> None:
    made(text="full", text_days=5)
    ada = guest(link("ada")).agrees()
    ada.types("ada asks about apples")
    bob = guest(link("bob")).agrees()
    bob.types("bob asks about bicycles").presses("withdraw")
    assert "You have stopped taking part" in bob.everything
    ada.presses("withdraw-delete")
    assert "deleted" in ada.everything
    stored = contents(temporary_log.parent)
    assert b"apples" not in stored
    assert b"bicycles" in stored
    assert [row["participant"] for row in logged("SELECT participant FROM participants")] == ["bob"]
    assert "apples" not in guest(link("ada")).everything


def test_who_was_deleted_from_the_shell_can_send_nothing_more(
    guest: Guests, link: Any, logged: Any, temporary_log: Path
) -> None:
    made(text="full", text_days=5)
    ada = guest(link("ada")).agrees()
    ada.types("ada asks about apples")
    [row] = logged("SELECT conversation_id FROM conversations")
    assert main(["study", "delete-participant", "cues", "ada"]) == 0
    ada.at.chat_input(key="chat").set_value("ada asks about zebrafinches").run()
    assert not ada.at.exception
    assert "deleted" in ada.everything
    runtime.current().log.flush()
    stored = contents(temporary_log.parent)
    assert b"zebrafinches" not in stored
    assert b"apples" not in stored
    assert runtime.current().conversations.get(row["conversation_id"]) is None


@pytest.mark.parametrize(("days", "told"), [((2, 9), "has not begun yet"), ((-9, -2), "has ended")])
def test_outside_its_dates_a_study_says_so(
    guest: Guests, link: Any, days: tuple[int, int], told: str
) -> None:

    made(
        starts=(TODAY + timedelta(days=days[0])).isoformat(),
        ends=(TODAY + timedelta(days=days[1])).isoformat(),
    )
    assert told in guest(link("ada")).everything


def test_a_variant_is_what_the_participant_gets(guest: Guests, link: Any, provider: Any, logged: Any) -> None:
    quiet = {"cues_off": ["tier", "sources"], "suggestions": [], "streaming": "off"}
    made(
        variants=[
            {"name": "a", "change": {"routing": "heavy", **quiet}},
            {"name": "b", "change": {"routing": "fast", "suggestion_click": "fill"}},
        ]
    )
    a = guest(link("ada", forced="a")).agrees()
    assert not [button for button in a.at.button if str(button.key).startswith("suggestion-")]
    a.types("hi there")
    assert provider().asked[-1]["model"] == "scripted-heavy"
    assert "Heavy" not in a.under()
    b = guest(link("bob", forced="b")).agrees()
    b.types("Prove step by step that the square root of two is irrational.")
    assert provider().asked[-1]["model"] == "scripted-fast"
    assert "every message goes to the fast model here" in b.under().lower()
    rows = logged("SELECT tier, overridden FROM turns ORDER BY submitted_at")
    assert [tuple(row) for row in rows] == [("heavy", 0), ("fast", 0)]
    assert [row["forced"] for row in logged("SELECT forced FROM exposures")] == [1, 1]


def test_a_threshold_decides_what_is_heavy(guest: Guests, link: Any, logged: Any) -> None:
    made(
        variants=[
            {"name": "low", "change": {"routing": "threshold", "threshold": 0.01}},
            {"name": "high", "change": {"routing": "threshold", "threshold": 0.99}},
        ]
    )
    for who in ("low", "high"):
        guest(link(f"p-{who}", forced=who)).agrees().types("Suggest a plan for our garden next year.")
    assert [row["tier"] for row in logged("SELECT tier FROM turns ORDER BY submitted_at")] == [
        "heavy",
        "fast",
    ]


def test_when_the_database_cannot_be_used_nobody_is_half_enrolled(
    guest: Guests, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    ada = guest(link("ada"))

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("data.enrolment.connect", broken)
        ada.presses("agree-study")
        assert "cannot go on just now" in ada.everything
    assert Enrolment(runtime.current().log.path).find("cues", "ada") is None
    ada.look()
    ada.agrees()
    assert "Task 1 of 2" in ada.page


def test_in_research_everything_else_needs_the_key(
    guest: Guests, link: Any, temporary_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSHIFT_PURPOSE", "research")
    made()
    visitor = guest("http://127.0.0.1/")
    assert not visitor.at.chat_input
    visitor.at.text_input(key="key-typed").set_value("wrong")
    visitor.look()
    assert "That is not the key." in visitor.everything
    assert "Task 1 of 2" in guest(link("ada")).agrees().page
    visitor.at.text_input(key="key-typed").set_value(Links(temporary_log).researcher_key())
    visitor.look()
    assert visitor.at.chat_input
