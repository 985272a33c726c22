"""Contrast as the browser draws it: every text of the page on what is really behind it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import Serve

TEXTS = """() => {
  const behind = (e) => {
    const layers = [];
    for (let x = e; x; x = x.parentElement) layers.push(getComputedStyle(x).backgroundColor);
    return layers;
  };
  const seen = (e) => e.getClientRects().length && getComputedStyle(e).visibility === 'visible';
  const out = [];
  const app = document.querySelector('[data-testid="stApp"]');
  const walk = document.createTreeWalker(app, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !seen(e)) continue;
    let opacity = 1;
    for (let x = e; x; x = x.parentElement) opacity *= Number(getComputedStyle(x).opacity);
    out.push([walk.currentNode.textContent, getComputedStyle(e).color, behind(e), opacity]);
  }
  return out;
}"""


def colour(css: str) -> list[float]:
    numbers = [float(number) for number in re.findall(r"[\d.]+", css)]
    scale = 255 if css.startswith("color(") else 1
    return [*(number * scale for number in numbers[:3]), numbers[3] if len(numbers) > 3 else 1.0]


def over(front: list[float], back: list[float]) -> list[float]:
    return [front[n] * front[3] + back[n] * (1 - front[3]) for n in range(3)] + [1.0]


def luminance(rgb: list[float]) -> float:
    """Relative luminance after WCAG 2.2."""
    parts = [part / 255 for part in rgb[:3]]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(
    new_context: Callable[..., BrowserContext], serve: Serve, scheme: str
) -> None:
    page = new_context(color_scheme=scheme, viewport={"width": 390, "height": 1600}).new_page()
    page.goto(serve("tests/browser/pages/theme_page.py"))
    page.locator(".st-key-all-drawn").wait_for()
    page.locator(".st-key-chat textarea").wait_for()
    page.wait_for_timeout(800)
    texts = page.evaluate(TEXTS)
    assert len(texts) > 15
    for text, front, layers, opacity in texts:
        back = [255.0, 255.0, 255.0, 1.0]
        for layer in reversed(layers):
            back = over(colour(layer), back)
        drawn = colour(front)
        drawn[3] *= opacity
        assert contrast(over(drawn, back), back) >= 4.5, (scheme, text, front, layers)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
