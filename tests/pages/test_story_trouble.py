"""Somebody meets trouble: the provider fails, a setting is wrong, the log cannot be written."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from data.store import LogUnavailable, Store
from router import runtime
from tests.pages.person import MAIN, PATIENCE_S, Person, everything

Visit = Callable[..., Person]
QUESTION = "Translate into Spanish: good morning."


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "refused the key"),
        (404, "was not found under the name"),
        (429, "Wait a minute, then retry."),
        (503, "has trouble of its own (HTTP 503). Retry in a moment."),
    ],
)
def test_an_error_of_the_provider_is_said_plainly(
    visit: Visit, script, logged, status: int, advice: str
) -> None:
    script({"match": "good morning", "status": status})

    person = visit().types(QUESTION)

    turn_id = person.turn_ids[-1]
    assert person.has(f"failed-{turn_id}")
    [error] = person.errors
    assert advice in error
    assert "scripted error" not in person.page, "the provider's own words may carry a secret"
    assert "Traceback" not in person.page
    assert person.said() == QUESTION
    assert person.has(f"retry-{turn_id}")
    [turn] = logged("SELECT status, error_type, done_ms FROM turns")
    assert (turn["status"], turn["done_ms"]) == ("error", None)
    assert turn["error_type"]


def test_retry_asks_again_and_takes_the_place_of_what_failed(visit: Visit, script, provider, logged) -> None:
    script({"match": "good morning", "status": 503})
    person = visit().types(QUESTION)
    failed = person.turn_ids[-1]
    backend = provider()
    backend.server.script = backend.server.script.model_copy(
        update={"replies": (backend.server.script.replies[-1],)}
    )

    person.presses(f"retry-{failed}")

    [turn_id] = person.turn_ids
    assert turn_id != failed
    assert person.said() == QUESTION
    assert person.answered() == "A plain answer from the script."
    assert person.errors == []
    assert not person.has(f"retry-{turn_id}"), "an answer that came whole needs no second try"
    turns = logged("SELECT turn_id, replaces_turn_id, input_origin, status FROM turns ORDER BY submitted_at")
    assert [tuple(turn) for turn in turns] == [
        (failed, None, "typed", "error"),
        (turn_id, failed, "retry", "ok"),
    ]


def test_an_answer_that_breaks_off_keeps_its_text(visit: Visit, script, logged) -> None:
    script({"match": "good morning", "text": "Buenos días a todos", "cut_after": 2})

    person = visit().types(QUESTION)

    assert person.answered().strip() == "Buenos días"
    assert "text so far is kept" in person.errors[0]
    assert person.has(f"retry-{person.turn_ids[-1]}")
    assert logged("SELECT answer FROM turn_text")[0][0].strip() == "Buenos días"


def test_an_empty_answer_is_said_to_be_empty(visit: Visit, script) -> None:
    script({"match": "good morning", "text": ""})

    person = visit().types(QUESTION)

    assert "gave an empty answer. Retry." in person.errors[0]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], AppTest]]:
    """The page with a runtime that it builds itself, as the server would."""
    monkeypatch.setenv("UPSHIFT_PRESET", "scripted")
    runtime.replace(None)
    yield lambda: AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S).run()
    runtime.shut_down()


def test_a_mistake_in_the_product_names_file_key_and_what_is_known(
    open_page, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "product.toml").write_text('name = "Boats"\npromis = "I know boats."\n')
    monkeypatch.setenv("UPSHIFT_PRODUCT", str(tmp_path))

    at = open_page()

    assert not at.exception
    assert at.error[0].value == "Upshift cannot start, because a setting is wrong:"
    [message] = [code.value for code in at.code]
    assert f"{tmp_path / 'product.toml'}: key 'promis' is not known; known here: " in message
    assert "promise" in message.split("known here: ")[1]
    assert "key 'caution' is missing" in message
    assert "Traceback" not in everything(at.main)


def test_a_mended_product_works_at_the_next_visit(open_page, tmp_path: Path, monkeypatch) -> None:
    product = tmp_path / "product.toml"
    product.write_text("name = ")
    (tmp_path / "knowledge").mkdir()
    monkeypatch.setenv("UPSHIFT_PRODUCT", str(tmp_path))
    assert "not valid TOML" in open_page().code[0].value

    product.write_text('name = "B"\npromise = "I know boats."\ncaution = "-"\nsystem_prompt = "Be brief."\n')
    (tmp_path / "knowledge" / "boats.md").write_text("# Boats\n\nThey float.\n")
    at = open_page()

    assert not at.error
    assert "I know boats." in everything(at.main)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("UPSHIFT_PRESET", "magic", ("magic", "local", "openai")),
        ("UPSHIFT_PURPOSE", "fun", ("UPSHIFT_PURPOSE=fun", "dogfood, research, demo, test")),
        ("UPSHIFT_UNWATCHED_S", "soon", ("UPSHIFT_UNWATCHED_S=soon", "not a number of seconds", "60")),
        ("UPSHIFT_PRODUCT", "/nowhere/at/all", ("/nowhere/at/all", "UPSHIFT_PRODUCT", "product.toml")),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(
    open_page, monkeypatch, name: str, value: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(name, value)

    at = open_page()

    assert not at.exception
    assert all(word in at.code[0].value for word in words), at.code[0].value


def test_a_broken_script_names_its_file_and_key(open_page, tmp_path: Path, monkeypatch) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[replies]]\nsay = "hello"\n')
    monkeypatch.setenv("UPSHIFT_SCRIPT", str(script))

    at = open_page()

    assert not at.exception
    assert str(script) in at.code[0].value
    assert "say" in at.code[0].value


def test_trouble_with_the_log_is_one_quiet_line_and_the_answer_is_whole(
    visit: Visit, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "a-file").write_text("in the way")
    monkeypatch.setenv("UPSHIFT_DB", str(tmp_path / "a-file" / "upshift.db"))

    person = visit().types(QUESTION)
    person.look()

    assert person.answered() == "A plain answer from the script."
    assert person.errors == []
    troubles = [
        caption for caption in map(everything, person.at.caption) if "The log cannot be written" in caption
    ]
    assert len(troubles) == 1
    assert "data doctor" in troubles[0], "it says where to learn more"


def captions(person: Person) -> str:
    return "\n".join(map(everything, person.at.caption))


def test_a_log_that_was_garbage_is_told_of_and_the_answer_is_whole(
    visit: Visit, temporary_log: Path, logged
) -> None:
    temporary_log.parent.mkdir(parents=True)
    temporary_log.write_bytes(b"this was never a database" * 500)

    person = visit().types(QUESTION)
    runtime.current().log.flush()
    person.look()

    assert person.answered() == "A plain answer from the script."
    assert person.errors == []
    assert captions(person).count("The log was damaged; it was set aside") == 1
    assert [row["status"] for row in logged("SELECT status FROM turns")] == ["ok"]


def test_a_log_that_another_program_holds_is_told_of_until_it_lets_go(
    visit: Visit, temporary_log: Path, logged
) -> None:
    person = visit()
    runtime.current().log.flush()
    other = sqlite3.connect(temporary_log, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        person.types(QUESTION)
        assert runtime.current().log.flush(20), "it is in the side file"
        person.look()
        assert person.answered() == "A plain answer from the script."
        assert captions(person).count("data doctor") == 1
    finally:
        other.execute("ROLLBACK")
        other.close()
    until = time.monotonic() + PATIENCE_S
    while not runtime.current().log.health.ok and time.monotonic() < until:
        time.sleep(0.1)
    person.look()
    assert "data doctor" not in captions(person)
    assert [row["status"] for row in logged("SELECT status FROM turns")] == ["ok"]


def test_a_log_that_cannot_be_read_now_does_not_take_a_conversations_address_away(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = visit().types(QUESTION)
    address, answer = person.conversation_id, person.answered()
    current = runtime.current()
    current.log.flush()
    current.conversations.forget(address)  # as after a restart
    whole = Store.conversation_turns

    def locked(*_: object) -> list[dict[str, object]]:
        raise LogUnavailable("locked")

    monkeypatch.setattr(Store, "conversation_turns", locked)
    early = visit(address)

    assert early.conversation_id == address
    assert any("reload this page in a moment" in notice for notice in early.notices)
    early.look()
    assert early.conversation_id == address
    monkeypatch.setattr(Store, "conversation_turns", whole)
    assert visit(address).answered() == answer
    assert early.types(QUESTION).conversation_id != address, "a message begins a conversation of its own"
