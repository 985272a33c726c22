"""A participant's whole session in a real browser, and two at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data.study_links import Links
from data.study_toml import save_study
from tests.browser.chat import PATIENCE_S, Chat, Site, wait_for
from tests.data.studies import plan

Contexts = Callable[..., BrowserContext]
PATIENCE_MS = PATIENCE_S * 1000


@pytest.fixture(scope="module")
def study(site: Site) -> str:
    """A study that is open on the served site; its name."""
    raw = plan(name="browser", text="full", text_days=2, participants=30, design="within")
    save_study(raw, site.log.parent / "studies")
    return "browser"


class Participant(Chat):
    """Somebody at a study's link in a browser of their own."""

    def __init__(self, page: Page, site: Site, link: str) -> None:
        super().__init__(page, site, link)

    def ready(self) -> None:
        expect(self.page.locator(".st-key-consent, .st-key-task, .st-key-study-end").first).to_be_visible(
            timeout=PATIENCE_MS
        )

    def agrees(self) -> None:
        self.page.locator(".st-key-agree-study button").click()
        self.at_task(1)

    def at_task(self, number: int) -> None:
        expect(self.page.locator(".st-key-task")).to_contain_text(f"Task {number} of 2", timeout=PATIENCE_MS)
        expect(self.input).to_be_enabled(timeout=PATIENCE_MS)
        self.page.locator(".st-key-probe [role=status]").wait_for(state="attached")

    def rates(self, turn_id: str, value: int) -> None:
        scale = self.part("ratings", turn_id).get_by_role("radio", name=str(value), exact=True)
        scale.click()
        expect(scale).to_be_checked(timeout=PATIENCE_MS)

    def done(self) -> None:
        self.page.locator(".st-key-task-done button").click()


