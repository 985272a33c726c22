"""Nothing that is drawn through the cleaner fetches, runs, links elsewhere or poses as the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Outside, Serve
from tests.pages import hostile_texts

APP = "tests/browser/pages/markdown_app.py"
DRAWN = """() => [...document.querySelectorAll('[class*="st-key-case-"]')].map((box) => ({
  key: [...box.classList].find((name) => name.startsWith('st-key-case-')),
  tags: [...box.querySelectorAll('img, svg, image, iframe, video, audio, object, embed, script, style, link, '
    + 'form, input:not([type=checkbox]), base, meta, picture, source, h1, h2, h3')]
    .filter((e) => e.tagName !== 'svg'
      || !e.closest('button, .katex, [data-testid="stHeaderActionElements"]'))
    .map((e) => e.outerHTML.slice(0, 200)),
  icons: [...box.querySelectorAll('[role=img], [aria-label$=icon], .stMarkdownBadge, .stMarkdownColoredText,'
    + '.stMarkdownColoredBackground, .stMarkdownShimmer, [data-testid="stMermaidChart"], canvas')]
    .map((e) => e.outerHTML.slice(0, 200)),
  links: [...box.querySelectorAll('a')].filter((a) => !a.closest('[data-testid="stHeaderActionElements"]'))
    .map((a) => [a.getAttribute('href'), a.textContent, a.rel]),
}))"""


@pytest.fixture(scope="module")
def address(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("texts") / "texts.json"
    path.write_text(json.dumps(hostile_texts.ALL), encoding="utf-8")
    return serve(APP, {"TEXTS": str(path)})


def draw(page: Page, address: str, way: str) -> list[dict[str, list]]:
    page.goto(f"{address}/?way={way}")
    page.locator(".st-key-all-drawn").wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    return page.evaluate(DRAWN)


@pytest.mark.parametrize("way", ["clean", "partial", "plain", "label"])
def test_hostile_texts_do_nothing(page: Page, address: str, outside: Outside, way: str) -> None:
    cases = draw(page, address, way)
    assert len(cases) == len(hostile_texts.ALL)
    assert outside.wanted == []
    assert page.evaluate("window.hurt") is None
    for case in cases:
        text = hostile_texts.ALL[int(case["key"].rpartition("-")[2])]
        assert case["tags"] == [], text
        assert case["icons"] == [], text
        for href, shown, rel in case["links"]:
            assert way in ("clean", "partial"), text
            assert_honest(href, shown, text)
            assert "noopener" in rel
            assert "noreferrer" in rel


def assert_honest(href: str, shown: str, text: str) -> None:
    """The address is http(s) or mailto, and its real host can be read in the link's words."""
    parts = urlsplit(href)
    assert parts.scheme in ("http", "https", "mailto"), text
    assert "@" not in parts.netloc, text
    assert (parts.hostname or parts.path) in shown.replace("\u2060", ""), text
    assert href.isascii(), text


def test_the_same_texts_do_harm_without_the_cleaner(page: Page, address: str, outside: Outside) -> None:
    """Else the tests above would show nothing."""
    cases = draw(page, address, "raw")
    assert any("evil.example" in url for url in outside.wanted)
    assert sum(1 for case in cases if case["tags"]) > 30
    assert sum(1 for case in cases if case["icons"]) >= 3
    outside.wanted.clear()


def test_the_headers_stop_what_was_not_cleaned(
    new_context: Callable[..., BrowserContext], serve: Serve, tmp_path: Path, outside: Outside
) -> None:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(hostile_texts.IMAGES), encoding="utf-8")
    page = new_context().new_page()
    refused: list[str] = []
    page.on(
        "console",
        lambda message: refused.append(message.text) if "Content Security" in message.text else None,
    )
    cases = draw(page, serve(APP, {"TEXTS": str(path), "HEADERS": "1"}), "raw")
    assert sum(1 for case in cases if case["tags"]) > 30, "pictures were drawn, and could not be loaded"
    assert any("evil.example" in text and "Content Security" in text for text in refused)
    assert outside.wanted == []
