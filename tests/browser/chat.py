"""A person at the real page in a real browser, the script that answers them, and the log's rows."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

# Generous: only a hang reaches it, and the machine may be busy with other things.
PATIENCE_S = 60.0

# What the test itself sees, frame by frame and on its own: when a key or button was pressed, and
# when there was first any progress, then text, then an end, in a new answer.
EYE = r"""(() => {
  const seen = (window.eye = {});
  const press = (event) => {
    const button = event.target.closest?.('[class*="st-key-send-"], [data-testid=stChatInputSubmitButton]');
    if (event.type === "click" ? !button : event.key !== "Enter") return;
    const before = new Set([...document.querySelectorAll('[class*="st-key-answer-"]')]);
    Object.assign(seen, { at: event.timeStamp, before, cue: null, text: null, done: null });
  };
  document.addEventListener("keydown", press, true);
  document.addEventListener("click", press, true);
  const shown = (element) => Boolean(element && element.getClientRects().length);
  const frame = (now) => {
    requestAnimationFrame(frame);
    if (seen.at === undefined || seen.done) return;
    const since = performance.now() - seen.at;
    const host = document.querySelector(".st-key-probe [data-testid=stBidiComponentIsolated]");
    const answers = [...document.querySelectorAll('[class*="st-key-answer-"]')];
    const answer = answers.find((found) => !seen.before.has(found));
    const text = answer?.querySelector('[class*="st-key-text-"]');
    const progress = host?.shadowRoot?.querySelector(".probe-progress");
    if (seen.cue === null && (shown(progress) || answer?.textContent.trim())) seen.cue = since;
    if (seen.text === null && text?.textContent.trim()) seen.text = since;
    if (answer?.querySelector('[class*="st-key-done-"]')) seen.done = since;
  };
  requestAnimationFrame(frame);
})();"""


@dataclass(frozen=True)
class Site:
    """A served page: its address, its log, what its scripted provider has sent, what it printed."""

    address: str
    log: Path
    sent: Path | None = None

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the log; none while there is no log yet."""
        if not self.log.exists():
            return []
        connection = sqlite3.connect(self.log, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def turn(self, turn_id: str, until: Callable[[Mapping[str, Any]], object] = bool) -> dict[str, Any]:
        """The turn's row, once it is as `until` wants it."""
        row: dict[str, Any] = {}

        def fits() -> object:
            nonlocal row
            row = next(iter(self.rows("SELECT * FROM turns WHERE turn_id = ?", turn_id)), {})
            return row and until(row)

        wait_for(fits, lambda: f"the log never had it; it has {row}")
        return row

    def words_sent(self) -> list[str]:
        """Every word that the scripted provider has written so far, over all answers."""
        if self.sent is None or not self.sent.exists():
            return []
        return [json.loads(line)["word"] for line in self.sent.read_text(encoding="utf-8").splitlines()]


def wait_for(
    true: Callable[[], object], otherwise: Callable[[], str], patience_s: float = PATIENCE_S
) -> None:
    """Wait until `true()`; fails with the words of `otherwise()` when that takes too long."""
    until = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < until, otherwise()
        time.sleep(0.05)


class Chat:
    """One tab with the page in it."""

    def __init__(self, page: Page, site: Site, path: str = "") -> None:
        self.page, self.site = page, site
        self.console: list[str] = []
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        page.add_init_script(EYE)
        self.open(path)

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text}")

    def open(self, path: str = "") -> None:
        self.page.goto(self.site.address + path)
        self.ready()

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def ready(self) -> None:
        """Wait until somebody could use the page: it is drawn, and the probe listens."""
        expect(self.input).to_be_enabled(timeout=PATIENCE_S * 1000)
        self.page.locator(".st-key-footer").wait_for()
        self.page.locator(".st-key-probe [role=status]").wait_for(state="attached")

    @property
    def input(self) -> Locator:
        return self.page.locator(".st-key-chat textarea")

    @property
    def status_line(self) -> Locator:
        return self.page.locator(".st-key-probe [role=status]")

    @property
    def stop_button(self) -> Locator:
        return self.page.locator(".st-key-stop button")

    def suggestion(self, suggestion_id: str) -> Locator:
        return self.page.locator(f".st-key-suggestion-{suggestion_id} button:visible").first

    def types(self, text: str) -> None:
        """Write a message and press Enter."""
        self.input.fill(text)
        self.input.press("Enter")

    def asks(self, text: str) -> str:
        """Send a message and wait for the end of its answer; gives the turn's id."""
        before = self.turn_ids
        self.types(text)
        return self.ended(before)

    @property
    def turn_ids(self) -> list[str]:
        """The turns on the page, from top to bottom."""
        names = self.page.locator('[class*="st-key-answer-"]').evaluate_all(
            "all => all.map(e => e.className)"
        )
        return [name.split("st-key-answer-")[1].split()[0] for name in names]

    def began(self, before: list[str]) -> str:
        """Wait for a turn that is not in `before`; gives its id."""
        wait_for(lambda: set(self.turn_ids) - set(before), lambda: f"no new turn: {self.page_text}")
        return next(turn_id for turn_id in self.turn_ids if turn_id not in before)

    def ended(self, before: list[str] | None = None) -> str:
        """Wait for the end of the answer that is not in `before`; gives the turn's id."""
        turn_id = self.began(before or [])
        self.part("done", turn_id).wait_for()
        return turn_id

    def part(self, kind: str, turn_id: str) -> Locator:
        """A keyed part of a turn: answer, text, done, stopped, failed."""
        return self.page.locator(f".st-key-{kind}-{turn_id}")

    def text(self, turn_id: str) -> str:
        """The answer's text on the screen."""
        return self.part("text", turn_id).inner_text().strip()

    def shows(self, turn_id: str, words: str) -> None:
        """Wait until the answer has these words."""
        expect(self.part("text", turn_id)).to_contain_text(words, timeout=PATIENCE_S * 1000)

    @property
    def page_text(self) -> str:
        return self.page.locator("body").inner_text()

    def sees(self, moment: str) -> None:
        """Wait until the test's own eye has noted a moment of the last press: cue, text, done."""
        wait_for(
            lambda: self.page.evaluate("name => window.eye[name]", moment) is not None,
            lambda: f"never seen: {moment} in {self.page.evaluate('({...window.eye, before: null})')}",
        )

    def saw(self) -> dict[str, Any]:
        """What the test's own eye saw of the last press, in milliseconds from it."""
        self.sees("done")
        return dict(self.page.evaluate("({...window.eye, before: null})"))
