"""The latency page in Chromium, under the app's own security policy: drawn, sent on, read on a phone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from benchmarks import latency_log
from tests.browser.chat import PATIENCE_S
from tests.browser.conftest import Serve

CHARTS = ".st-key-latency-charts"
TURN = ".st-key-latency-waterfall"
# What has a size on the page, of the things that a chart is made of.
DRAWN = (
    """all => all.map(e => e.getBoundingClientRect()).filter(box => box.width > 1 || box.height > 1).length"""
)
TOO_SMALL = """all => all.map(e => e.getBoundingClientRect())
  .filter(box => box.height < 24 || box.width < 24).length"""
TOO_WIDE = """all => all.filter(e => e.scrollWidth > e.clientWidth + 1 && !e.closest('.scroll'))
  .map(e => e.className || e.tagName)"""


@pytest.fixture(scope="module")
def address(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app with a log of some 1,200 turns."""
    folder = tmp_path_factory.mktemp("latency")
    latency_log.write(folder / "upshift.db", 1200)
    (folder / "script.toml").write_text('[[replies]]\ntext = "Yes."\n', encoding="utf-8")
    environment = {
        "UPSHIFT_PRESET": "scripted",
        "UPSHIFT_SCRIPT": str(folder / "script.toml"),
        "UPSHIFT_DB": str(folder / "upshift.db"),
    }
    return serve("app.py", environment)


@pytest.fixture
def look(new_context: Callable[..., BrowserContext], address: str) -> Callable[..., Page]:
    """Opens the page and waits for its last picture."""

    def opened(query: str = "", width: int = 1280, **options: object) -> Page:
        page = new_context(viewport={"width": width, "height": 900}, **options).new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.refused = []  # type: ignore[attr-defined]
        page.on("console", lambda said: page.refused.append(said.text) if "Policy" in said.text else None)
        page.on("pageerror", lambda error: page.refused.append(str(error)))
        page.goto(f"{address}/latency{query}")
        page.locator(f"{TURN} section").first.wait_for()
        return page

    return opened


def test_the_charts_are_drawn_under_the_policy(look: Callable[..., Page]) -> None:
    page = look()
    assert page.locator(f"{CHARTS} section").count() == 9
    # Cumulative, spread, and from day to day without a p95: 20 turns a day are too few for one.
    assert page.locator(f"{CHARTS} path.curve").evaluate_all(DRAWN) == 4 + 2 + 2 + 1
    assert page.locator(f"{CHARTS} .bar").evaluate_all(DRAWN) >= 12
    assert page.locator(f"{CHARTS} .dot").evaluate_all(DRAWN) >= 4
    assert page.locator(f"{TURN} .bar").evaluate_all(DRAWN) >= 5
    assert page.refused == []  # type: ignore[attr-defined]


def test_a_view_can_be_sent_to_a_colleague(look: Callable[..., Page]) -> None:
    page = look("?tier=fast&by=task")
    heading = page.locator(f"{CHARTS} h3", has_text="First words by task")
    expect(heading).to_be_visible()
    page.get_by_role("radio", name="Done").or_(page.get_by_role("button", name="Done")).first.click()
    expect(page.locator(f"{CHARTS} h3", has_text="Done by task")).to_be_visible()
    expect(page).to_have_url(re.compile("measure=done"))
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"tier": ["fast"], "by": ["task"], "measure": ["done"]}
    colleague = look(f"?{urlsplit(page.url).query}")
    expect(colleague.locator(f"{CHARTS} h3", has_text="Done by task")).to_be_visible()
    expect(colleague.locator(".st-key-latency-basis")).to_contain_text("tier: fast")
    wanted = page.locator(f"{CHARTS} #compared").inner_text()
    expect(colleague.locator(f"{CHARTS} #compared")).to_have_text(wanted, use_inner_text=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_a_phone(look: Callable[..., Page], scheme: str) -> None:
    page = look(width=390, color_scheme=scheme)
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("e => e.scrollWidth - e.clientWidth") == 0
    assert (
        page.locator(f"{CHARTS} section, {CHARTS} section *, {TURN} section *").evaluate_all(TOO_WIDE) == []
    )
    assert page.locator(f"{CHARTS} :is(button, summary)").evaluate_all(TOO_SMALL) == 0
    dark = page.locator(f"{CHARTS} .charts").evaluate("e => e.classList.contains('dark')")
    assert dark is (scheme == "dark")


def test_a_participants_link_never_leads_here(
    new_context: Callable[..., BrowserContext], address: str
) -> None:
    page = new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{address}/latency?study=cues&p=p01")
    page.locator("[data-testid=stMainBlockContainer] [data-testid=stMarkdownContainer]").first.wait_for()
    assert page.locator(".st-key-latency").count() == 0
    assert "First words" not in page.locator("body").inner_text()


def test_without_a_mouse(look: Callable[..., Page]) -> None:
    page = look()
    within = page.locator(f"{CHARTS} #cumulative")
    within.locator("svg.plot").focus()
    page.keyboard.press("ArrowRight")
    readout = within.locator(".readout")
    expect(readout).to_contain_text("heavy, server")
    before = readout.inner_text()
    page.keyboard.press("ArrowRight")
    expect(readout).not_to_have_text(before)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the figures as a table
    expect(within.locator("table")).to_be_visible()
    within.get_by_role("button", name="CSV").focus()
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    path = Path(saved.value.path())
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert saved.value.suggested_filename == "cumulative.csv"
    assert rows[0] == ["tier", "measured by", "n", "share of turns", "at most ms"]
    assert len(rows) == 1 + 4 * 101
