"""The probe in a real browser: what it shows at a press, what it measures, and when it does nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve

APP = "tests/browser/pages/probe_app.py"
MARKS = [
    "client_first_feedback_ms",
    "client_first_cue_ms",
    "client_first_content_ms",
    "client_readable_ms",
    "client_done_ms",
]
# What the test itself sees: one entry for each painted frame, and each change of the status line.
WATCH = """() => {
  const shown = (e) => Boolean(e && e.getClientRects().length);
  window.frames_seen = [];
  window.said = [];
  window.first_text_at = null;
  const root = document.querySelector('.st-key-probe [data-testid="stBidiComponentIsolated"]').shadowRoot;
  const line = root.querySelector('[role=status]');
  const heard = new MutationObserver(() => window.said.push(line.textContent));
  heard.observe(line, {childList: true, subtree: true});
  document.addEventListener('keydown', (e) => { window.pressed_at = e.timeStamp; }, true);
  const frame = () => {
    const text = document.querySelector('[class*="st-key-text-"]');
    if (window.first_text_at === null && text?.textContent.trim()) window.first_text_at = performance.now();
    window.frames_seen.push({
      echo: shown(root.querySelector('.probe-echo')),
      cue: shown(root.querySelector('.probe-progress')),
      message: [...document.querySelectorAll('[data-testid="stChatMessage"]')].some((e) => shown(e)),
      answer: shown(document.querySelector('[class*="st-key-answer-"]')),
    });
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


@pytest.fixture(scope="module")
def address(serve: Serve) -> str:
    return serve(APP)


def opened(page: Page, address: str, **options: object) -> Page:
    page.goto(f"{address}/?{urlencode(options)}")
    page.locator(".st-key-send-suggestion-one button").wait_for()
    page.locator(".st-key-probe [role=status]").wait_for(state="attached")
    expect(page.locator(".st-key-chat textarea")).to_be_enabled()
    page.wait_for_timeout(700)  # the clock is asked after half a second
    page.evaluate(WATCH)
    return page


def send(page: Page, text: str) -> None:
    area = page.locator(".st-key-chat textarea")
    area.fill(text)
    area.press("Enter")


def turn_on_page(page: Page, index: int = -1) -> str:
    names = page.evaluate(
        "[...document.querySelectorAll('[class*=\"st-key-answer-\"]')].map((e) => "
        "[...e.classList].find((c) => c.startsWith('st-key-answer-')).slice(14))"
    )
    return str(names[index])


def wait_done(page: Page, count: int = 1) -> None:
    expect(page.locator('[class*="st-key-done-"]')).to_have_count(count, timeout=20_000)


def row_of(page: Page, address: str, turn_id: str) -> dict[str, Any]:
    """The row that reached the log for the turn; there must be exactly one."""
    until = time.monotonic() + 10
    request = page.context.request  # the page itself may be closed
    while time.monotonic() < until:
        found = [row for row in request.get(f"{address}/test/rows").json() if row["turn_id"] == turn_id]
        if found:
            assert len(found) == 1
            assert (found[0]["table"], found[0]["keep_first"]) == ("turns", True)
            return dict(found[0])
        time.sleep(0.1)
    raise AssertionError("no marks arrived")


def visible_cue(page: Page) -> bool:
    return page.locator(".probe-progress").is_visible()


def test_enter_is_answered_measured_and_reported(page: Page, address: str) -> None:
    opened(page, address)
    send(page, "Hello there")
    wait_done(page)
    row = row_of(page, address, turn_on_page(page))
    values = [row[name] for name in MARKS]
    assert values == sorted(values)
    assert row["client_first_content_ms"] > 300, "the test page waits that long before its first word"
    assert row["client_hidden"] == 0
    assert row["clock_error_ms"] > 0
    assert row["clock_offset_ms"] < row["clock_error_ms"], "it was pressed before it was received"
    seen = page.evaluate("window.first_text_at - window.pressed_at")
    assert abs(seen - row["client_first_content_ms"]) < 250, "far from what the test saw itself"
    assert page.evaluate("window.said") == ["Writing an answer", "Answer complete"]


def test_the_echo_gives_way_without_a_gap_or_a_double(page: Page, address: str) -> None:
    opened(page, address)
    send(page, "Hello there")
    wait_done(page)
    frames = page.evaluate("window.frames_seen")
    first = next(n for n, frame in enumerate(frames) if frame["echo"])
    assert frames[first]["cue"]
    for frame in frames[first:]:
        assert frame["echo"] != frame["message"], "the message was there twice, or not at all"
        assert frame["cue"] != frame["answer"], "the cue and the answer's own were there both, or neither"


def test_the_echo_stands_where_the_message_will_be(page: Page, address: str) -> None:
    opened(page, address, mode="deaf")
    send(page, "Hello there")
    echo = page.locator(".probe-echo")
    expect(echo).to_contain_text("Hello there")
    expect(page.locator(".probe-progress")).to_have_text("Sending…")
    where, words = echo.bounding_box(), page.locator(".probe-words")
    size = words.evaluate("(e) => [getComputedStyle(e).fontSize, getComputedStyle(e).color]")
    expect(page.locator(".probe-progress")).to_contain_text("your text is kept", timeout=8_000)
    assert echo.inner_text().endswith("Hello there")
    message = page.locator('[data-testid="stChatMessage"]').first
    message.wait_for()
    assert message.bounding_box() == where
    text = message.locator('[data-testid="stText"]')
    assert text.evaluate("(e) => [getComputedStyle(e).fontSize, getComputedStyle(e).color]") == size
    assert not visible_cue(page)


@pytest.mark.parametrize("how", ["click", "Enter", "Space"])
def test_a_suggestion_shows_its_full_prompt_and_gives_the_focus_back(
    page: Page, address: str, how: str
) -> None:
    opened(page, address)
    page.evaluate(
        "() => { window.echoed = []; const root = document.querySelector('.st-key-probe "
        '[data-testid="stBidiComponentIsolated"]\').shadowRoot; new MutationObserver(() => '
        "window.echoed.push(root.querySelector('.probe-words').textContent)).observe(root, "
        "{subtree: true, childList: true, characterData: true}); }"
    )
    button = page.locator(".st-key-send-suggestion-one button")
    if how == "click":
        button.click()
    else:
        button.press(how)
    wait_done(page)
    assert page.evaluate("window.echoed[0]") == "The full prompt of one"
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    row = row_of(page, address, turn_on_page(page))
    assert all(row[name] is not None for name in MARKS)


def test_several_turns_are_each_reported_once(page: Page, address: str) -> None:
    opened(page, address)
    send(page, "One")
    wait_done(page, 1)
    page.locator(".st-key-send-followup-0 button").click()
    wait_done(page, 2)
    page.locator(".st-key-chat textarea").fill("Three")
    page.locator(".st-key-chat button[data-testid=stChatInputSubmitButton]").click()
    wait_done(page, 3)
    for index in range(3):
        row = row_of(page, address, turn_on_page(page, index))
        assert set(MARKS) <= set(row)
    assert len({turn_on_page(page, index) for index in range(3)}) == 3


def test_what_is_no_press_shows_nothing(page: Page, address: str) -> None:
    opened(page, address)
    area = page.locator(".st-key-chat textarea")
    area.fill("   ")
    area.press("Enter")
    area.fill("words")
    area.press("Shift+Enter")
    area.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    area.fill("words")
    page.locator(".st-key-other button").click()
    page.wait_for_timeout(500)
    assert not any(frame["cue"] for frame in page.evaluate("window.frames_seen"))
    assert page.evaluate("document.activeElement.tagName") == "BUTTON", "the focus was stolen"


def test_a_message_that_makes_no_turn_leaves_no_cue(page: Page, address: str) -> None:
    opened(page, address, mode="silent")
    send(page, "Hello")
    expect(page.locator(".probe-progress")).to_be_visible()
    expect(page.locator(".probe-progress")).to_be_hidden(timeout=4_000)
    expect(page.locator(".st-key-send-suggestion-one button")).to_be_visible()


def test_a_stopped_answer_is_said_to_be_stopped(page: Page, address: str) -> None:
    opened(page, address, mode="stopped")
    send(page, "Hello")
    wait_done(page)
    page.wait_for_timeout(100)
    assert page.evaluate("window.said") == ["Writing an answer", "Answer stopped"]


def test_a_short_answer_is_readable_when_it_is_done(page: Page, address: str) -> None:
    opened(page, address, mode="short", token_ms=200)
    send(page, "Two and two?")
    wait_done(page)
    row = row_of(page, address, turn_on_page(page))
    assert row["client_first_content_ms"] < row["client_readable_ms"] <= row["client_done_ms"]


def close(page: Page) -> None:
    page.close(run_before_unload=False)


def reload(page: Page) -> None:
    page.reload(wait_until="commit")


def go_elsewhere(page: Page) -> None:
    page.goto("about:blank")


@pytest.mark.parametrize("leave", [close, reload, go_elsewhere])
def test_leaving_in_the_middle_reports_what_is_known_and_how_long_they_waited(
    page: Page, address: str, leave: Callable[[Page], None]
) -> None:
    opened(page, address, token_ms=300)
    send(page, "Hello")
    page.locator('[class*="st-key-text-"] p').wait_for()
    page.wait_for_timeout(100)
    turn_id = turn_on_page(page)
    waited = page.evaluate("performance.now() - window.pressed_at")
    leave(page)
    row = row_of(page, address, turn_id)
    assert "client_first_content_ms" in row
    assert "client_done_ms" not in row
    assert row["client_left_ms"] >= max(waited, row["client_first_content_ms"])
    assert row["client_left_ms"] < waited + 2000


def test_a_clock_that_is_set_meanwhile_changes_no_mark(page: Page, address: str) -> None:
    opened(page, address)
    page.evaluate(
        "() => { const now = Date.now.bind(Date); let set = 0; Date.now = () => now() + set;"
        "setTimeout(() => { set = -7_200_000; }, 100); setTimeout(() => { set = 7_200_000; }, 400); }"
    )
    send(page, "Hello")
    wait_done(page)
    row = row_of(page, address, turn_on_page(page))
    values = [row[name] for name in MARKS]
    assert values == sorted(values)
    assert 300 < row["client_first_content_ms"] < row["client_done_ms"] < 60_000
    assert abs(row["clock_offset_ms"]) < 60_000


def test_without_progress_texts_the_message_is_echoed_and_no_cue_is_measured(
    page: Page, address: str
) -> None:
    opened(page, address, progress=0)
    send(page, "Hello there")
    wait_done(page)
    frames = page.evaluate("window.frames_seen")
    assert any(frame["echo"] for frame in frames)
    assert not any(frame["cue"] for frame in frames)
    row = row_of(page, address, turn_on_page(page))
    assert "client_first_cue_ms" not in row
    assert row["client_first_feedback_ms"] < row["client_first_content_ms"]


def test_a_page_in_the_background_is_flagged(page: Page, address: str) -> None:
    opened(page, address)
    send(page, "Hello")
    page.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); delete document.visibilityState; }"
    )
    wait_done(page)
    assert row_of(page, address, turn_on_page(page))["client_hidden"] == 1


