"""Files in the message box, in a real browser: dropped in, read, asked about, refused, taken away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.chat import PATIENCE_S, Chat
from tests.data.made_files import pdf

pytestmark = pytest.mark.browser

OpenChat = Callable[..., Chat]
KETTLE = "The Zebulon kettle is descaled with citric acid every six weeks, and rinsed twice after that."


def attach(chat: Chat, name: str, content: bytes) -> None:
    """Put a file into the box, and wait until the browser has handed it over."""
    with chat.page.expect_response(lambda response: "/upload_file/" in response.url):
        chat.page.locator('.st-key-chat input[type="file"]').first.set_input_files(
            [{"name": name, "mimeType": "application/octet-stream", "buffer": content}]
        )


def test_a_file_is_asked_about_kept_over_a_reload_and_taken_away(open_chat: OpenChat) -> None:
    chat = open_chat()
    attach(chat, "manual.pdf", pdf([KETTLE]))
    turn_id = chat.asks("How often is the Zebulon kettle descaled?")
    expect(chat.part("answer", turn_id)).to_contain_text("1 source", timeout=PATIENCE_S * 1000)
    chat.reload()
    files = chat.page.locator(".st-key-files button:visible")
    expect(files).to_have_count(1)
    expect(files).to_contain_text("manual.pdf")
    files.click()
    expect(files).to_have_count(0)


def test_a_file_that_cannot_be_read_costs_nothing_that_was_typed(open_chat: OpenChat) -> None:
    chat = open_chat()
    attach(chat, "empty.md", b" ")
    attach(chat, "secret.pdf", pdf([KETTLE], password="x"))
    chat.types("What do they say?")
    turn_id = chat.began([])
    chat.part("failed", turn_id).wait_for()
    shown = chat.part("answer", turn_id)
    expect(shown).to_contain_text("secret.pdf is protected by a password")
    expect(shown).to_contain_text("empty.md is empty")
    expect(chat.page.locator(".st-key-turns")).to_contain_text("What do they say?")
    expect(chat.page.get_by_role("button", name="Retry")).to_be_visible()
