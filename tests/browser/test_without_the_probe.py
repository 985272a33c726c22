"""The page without its probe, or with one that breaks: whole answers, and nothing made up in the log."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.chat import PATIENCE_S, Chat, Site

# Streamlit hands a component's code to the browser as a Blob: this one holds other code instead.
INSTEAD = """(() => {
  const Real = window.Blob;
  window.replaced = 0;
  window.Blob = class extends Real {
    constructor(parts = [], options) {
      const code = parts.some((part) => typeof part === "string" && part.includes("Upshift probe"));
      window.replaced += code ? 1 : 0;
      super(code ? [CODE] : parts, options);
    }
  };
})();"""
MISSING = "export default () => {};"
NO_CODE = "throw new Error('broken on purpose');"
THROWS_AT_EVERYTHING = """export default () => {
  for (const name of ["keydown", "click"]) {
    document.addEventListener(name, () => { throw new Error("broken on purpose"); }, true);
  }
  new MutationObserver(() => { throw new Error("broken on purpose"); })
    .observe(document.body, { subtree: true, childList: true, characterData: true });
};"""


class ChatWithoutProbe(Chat):
    """A tab whose page has no probe to wait for."""

    def ready(self) -> None:
        expect(self.input).to_be_enabled(timeout=PATIENCE_S * 1000)
        self.page.locator(".st-key-footer").wait_for()
        self.page.wait_for_timeout(1000)  # what would break has broken by then


@pytest.mark.parametrize(
    "code", [MISSING, NO_CODE, THROWS_AT_EVERYTHING], ids=["missing", "broken", "throws at every event"]
)
def test_the_answer_is_untouched_and_the_browsers_columns_are_null(
    new_context: Callable[..., BrowserContext], site: Site, code: str
) -> None:
    page = new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.add_init_script(INSTEAD.replace("CODE", repr(code) if "\n" not in code else f"`{code}`"))
    chat = ChatWithoutProbe(page, site)

    turn_id = chat.asks("Tell a story-other.")

    assert page.evaluate("window.replaced") >= 1, "the probe was there after all"
    assert chat.text(turn_id).split() == [f"other{number}" for number in range(1, 41)]
    assert "broken on purpose" not in chat.page_text
    page.wait_for_timeout(500)
    row = site.turn(turn_id, lambda found: found["status"] != "open")
    assert row["status"] == "ok"
    assert row["done_ms"] >= row["first_content_ms"] > 0
    measured = {name: value for name, value in row.items() if name.startswith(("client_", "clock_"))}
    assert len(measured) >= 9
    assert set(measured.values()) == {None}
