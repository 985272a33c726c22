"""What a person feels: press → first visible change → first progress text → first words → done.

In a real Chromium, with the scripted provider (first token after 300 ms, then one each 20 ms), in
conversations of 0, 20, 100 and 300 messages. The measurement has an eye of its own in the page
(observer.js); the probe's figures from the log stand beside it, so that one can check the other.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.tables import print_table, shown, summary
from tests.browser import chromium

MESSAGES = (0, 20, 100, 300)
REPEATS = 25
SCRIPT = """
[[replies]]
match = "seed "
first_token_ms = 0
token_ms = 0

[[replies]]
match = ""
first_token_ms = 300
token_ms = 20
"""
OBSERVER = Path(__file__).with_name("observer.js").read_text(encoding="utf-8")


def run(quick: bool = False) -> dict[str, Any]:
    """Measure and print; returns the figures by number of messages before."""
    repeats = 5 if quick else REPEATS
    with tempfile.TemporaryDirectory() as name, sync_playwright() as api:
        folder = Path(name)
        (folder / "script.toml").write_text(SCRIPT, encoding="utf-8")
        environment = {
            "UPSHIFT_PRESET": "scripted",
            "UPSHIFT_PURPOSE": "test",
            "UPSHIFT_DB": str(folder / "log.db"),
            "UPSHIFT_SCRIPT": str(folder / "script.toml"),
            "UPSHIFT_SCRIPT_SENT": str(folder / "sent.jsonl"),
            "UPSHIFT_BENCH_TURNS": ",".join(str(count // 2) for count in MESSAGES),
            "UPSHIFT_BENCH_IDS": str(folder / "ids.json"),
        }
        app = Path(__file__).with_name("seeded_app.py")
        browser = api.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        with chromium.serving(app, environment, folder / "server.log", timeout_s=180) as address:
            ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
            _one_turn(
                browser.new_context().new_page(), address, folder
            )  # the first turn of a process is slow
            rows = {}
            for count in MESSAGES:
                where = f"{address}/?c={ids[str(count // 2)]}" if count else address
                turns = _turns(browser, where, folder, repeats, fresh=count == 0)
                rows[str(count)] = _figures(turns, folder)
        browser.close()
    _print(rows)
    return {"messages_before": rows, "unit": "ms", "repeats": repeats}


def _turns(browser: Any, where: str, folder: Path, repeats: int, fresh: bool) -> list[dict[str, Any]]:
    """Ask again and again: in a new page each time (an empty conversation), else in the same one.

    A conversation grows by the questions that measure it, so that its length is the one at the start.
    """
    turns = []
    page = None
    for _ in range(repeats):
        if page is None or fresh:
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.add_init_script(OBSERVER)
            page.goto(where)
            page.wait_for_selector(".st-key-chat textarea", timeout=60_000)
            time.sleep(1.5)
        turns.append(_one_turn(page, None, folder))
        if fresh:
            page.context.close()
    return turns


def _one_turn(page: Page, where: str | None, folder: Path) -> dict[str, Any]:
    if where is not None:
        page.add_init_script(OBSERVER)
        page.goto(where)
        page.wait_for_selector(".st-key-chat textarea", timeout=60_000)
        time.sleep(1)
    sent = folder / "sent.jsonl"
    sent.write_text("", encoding="utf-8")
    box = page.locator(".st-key-chat textarea")
    box.fill("What is the time it takes?")
    box.press("Enter")
    page.wait_for_function("() => window.__seen.done", timeout=60_000)
    time.sleep(0.6)  # the beacon, and the page at rest before the next press
    seen = page.evaluate("() => ({...window.__seen, known: 0})")
    words = [json.loads(line) for line in sent.read_text(encoding="utf-8").splitlines()]
    seen["lags_ms"] = [
        seen["words"][word["word"].removeprefix("word")] - word["at_ms"]
        for word in words
        if seen["words"].get(word["word"].removeprefix("word"))
    ]
    turn_id = page.evaluate(
        "() => [...document.querySelectorAll('[class*=st-key-answer-]')].pop().className"
        ".match(/answer-(\\w+)/)[1]"
    )
    return {**seen, "turn_id": turn_id}


def _figures(turns: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    from_press = lambda name: [turn[name] - turn["press"] for turn in turns]  # noqa: E731
    probe = probe_rows(folder, [turn["turn_id"] for turn in turns])
    pairs = {
        "change": "client_first_feedback_ms",
        "text": "client_first_content_ms",
        "done": "client_done_ms",
    }
    gaps = [
        abs((turn[name] - turn["press"]) - probe[turn["turn_id"]][column])
        for turn in turns
        for name, column in pairs.items()
        if probe.get(turn["turn_id"], {}).get(column) is not None
    ]
    return {
        "first_visible_change": summary(from_press("change")),
        "first_progress_text": summary(from_press("cue")),
        "first_words": summary(from_press("text")),
        "done": summary(from_press("done")),
        "token_lag": summary([lag for turn in turns for lag in turn["lags_ms"]]),
        "probe_differs_by": summary(gaps),
        "turns_with_probe_marks": sum(1 for gap in probe.values() if gap["client_done_ms"] is not None),
    }


def probe_rows(folder: Path, turn_ids: list[str]) -> dict[str, dict[str, Any]]:
    """The log's rows of these turns, by their ids."""
    with sqlite3.connect(folder / "log.db") as connection:
        connection.row_factory = sqlite3.Row
        marks = ",".join("?" * len(turn_ids))
        rows = connection.execute(f"SELECT * FROM turns WHERE turn_id IN ({marks})", turn_ids).fetchall()
    return {row["turn_id"]: dict(row) for row in rows}


def _print(rows: dict[str, Any]) -> None:
    names = ["first_visible_change", "first_progress_text", "first_words", "token_lag", "probe_differs_by"]
    header = [
        "messages before",
        "visible change",
        "progress text",
        "first words",
        "token lag",
        "probe − observer",
    ]
    print("Milliseconds, p50 (p95). The model takes 300 to its first token, then 20 a token.")
    print_table(
        header, [[count, *(shown(figures[name]) for name in names)] for count, figures in rows.items()]
    )
