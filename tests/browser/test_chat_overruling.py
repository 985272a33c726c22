"""Two answers side by side, marks that open their passage, copying and editing: what only a browser shows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chat import PATIENCE_S, Chat, Site, wait_for
from tests.browser.test_chat_page import FOCUSED, NARROW, large_enough, no_sideways_scroll, tab_to

Open = Callable[..., Chat]
KEPT = "How long is the text of my messages kept in the log?"
MARK = 'a[href^="#source-"]'


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found
    return dict(found)


def passage(chat: Chat) -> Locator:
    return chat.page.locator(".st-key-tools-for-answers .passage")


def asks_other(chat: Chat, first: str) -> str:
    """Press "Ask the … model" under the only answer; gives the new turn's id."""
    chat.page.locator("[class*=st-key-send-beside-] button:visible").last.click()
    return chat.ended([first])


def test_another_tier_answers_beside_the_first_and_the_button_says_so_at_once(
    open_chat: Open, site: Site
) -> None:
    chat = open_chat()
    first = chat.asks("Tell a story-short.")
    button = chat.page.locator("[class*=st-key-send-beside-] button")
    messages = chat.page.locator("[data-testid=stChatMessage]").count()

    button.evaluate(
        """e => e.addEventListener("click", () => requestAnimationFrame(
             () => { window.saidAtOnce = getComputedStyle(e, "::after").content; }))"""
    )

    button.click()
    other = chat.ended([first])

    assert "Sending…" in chat.page.evaluate("window.saidAtOnce")
    left, right = (box(chat.part("answer", turn)) for turn in (first, other))
    assert left["x"] + left["width"] <= right["x"], "side by side"
    assert left["y"] == right["y"]
    assert chat.page.locator("[data-testid=stChatMessage]").count() == messages + 1, "the question stays one"
    under = [chat.part("done", turn).inner_text() for turn in (first, other)]
    assert sorted(re.findall(r"(Fast|Heavy) · Scripted", " ".join(under))) == ["Fast", "Heavy"]
    expect(chat.status_line).to_have_text("Answer complete")
    row = site.turn(other, lambda turn: turn["client_done_ms"] is not None)
    assert row["client_first_cue_ms"] is not None
    assert row["client_first_content_ms"] is not None
    assert row["overridden"] == 1
    no_sideways_scroll(chat)
    assert chat.console == []


def test_on_a_phone_two_answers_stand_one_below_the_other(open_chat: Open) -> None:
    chat = open_chat(**NARROW)
    first = chat.asks(KEPT)
    other = asks_other(chat, first)

    above, below = (box(chat.part("answer", turn)) for turn in (first, other))
    assert above["y"] + above["height"] <= below["y"]
    assert above["x"] == below["x"]
    no_sideways_scroll(chat)
    large_enough(chat)