@pytest.mark.parametrize(
    "broken",
    [
        "navigator.sendBeacon = () => { throw new Error('broken') }",
        "document.getElementsByClassName = () => { throw new Error('broken') }",
        "window.MessageChannel = class { constructor() { throw new Error('broken') } }",
        "window.fetch = () => Promise.reject(new Error('broken'))",
    ],
)
def test_its_failure_leaves_the_page_untouched(page: Page, address: str, broken: str) -> None:
    warnings: list[str] = []
    errors: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    opened(page, address)
    page.evaluate(f"() => {{ {broken} }}")
    send(page, "Hello")
    wait_done(page)
    expect(page.locator('[class*="st-key-text-"]')).to_contain_text("This is the first sentence")
    assert not visible_cue(page)
    assert errors == []
    assert len([text for text in warnings if "probe" in text]) <= 1


def test_no_motion_for_who_wants_none(page: Page, address: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    opened(page, address, mode="deaf")
    send(page, "Hello there")
    progress = page.locator(".probe-progress")
    expect(progress).to_be_visible()
    assert progress.evaluate("(e) => getComputedStyle(e).animationName") == "none"


def test_the_page_works_under_its_security_policy(page: Page, address: str) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    answer = page.request.get(address)
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    opened(page, address)
    send(page, "Hello")
    wait_done(page)
    assert not [text for text in refused if "Content Security" in text]
