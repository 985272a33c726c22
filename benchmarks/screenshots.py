"""The pictures in docs/screenshots, taken from the running app with the real local models.

`python -m benchmarks.screenshots [--to FOLDER]`. Two widths, light and dark; empty, while answering,
answered, and answered with its sources open. The question is the first suggestion of the empty page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import chromium

FOLDER = chromium.ROOT / "docs" / "screenshots"
SIZES = {1280: 800, 390: 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# How much of an answer is there when it is shown half-way; less at each further try, in case it ended.
HALF_WAY_CHARACTERS = (160, 80, 20)
LARGEST_BYTES = 150_000
READY_MS = 300_000
ANSWER_MS = 180_000
INPUT = ".st-key-chat textarea"
# Streamlit draws a button that has a tooltip twice and hides one: which one depends on the width.
SUGGESTION = "[class*=st-key-send-suggestion-] button:visible"
TEXT = "[class*=st-key-text-]"
DONE = "[class*=st-key-done-]"
SOURCES = f"{DONE} [data-testid=stPopover] button:has-text('source')"
# Nothing of an earlier run still greyed out, and nothing on its way to its place or its colour.
AT_REST = """() => document.fonts.status === 'loaded'
  && !document.querySelector('[data-stale="true"]')
  && !document.getAnimations().some(a => a.playState === 'running'
       && a.effect.getComputedTiming().iterations !== Infinity)"""
ENOUGH_TEXT = "([selector, least]) => (document.querySelector(selector)?.innerText.length ?? 0) >= least"


def run(quick: bool = False) -> dict[str, Any]:
    """Take them all (`quick`: the light ones only); returns the bytes of each."""
    return take(FOLDER, SCHEMES[:1] if quick else SCHEMES)


def take(folder: Path, schemes: tuple[Literal["light", "dark"], ...] = SCHEMES) -> dict[str, Any]:
    """Write the pictures into `folder` and print their names and sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as address, sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        _wait_for_models(browser, address)
        taken = [
            picture
            for width, scheme in product(SIZES, schemes)
            for picture in _take_one_way(browser, address, folder, width, scheme)
        ]
        browser.close()
    sizes = {path.name: path.stat().st_size for path in taken}
    for name, size in sizes.items():
        print(f"{name:36} {size / 1000:6.0f} kB{'  too large' if size > LARGEST_BYTES else ''}")
    return {"bytes": sizes}


@contextmanager
def serving() -> Iterator[str]:
    """The app itself with a log that is thrown away; yields its address.

    The log has the same path each time, since the page names it.
    """
    folder = Path(tempfile.gettempdir()) / "upshift-pictures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        environment = {
            "UPSHIFT_PRESET": "local",
            "UPSHIFT_PURPOSE": "test",
            "UPSHIFT_PRODUCT": "",
            "UPSHIFT_DB": str(folder / "upshift.db"),
        }
        app = chromium.ROOT / "app.py"
        with chromium.serving(app, environment, folder / "server.log", timeout_s=180) as address:
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_one_way(
    browser: Browser, address: str, folder: Path, width: int, scheme: Literal["light", "dark"]
) -> list[Path]:
    """All pictures of one width in one colour scheme."""
    context = browser.new_context(
        viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme, device_scale_factor=1
    )
    page = context.new_page()
    paths = {
        state: folder / f"chat-{width}-{scheme}-{state}.png"
        for state in ("empty", "answering", "answered", "sources")
    }
    _open(page, address)
    _shoot(page, paths["empty"])
    _half_way(page, address, paths["answering"])
    page.wait_for_selector(DONE, timeout=ANSWER_MS)
    page.wait_for_selector(".st-key-stop", state="detached", timeout=ANSWER_MS)
    _shoot(page, paths["answered"])
    page.locator(SOURCES).last.click()
    page.wait_for_selector("[data-testid=stPopoverBody]")
    _shoot(page, paths["sources"])
    context.close()
    return list(paths.values())


def _half_way(page: Page, address: str, path: Path) -> None:
    """Ask, and take the picture while the answer is written. Raises RuntimeError if it is always over."""
    for least in HALF_WAY_CHARACTERS:
        page.locator(SUGGESTION).first.click()
        page.mouse.move(0, 0)
        page.wait_for_function(ENOUGH_TEXT, arg=[TEXT, least], timeout=ANSWER_MS)
        page.screenshot(path=path)
        # Only if nothing of the end was there even after the picture does it show the middle.
        if page.locator(".st-key-stop").count() and not page.locator(DONE).count():
            return
        page.wait_for_selector(DONE, timeout=ANSWER_MS)
        _open(page, address)
    raise RuntimeError("every answer had ended before its picture was taken; is the question too simple?")


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(INPUT, timeout=60_000)
    page.wait_for_selector(SUGGESTION)


def _shoot(page: Page, path: Path) -> None:
    """Take the picture once fonts are there and nothing moves; the pointer rests in the corner."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    page.wait_for_function(AT_REST, timeout=30_000)
    page.screenshot(path=path)


def _wait_for_models(browser: Browser, address: str) -> None:
    """Until the line under the input no longer says that a model is loading."""
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector(".st-key-footer", timeout=60_000)
    page.wait_for_function(
        "() => !/loading|arriving/.test(document.querySelector('.st-key-footer')?.innerText ?? 'loading')",
        timeout=READY_MS,
    )
    page.close()


def main() -> int:
    """Entered from the shell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help="where to write them")
    take(parser.parse_args().to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
