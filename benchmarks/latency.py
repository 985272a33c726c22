"""The latency page and `python -m data report` on a made-up log of 100,000 turns.

A page is there when its last chart has been drawn in Chromium. It is opened in a browser that has been on
the page before, on a server that has just been started (which still imports litellm beside it), on one that
has settled (it imports the page and reads the log) and on one that read the log less than a minute ago. The
report is timed as a process, from start to end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from benchmarks import latency_log
from benchmarks.goals import LATENCY_PAGE_MS, REPORT_MS
from benchmarks.tables import print_table, seconds, summary, verdict
from tests.browser import chromium

TURNS, QUICK_TURNS = 100_000, 5_000
STARTS, OPENINGS, REPORTS = 3, 10, 5
SETTLED_S = 20.0
"""From its start until a server has nothing more to load."""
LAST_CHART = ".st-key-latency-waterfall section .row"
PATIENCE_MS = 120_000
WORDS = {
    "starting_ms": "page opened while the server still loads, log read for it",
    "first_ms": "page opened, log read for it",
    "again_ms": "page opened, log read less than a minute ago",
    "other_view_ms": "another measure chosen",
    "report_ms": "python -m data report",
    "report_cpu_ms": "its processor time",
}
GOALS = {"first_ms": LATENCY_PAGE_MS, "again_ms": LATENCY_PAGE_MS, "report_ms": REPORT_MS}


def run(quick: bool = False) -> dict[str, Any]:
    """Measure and print; returns milliseconds for each row of WORDS, and how many turns there were."""
    turns = QUICK_TURNS if quick else TURNS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "upshift.db"
        latency_log.write(log, turns)
        times = _reports(log, 2 if quick else REPORTS) | _pages(folder, log, 1 if quick else STARTS, quick)
    figures = {name: summary(times[name]) for name in WORDS}
    print(f"{turns:,} turns. Seconds, p50 (p95).")
    print_table(
        ["what", "n", "seconds", "goal for the p50", ""],
        [
            [words, figures[name]["n"], seconds(figures[name]), *_goal(name, figures[name]["p50"])]
            for name, words in WORDS.items()
        ],
    )
    verdicts = {name: verdict(goal, figures[name]["p50"]) for name, goal in GOALS.items()}
    return {"turns": turns, "figures": figures, "goals_ms": GOALS, "verdicts": verdicts}


def _goal(name: str, measured: float | None) -> tuple[str, str]:
    goal = GOALS.get(name)
    return (f"{goal / 1000:.1f}" if goal else "", verdict(goal, measured))


def _reports(log: Path, runs: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"report_ms": [], "report_cpu_ms": []}
    for _ in range(runs):
        before, began = os.times(), time.perf_counter()
        command = [sys.executable, "-m", "data", "--log", str(log), "report", "--json"]
        subprocess.run(command, cwd=chromium.ROOT, stdout=subprocess.DEVNULL, check=True)
        found["report_ms"].append(_since(began))
        after = os.times()
        used_s = after.children_user - before.children_user + after.children_system - before.children_system
        found["report_cpu_ms"].append(used_s * 1000)
    return found


def _pages(folder: Path, log: Path, starts: int, quick: bool) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"starting_ms": [], "first_ms": [], "again_ms": [], "other_view_ms": []}
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        for number in range(2 * starts):
            settled = number >= starts
            with _served(folder, log) as address:
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                _open(context, address, ".st-key-chat textarea")  # Streamlit's own files are in the cache
                time.sleep(SETTLED_S if settled else 0)
                took = _open(context, f"{address}/latency", LAST_CHART)
                found["first_ms" if settled else "starting_ms"].append(took)
                if number == 2 * starts - 1:
                    for _ in range(2 if quick else OPENINGS):
                        found["again_ms"].append(_open(context, f"{address}/latency", LAST_CHART))
                    found["other_view_ms"] = _switch(context, f"{address}/latency", 2 if quick else OPENINGS)
                context.close()
        browser.close()
    return found


@contextmanager
def _served(folder: Path, log: Path) -> Iterator[str]:
    script = folder / "script.toml"
    script.write_text('[[replies]]\ntext = "Yes."\n', encoding="utf-8")
    environment = {
        "UPSHIFT_PRESET": "scripted",
        "UPSHIFT_SCRIPT": str(script),
        "UPSHIFT_PURPOSE": "test",
        "UPSHIFT_DB": str(log),
        "UPSHIFT_STUDIES": str(folder / "no-studies"),
    }
    with chromium.serving(
        chromium.ROOT / "app.py", environment, folder / "server.log", timeout_s=180
    ) as address:
        yield address


def _open(context: BrowserContext, address: str, until: str) -> float:
    """Open a page and wait until something is on it; milliseconds."""
    page = context.new_page()
    began = time.perf_counter()
    page.goto(address)
    page.locator(until).first.wait_for(timeout=PATIENCE_MS)
    took = _since(began)
    page.close()
    return took


def _switch(context: BrowserContext, address: str, runs: int) -> list[float]:
    """Milliseconds from choosing another measure until the charts are about it."""
    page: Page = context.new_page()
    page.goto(address)
    page.locator(LAST_CHART).first.wait_for(timeout=PATIENCE_MS)
    found = []
    for number in range(runs):
        name = ("Done", "First words")[number % 2]
        choice = page.locator(".st-key-latency-measure").get_by_text(name, exact=True)
        began = time.perf_counter()
        choice.click()
        expect(page.locator(".st-key-latency-charts h3").first).to_have_text(name, timeout=PATIENCE_MS)
        found.append(_since(began))
    page.close()
    return found


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
