"""From the press to the log: what somebody sees and when, and that the log says the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat import Chat, Site, wait_for

Open = Callable[..., Chat]
# Apart from the clocks nothing is shared between the probe and the test's own eye. A frame of a busy
# machine may well take this long; a mark of the wrong moment is off by more, as answers here last longer.
NEAR_MS = 250.0
ANSWER = ("route_ms", "request_sent_ms", "first_chunk_ms", "first_content_ms", "last_content_ms", "done_ms")
# The page draws in another thread than the one that asks the model.
PAGE = ("first_feedback_ms", "first_content_ms", "readable_ms", "last_content_ms", "ended_ms")
NEWEST = "SELECT * FROM turns WHERE turn_id = ?"
BROWSER = (
    "client_first_feedback_ms",
    "client_first_cue_ms",
    "client_first_content_ms",
    "client_readable_ms",
    "client_done_ms",
)


def press_enter(chat: Chat) -> None:
    chat.types("Tell a story-short.")


def press_send_button(chat: Chat) -> None:
    chat.input.fill("Tell a story-short.")
    chat.page.locator(".st-key-chat [data-testid=stChatInputSubmitButton]").click()


def press_suggestion_by_mouse(chat: Chat) -> None:
    chat.suggestion("translate").click()


def press_suggestion_by_key(chat: Chat) -> None:
    chat.suggestion("translate").focus()
    chat.page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("press", "origin", "suggestion_id"),
    [
        (press_enter, "typed", None),
        (press_suggestion_by_mouse, "suggestion", "translate"),
        (press_suggestion_by_key, "suggestion", "translate"),
    ],
)
def test_a_press_is_seen_answered_and_logged_with_every_mark(
    open_chat: Open, site: Site, press: Callable[[Chat], None], origin: str, suggestion_id: str | None
) -> None:
    chat = open_chat()
    chat.page.wait_for_timeout(800)  # the probe asks the server's clock half a second after loading

    press(chat)
    turn_id = chat.ended()
    saw = chat.saw()
    row = site.turn(turn_id, lambda found: found["client_done_ms"] is not None and found["done_ms"])

    assert (row["status"], row["input_origin"], row["suggestion_id"]) == ("ok", origin, suggestion_id)
    for order in (ANSWER, PAGE, BROWSER):
        times = [row[name] for name in order]
        assert None not in times, {name: row[name] for name in order}
        assert times == sorted(times), {name: row[name] for name in order}
    assert row["client_hidden"] == 0
    _agrees_with_the_eye(row, saw)
    _agrees_with_the_server(row)


def by_touch(chat: Chat) -> None:
    chat.suggestion("translate").tap()


def send_by_touch(chat: Chat) -> None:
    chat.input.tap()
    chat.input.fill("Tell a story-short.")
    chat.page.locator(".st-key-chat [data-testid=stChatInputSubmitButton]").tap()


def follow_up(chat: Chat) -> None:
    chat.asks("Tell a story-short.")
    chat.page.locator(".st-key-send-followup-0 button").click()


def follow_up_by_key(chat: Chat) -> None:
    chat.asks("Tell a story-short.")
    chat.page.locator(".st-key-send-followup-0 button").press("Space")


def retry(chat: Chat) -> None:
    turn_id = chat.asks("Tell a story-broken.")
    chat.page.locator(f".st-key-retry-{turn_id} button").click()


@pytest.mark.parametrize(
    ("press", "origin"),
    [
        (by_touch, "suggestion"),
        (send_by_touch, "typed"),
        (follow_up, "follow_up"),
        (follow_up_by_key, "follow_up"),
        (retry, "retry"),
    ],
)
def test_every_other_kind_of_press_is_measured_from_the_press_on(
    open_chat: Open, site: Site, press: Callable[[Chat], None], origin: str
) -> None:
    chat = open_chat(has_touch=True)

    press(chat)
    row: dict[str, Any] = {}

    def logged() -> bool:
        chat.page.wait_for_timeout(50)  # or the browser's requests would wait for this test
        found = site.rows(NEWEST, chat.turn_ids[-1] if chat.turn_ids else "")
        row.update(found[0] if found else {})
        return bool(row) and row["input_origin"] == origin and row["client_done_ms"] is not None

    wait_for(logged, lambda: f"no {origin} with all its marks, but {row}")

    seen = [name for name in BROWSER if row[name] is not None]
    nothing_to_read = {"client_first_content_ms", "client_readable_ms"}
    assert set(BROWSER) - set(seen) == (nothing_to_read if origin == "retry" else set())
    times = [row[name] for name in seen]
    assert times == sorted(times)
    assert times[0] < times[-1]


def _agrees_with_the_eye(row: dict[str, Any], saw: dict[str, Any]) -> None:
    """Two observers in one page, each with its own code, see the same moments."""
    pairs = {
        "client_first_cue_ms": "cue",
        "client_first_content_ms": "text",
        "client_done_ms": "done",
    }
    for column, mine in pairs.items():
        assert abs(row[column] - saw[mine]) < NEAR_MS, (column, row[column], saw[mine])


def _agrees_with_the_server(row: dict[str, Any]) -> None:
    """On one clock the text cannot be painted before the server had it."""
    assert row["clock_error_ms"] < NEAR_MS
    on_the_server = row["clock_offset_ms"] + row["client_first_content_ms"]
    assert on_the_server > row["first_content_ms"] - row["clock_error_ms"] - 5
    assert row["clock_offset_ms"] < row["clock_error_ms"] + 5, "a press comes before its receipt"


def test_the_send_button_sends_as_enter_does(open_chat: Open, site: Site) -> None:
    chat = open_chat()

    press_send_button(chat)
    turn_id = chat.ended()

    row = site.turn(turn_id, lambda found: found["client_done_ms"] is not None)
    assert row["client_first_cue_ms"] is not None


def test_something_of_ours_is_on_the_page_before_the_server_has_answered(open_chat: Open) -> None:
    chat = open_chat()

    chat.types("Tell a story-late.")
    chat.sees("cue")

    expect(chat.page.get_by_text("Tell a story-late.").locator("visible=true")).to_have_count(1)
    assert not chat.page.locator(".st-key-empty-state").is_visible()
    chat.ended()


def test_a_second_enter_in_the_same_moment_sends_nothing_twice(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    chat.input.fill("Tell a story-short, once.")

    chat.input.press("Enter")
    chat.input.press("Enter")
    turn_id = chat.ended()
    chat.page.wait_for_timeout(500)

    assert chat.turn_ids == [turn_id]
    conversation = site.turn(turn_id)["conversation_id"]
    assert len(site.rows("SELECT 1 FROM turns WHERE conversation_id = ?", conversation)) == 1


def test_a_double_click_on_a_suggestion_sends_it_once(open_chat: Open) -> None:
    chat = open_chat()

    chat.suggestion("translate").dblclick()
    turn_id = chat.ended()
    chat.page.wait_for_timeout(500)

    assert chat.turn_ids == [turn_id]


def test_a_turn_that_fails_is_logged_with_its_end_and_says_so(open_chat: Open, site: Site) -> None:
    chat = open_chat()

    turn_id = chat.asks("Tell a story-broken.")

    assert "Retry" in chat.part("failed", turn_id).inner_text()
    row = site.turn(turn_id, lambda found: found["client_done_ms"] is not None)
    assert (row["status"], row["client_first_content_ms"]) == ("error", None)
    assert chat.page.get_by_role("button", name="Retry").is_visible()