def test_the_vote_is_found_and_given_by_keyboard_alone(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    first = chat.asks("Tell a story-short.")
    chat.page.evaluate("document.activeElement.blur()")
    tab_to(chat, lambda at: at[2].endswith("model") and "Ask the" in at[2], most=60)
    chat.page.keyboard.press("Enter")
    other = chat.ended([first])
    group = chat.page.get_by_role("radiogroup", name="Which was better?").or_(
        chat.page.get_by_role("group", name="Which was better?")
    )
    expect(group.first).to_be_visible()

    chat.page.evaluate("document.activeElement.blur()")
    tab_to(chat, lambda at: f"vote-{other}" in at[1], most=60)
    chat.page.keyboard.press("Space")

    wait_for(
        lambda: site.rows("SELECT * FROM feedback WHERE kind = 'vote' AND turn_id = ?", first),
        lambda: f"no vote: {site.rows('SELECT * FROM feedback')}",
    )
    [vote] = site.rows("SELECT value, note FROM feedback WHERE kind = 'vote' AND turn_id = ?", first)
    assert (vote["value"], vote["note"]) == ("this", other)


def test_pointing_at_a_mark_shows_its_passage_and_leaving_hides_it(open_chat: Open) -> None:
    chat = open_chat()
    turn_id = chat.asks(KEPT)
    mark = chat.part("text", turn_id).locator(MARK).first
    expect(passage(chat)).to_be_hidden()

    mark.hover()

    expect(passage(chat)).to_be_visible()
    expect(passage(chat)).to_contain_text("30 days")
    shown, under = box(passage(chat)), box(mark)
    assert shown["y"] >= under["y"] + under["height"] or shown["y"] + shown["height"] <= under["y"]
    passage(chat).hover()
    chat.page.wait_for_timeout(400)
    expect(passage(chat)).to_be_visible()  # one can read on with the pointer on it
    chat.page.mouse.move(5, 5)
    expect(passage(chat)).to_be_hidden()
    assert box(mark)["height"] >= 24


def test_by_keyboard_a_mark_shows_its_passage_and_opens_its_document(open_chat: Open) -> None:
    chat = open_chat()
    turn_id = chat.asks(KEPT)
    chat.page.evaluate("document.activeElement.blur()")

    named = tab_to(chat, lambda at: at[2].startswith("Source"), most=60)

    assert re.match(r"Source 1: .+", named[2]), "its name says where it leads"
    expect(passage(chat)).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(passage(chat)).to_be_hidden()

    chat.page.keyboard.press("Enter")

    dialog = chat.page.get_by_role("dialog")
    highlighted = dialog.locator(".st-key-source-passage")
    expect(highlighted).to_contain_text("30 days")
    ground = highlighted.evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground not in ("rgba(0, 0, 0, 0)", "transparent"), "it stands out from what is around it"
    expect(dialog).to_contain_text("›")
    assert len(dialog.inner_text()) > len(highlighted.inner_text()) + 100, "with its surroundings"
    chat.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(passage(chat)).to_be_hidden()
    assert chat.turn_ids == [turn_id]
    assert chat.console == []


def test_the_list_of_sources_leads_into_the_document_too(open_chat: Open) -> None:
    chat = open_chat()
    turn_id = chat.asks(KEPT)
    chat.part("done", turn_id).locator("[data-testid=stPopover] button").nth(1).click()

    chat.page.get_by_role("link", name="Source 1").or_(
        chat.page.get_by_role("link", name="Open in the document")
    ).last.click()

    expect(chat.page.get_by_role("dialog").locator(".st-key-source-passage")).to_be_visible()


def test_copy_takes_the_answer_as_markdown_and_says_so(open_chat: Open, site: Site) -> None:
    chat = open_chat(permissions=["clipboard-read", "clipboard-write"])
    turn_id = chat.asks("/heavy Tell me which tasks go to the heavy model.")

    chat.page.locator(f".st-key-copy-{turn_id} button").click()

    expect(chat.page.locator(".st-key-tools-for-answers .copied")).to_have_text("Copied")
    expect(chat.page.locator(".st-key-tools-for-answers [role=status]")).to_have_text("Copied")
    copied = chat.page.evaluate("navigator.clipboard.readText()")
    assert "Only **hard** work goes there." in copied, "Markdown, not what it looks like"
    wait_for(
        lambda: site.rows("SELECT * FROM feedback WHERE kind = 'copy' AND turn_id = ?", turn_id),
        lambda: "never logged",
    )


def test_a_press_on_copy_the_moment_that_it_is_there_copies_once_the_text_has_come(open_chat: Open) -> None:
    chat = open_chat(permissions=["clipboard-read", "clipboard-write"])
    chat.page.evaluate(
        """() => new MutationObserver((_, observer) => {
          const button = document.querySelector('[class*="st-key-copy-"] button');
          if (button) { observer.disconnect(); button.click(); }
        }).observe(document.body, { subtree: true, childList: true })"""
    )
    chat.asks("/heavy Tell me which tasks go to the heavy model.")

    expect(chat.page.locator(".st-key-tools-for-answers .copied")).to_have_text("Copied")
    assert "Only **hard** work goes there." in chat.page.evaluate("navigator.clipboard.readText()")


def test_an_edited_question_loses_nothing_and_replaces_the_old_one(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    first = chat.asks("Tell a story-short, pleese.")
    edit = chat.page.locator(f".st-key-edit-{first} button")
    area = chat.page.locator(f".st-key-edit-text-{first} textarea")

    edit.click()
    expect(area).to_be_focused()
    expect(area).to_have_value("Tell a story-short, pleese.")
    chat.page.get_by_role("button", name="Cancel").click()
    expect(area).to_have_count(0)
    expect(edit).to_be_focused()
    assert chat.turn_ids == [first]
    assert "pleese" in chat.page_text

    edit.click()
    area.fill("Tell a story-short, please.")
    chat.page.locator(f".st-key-send-edit-{first} button").click()
    second = chat.ended([first])

    assert chat.turn_ids == [second]
    assert "pleese" not in chat.page_text
    row = site.turn(second, lambda turn: turn["done_ms"] is not None)
    assert (row["replaces_turn_id"], row["input_origin"]) == (first, "edit")
    assert site.turn(first)["status"] == "ok", "the old one stays in the log"


def test_the_end_of_the_first_answer_waits_for_no_code_from_the_server(open_chat: Open) -> None:
    chat = open_chat()
    before = chat.page.evaluate("performance.now()")

    turn_id = chat.asks(KEPT)
    chat.page.locator(f".st-key-thumbs-{turn_id} button").first.wait_for()

    fetched = chat.page.evaluate(
        "from => performance.getEntriesByType('resource')"
        ".filter((e) => e.startTime > from && e.name.includes('/static/js/')).map((e) => e.name)",
        before,
    )
    assert fetched == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_thumb_down_asks_why(open_chat: Open, site: Site, scheme: str) -> None:
    chat = open_chat(color_scheme=scheme)
    turn_id = chat.asks("Tell a story-short.")
    chat.page.locator(f".st-key-thumbs-{turn_id} button").last.click()

    reason = chat.page.locator(f".st-key-reason-{turn_id} button", has_text="Too shallow")
    reason.click(timeout=PATIENCE_S * 1000)

    wait_for(
        lambda: site.rows("SELECT * FROM feedback WHERE kind = 'reason' AND turn_id = ?", turn_id),
        lambda: f"never logged: {site.rows('SELECT * FROM feedback')}",
    )
    [row] = site.rows("SELECT value FROM feedback WHERE kind = 'reason' AND turn_id = ?", turn_id)
    assert row["value"] == "too_shallow"
    assert chat.page.evaluate(FOCUSED)
    large_enough(chat)
