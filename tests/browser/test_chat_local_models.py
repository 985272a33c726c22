"""From end to end with nothing made up: the page, the router, a real local model, the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from data.paths import models_folder
from tests.browser import chat as chats
from tests.browser.chat import Chat, Site
from tests.browser.conftest import Serve

pytestmark = pytest.mark.models


@pytest.fixture
def local_site(serve: Serve, tmp_path: Path) -> Site:
    site = Site("", tmp_path / "upshift.db")
    environment = {
        "UPSHIFT_PRESET": "local",
        "UPSHIFT_DB": str(site.log),
        "UPSHIFT_MODELS": str(models_folder()),
    }
    return replace(site, address=serve("app.py", environment, shared=False))


def test_a_suggestion_is_answered_by_a_real_model_from_our_documents_and_logged(
    local_site: Site, new_context: Callable[..., BrowserContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats, "PATIENCE_S", 120.0)  # the models are still being loaded
    chat = Chat(new_context().new_page(), local_site)
    expect(chat.page.locator(".st-key-footer")).to_contain_text("Your text stays on this machine.")

    chat.suggestion("what-is-logged").click()
    turn_id = chat.ended()

    assert "30 days" in chat.text(turn_id)
    under = chat.part("done", turn_id)
    expect(under).to_contain_text(re.compile(r"(Fast|Heavy) · Qwen2\.5 Coder [01]\.5B · \d"))
    sources = under.get_by_role("button", name=re.compile(r"\d sources?(:| consulted)"))
    sources.click()
    expect(chat.page.get_by_text("30 days").last).to_be_visible()
    row = local_site.turn(turn_id, lambda found: found["client_done_ms"] is not None)
    assert (row["status"], row["preset"], row["suggestion_id"]) == ("ok", "local", "what-is-logged")
    assert row["source_count"] >= 1
    assert row["tier"] in ("fast", "heavy")
    [generation] = local_site.rows("SELECT * FROM generations WHERE turn_id = ?", turn_id)
    assert generation["provider_name"] == "upshift.local"
    assert generation["input_tokens"] > 20
    [kept] = local_site.rows("SELECT answer FROM turn_text WHERE turn_id = ?", turn_id)
    assert "30 days" in kept["answer"]