@pytest.fixture
def come(new_context: Contexts, site: Site, study: str) -> Callable[..., Participant]:
    def opened(who: str, **options: Any) -> Participant:
        parts = urlsplit(Links(site.log).personal("http://x/", study, who))
        window = {"viewport": {"width": 1280, "height": 800}}
        page = new_context(**{**window, **options}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        return Participant(page, site, f"/?{parts.query}")

    return opened


def test_a_marker_counts_while_the_page_runs_again(come: Callable[..., Participant], site: Site) -> None:
    grace = come("grace")
    grace.agrees()
    turn_id = grace.asks("How long is text kept? 30 days?")
    pressed = 0
    for value in ("2", "6", "3", "5"):  # each rating lets the page run, and takes its components down
        grace.part("ratings", turn_id).get_by_role("radio", name=value, exact=True).click()
        for _ in range(10):
            grace.page.keyboard.press("F8")
            pressed += 1
    dropped = "SELECT * FROM markers WHERE participant = 'grace'"
    wait_for(
        lambda: len(site.rows(dropped)) == pressed, lambda: f"{len(site.rows(dropped))} of {pressed} markers"
    )


def test_a_whole_session_from_consent_to_the_completion_code(
    come: Callable[..., Participant], site: Site
) -> None:
    ada = come("ada")
    expect(ada.page.locator(".st-key-consent")).to_contain_text(
        "for 2 days and then deleted", timeout=PATIENCE_MS
    )
    assert ada.input.count() == 0
    ada.agrees()
    first = ada.asks("How long is text kept? 30 days?")
    ada.rates(first, 6)
    ada.page.keyboard.press("F8")
    dropped = "SELECT * FROM markers WHERE participant = 'ada'"
    wait_for(lambda: site.rows(dropped), lambda: "no marker")
    ada.done()
    ada.at_task(2)
    wait_for(lambda: not ada.turn_ids, lambda: "the first task's conversation is still there")
    second = ada.asks("Write me a short note please")
    ada.rates(second, 3)
    ada.reload()
    ada.at_task(2)
    ada.done()
    expect(ada.page.locator(".st-key-completion-code")).to_contain_text("C0DE-77", timeout=PATIENCE_MS)
    for key in ("footer", "settings", "new"):
        assert ada.page.locator(f".st-key-{key}").count() == 0

    for turn_id, task in ((first, "first"), (second, "second")):
        row = site.turn(turn_id, lambda row: row["status"] == "ok" and row["client_done_ms"] is not None)
        assert row["study_task"] == task
        assert row["client_first_content_ms"] > 0, "what they felt is measured in a study as everywhere"
    wait_for(
        lambda: len(site.rows("SELECT * FROM ratings WHERE participant = 'ada'")) == 2, lambda: "ratings"
    )
    said = {
        row["turn_id"]: row["value"] for row in site.rows("SELECT * FROM ratings WHERE participant = 'ada'")
    }
    assert said == {first: 6, second: 3}
    [marker] = site.rows(dropped)
    assert (marker["turn_id"], marker["study_task"]) == (first, "first")
    variants = site.rows("SELECT variant FROM turns WHERE turn_id IN (?, ?)", first, second)
    assert {row["variant"] for row in variants} == {"with", "without"}
    [person] = site.rows("SELECT * FROM participants WHERE participant = 'ada'")
    assert person["completed_at"]
    assert ada.console == []


def test_two_at_once_never_see_each_others_text(come: Callable[..., Participant], site: Site) -> None:
    bob, eve = come("bob"), come("eve")
    bob.agrees()
    eve.agrees()
    bob.types("bob asks about bicycles")
    eve.types("eve asks about elephants")
    bob_turn, eve_turn = bob.ended(), eve.ended()
    assert bob_turn != eve_turn
    assert "bicycles" in bob.page_text
    assert "elephants" in eve.page_text
    assert "elephants" not in bob.page_text
    assert "bicycles" not in eve.page_text
    # Neither another's id nor another's conversation in the address helps.
    [row] = site.rows("SELECT conversation_id FROM turns WHERE turn_id = ?", bob_turn)
    address = eve.page.url
    for other in (
        address.replace("p=eve", "p=bob"),
        f"{site.address}/?c={row['conversation_id']}",
        f"{address}&c={row['conversation_id']}&mode=researcher",
    ):
        eve.page.goto(other)
        eve.page.locator(".stMarkdown, .stAlert").first.wait_for()
        eve.page.wait_for_timeout(500)
        assert "bicycles" not in eve.page_text


def test_a_participant_reaches_no_other_page(come: Callable[..., Participant], site: Site) -> None:
    dan = come("dan")
    query = urlsplit(dan.page.url).query
    for path in ("studies", "latency"):
        dan.page.goto(f"{site.address}/{path}?{query}")
        expect(dan.page.locator(".st-key-consent")).to_be_visible(timeout=PATIENCE_MS)
    dan.page.goto(f"{site.address}/studies")
    dan.page.locator(".stMarkdown, .stAlert").first.wait_for()
    assert dan.page.locator(".st-key-study-chosen").count() == 0

    dan.page.goto(f"{site.address}/?{query}")
    dan.agrees()
    for path in ("/", "/latency"):  # without the link's parameters the browser stays in its study
        dan.page.goto(site.address + path)
        dan.at_task(1)
        assert "p=dan" in dan.page.url
        assert dan.page.locator(".st-key-footer, .st-key-latency").count() == 0


def test_the_researchers_key_opens_the_studies_and_is_remembered(
    new_context: Contexts, site: Site, study: str
) -> None:
    page = new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{site.address}/studies")
    page.locator(".st-key-key-typed").wait_for()
    assert page.locator(".st-key-study-chosen").count() == 0
    page.goto(f"{site.address}/api/researcher?key={Links(site.log).researcher_key()}")
    expect(page.get_by_role("combobox", name="Study")).to_have_value(study, timeout=PATIENCE_MS)
    assert "key=" not in page.url
    expect(page.locator(".st-key-verdict-without")).to_contain_text("Not decided yet", timeout=PATIENCE_MS)
    page.reload()
    expect(page.locator(".st-key-study-chosen")).to_be_visible(timeout=PATIENCE_MS)


def test_it_is_usable_at_390_pixels(come: Callable[..., Participant], site: Site) -> None:
    fay = come("fay", viewport={"width": 390, "height": 844})
    fay.agrees()
    turn_id = fay.asks("How long is text kept? 30 days?")
    fay.rates(turn_id, 7)
    width = fay.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert isinstance(site.log, Path)
