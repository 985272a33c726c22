"""Are the browser's figures true? The probe's marks beside Chromium's own trace of the same turns.

Turns at three speeds of the model, in conversations of three lengths, with the processor as it is and
four times slower, in a shuffled order. The trace (trace_eye.py) times the frame in which something was
on the screen, the probe the moment right after the page painted it.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import probe_cost, trace_eye
from benchmarks.asking import tell
from benchmarks.feel import probe_rows
from benchmarks.goals import PROBE_A_TURN_MS
from benchmarks.tables import print_table, shown, summary, verdict
from tests.browser import chromium

TURNS_BEFORE = (0, 10, 50)
# name: milliseconds to the first token, and between tokens
SPEEDS = {"quick": (100, 5), "usual": (300, 20), "slow": (900, 60)}
THROTTLES = (1, 4)
REPEATS = 4
# One frame of a 60 Hz screen at the median, two at the 95th percentile.
GOAL_P50_MS, GOAL_P95_MS = 17, 34
COLUMNS = {
    "change": "client_first_feedback_ms",
    "cue": "client_first_cue_ms",
    "text": "client_first_content_ms",
    "done": "client_done_ms",
}
PATIENCE_MS = 60_000


def run(quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the differences by mark and by processor speed, with every turn."""
    kinds = [(before, speed) for before in TURNS_BEFORE for speed in SPEEDS]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as api:
        folder = Path(name)
        (folder / "script.toml").write_text(_script(), encoding="utf-8")
        browser = api.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        app = Path(__file__).with_name("seeded_app.py")
        with chromium.serving(app, _environment(folder), folder / "server.log", timeout_s=180) as address:
            turns = []
            for throttle in THROTTLES:
                pages = _pages(browser, address, folder)
                order = kinds * (1 if quick else REPEATS)
                random.Random(throttle).shuffle(order)
                for number, (before, speed) in enumerate(order):
                    if number % 9 == 0:
                        tell(f"marks, processor {throttle} times slower: {number} of {len(order)}")
                    turns.append(_turn(browser, pages[before], before, speed, throttle))
                for page in pages.values():
                    page.context.close()
            time.sleep(1)
            rows = probe_rows(folder, [turn["turn_id"] for turn in turns])
        browser.close()
    figures = {str(throttle): _figures(turns, rows, throttle) for throttle in THROTTLES}
    costs = {str(throttle): _costs(turns, throttle) for throttle in THROTTLES}
    _print(figures)
    _print_costs(costs)
    goals = {"goal_p50_ms": GOAL_P50_MS, "goal_p95_ms": GOAL_P95_MS, "probe_goal_ms": PROBE_A_TURN_MS}
    return {"by_throttle": figures, "probe_costs": costs, "turns": turns} | goals


def _script() -> str:
    replies = '[[replies]]\nmatch = "seed "\nfirst_token_ms = 0\ntoken_ms = 0\n'
    for name, (first_ms, token_ms) in SPEEDS.items():
        replies += f'[[replies]]\nmatch = "{name}"\nfirst_token_ms = {first_ms}\ntoken_ms = {token_ms}\n'
    return replies


def _environment(folder: Path) -> dict[str, str]:
    return {
        "UPSHIFT_PRESET": "scripted",
        "UPSHIFT_PURPOSE": "test",
        "UPSHIFT_DB": str(folder / "log.db"),
        "UPSHIFT_SCRIPT": str(folder / "script.toml"),
        "UPSHIFT_BENCH_TURNS": ",".join(map(str, TURNS_BEFORE)),
        "UPSHIFT_BENCH_IDS": str(folder / "ids.json"),
    }


def _pages(browser: Browser, address: str, folder: Path) -> dict[int, Page]:
    """A page for each length of conversation, coloured for the trace and used once."""
    ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    pages = {}
    for before in TURNS_BEFORE:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(f"{address}/?c={ids[str(before)]}" if before else address)
        page.locator(".st-key-probe [role=status]").wait_for(state="attached", timeout=PATIENCE_MS)
        time.sleep(1)
        trace_eye.prepare(page)
        _ask(page, "quick, once before it counts")
        pages[before] = page
    return pages


def _turn(browser: Browser, page: Page, before: int, speed: str, throttle: float) -> dict[str, Any]:
    session = page.context.new_cdp_session(page)
    trace_eye.throttle(session, throttle)
    trace_eye.only_new(page)
    page.locator(".st-key-chat textarea").fill(f"A {speed} answer, please.")
    time.sleep(0.5)
    with trace_eye.recorded(browser, page) as trace:
        time.sleep(0.3)
        turn_id = _ask(page, None)
        time.sleep(0.5)
    trace_eye.throttle(session, 1)
    session.detach()
    time.sleep(0.5)  # the beacon
    about = {"turn_id": turn_id, "turns_before": before, "speed": speed, "throttle": throttle}
    seen = {f"trace_{name}_ms": at for name, at in trace_eye.seen(trace).items()}
    return about | seen | {"probe_ms": probe_cost.cost_ms(trace.events)}


def _ask(page: Page, text: str | None) -> str:
    """Send `text` (or what is in the box already) and wait for the end; gives the turn's id."""
    answers = page.locator("[class*=st-key-answer-]")
    known = set(answers.evaluate_all("all => all.map((e) => e.className)"))
    box = page.locator(".st-key-chat textarea")
    if text is not None:
        box.fill(text)
    box.press("Enter")
    until = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < until:
        for name in answers.evaluate_all("all => all.map((e) => e.className)"):
            if name not in known:
                turn_id = str(name.split("st-key-answer-")[1].split()[0])
                page.locator(f".st-key-done-{turn_id}").wait_for(timeout=PATIENCE_MS)
                return turn_id
        time.sleep(0.05)
    raise TimeoutError("no answer came")


def _figures(turns: list[dict[str, Any]], rows: dict[str, Any], throttle: float) -> dict[str, Any]:
    """For each mark: |probe − trace| in milliseconds, the signed median, and how many have no pair."""
    of = [turn for turn in turns if turn["throttle"] == throttle]
    figures = {}
    for mark, column in COLUMNS.items():
        pairs = [(rows[turn["turn_id"]][column], turn[f"trace_{mark}_ms"]) for turn in of]
        gaps = [probe - trace for probe, trace in pairs if probe is not None and trace is not None]
        figures[mark] = {
            "difference": summary(map(abs, gaps)),
            "signed": summary(gaps),
            "without_a_pair": len(pairs) - len(gaps),
        }
    return figures


def _costs(turns: list[dict[str, Any]], throttle: float) -> dict[str, Any]:
    """What the probe takes of the main thread in a turn, by part (see probe_cost), in milliseconds."""
    of = [turn["probe_ms"] for turn in turns if turn["throttle"] == throttle]
    return {part: summary(cost[part] for cost in of) for part in ("outside", "layout", "callbacks", "calls")}


def _print_costs(costs: dict[str, Any]) -> None:
    print("\nWhat the probe takes of the page's main thread in a turn: milliseconds of processor, p50 (p95).")
    rows = []
    for throttle, of in costs.items():
        goal = verdict(PROBE_A_TURN_MS, of["outside"]["p50"]) if throttle == "1" else ""
        figures = [f"{of[part]['p50']} ({of[part]['p95']})" for part in ("outside", "layout", "callbacks")]
        rows.append([f"{throttle}×", of["outside"]["n"], *figures, shown(of["calls"]), goal])
    goal = f"p50 ≤ {PROBE_A_TURN_MS}"
    header = ["processor", "n", "its own", "layout that it asks for", "its two callbacks", "calls", goal]
    print_table(header, rows)


def _print(figures: dict[str, Any]) -> None:
    print("Milliseconds between the probe's mark and the trace's frame: p50 (p95), without sign.")
    header = [
        "processor",
        "mark",
        "n",
        "difference",
        f"p50 ≤ {GOAL_P50_MS}",
        f"p95 ≤ {GOAL_P95_MS}",
        "probe − trace",
    ]
    rows = []
    for throttle, marks in figures.items():
        for mark, of in marks.items():
            difference = of["difference"]
            goals = [verdict(GOAL_P50_MS, difference["p50"]), verdict(GOAL_P95_MS, difference["p95"])]
            signed = "–" if of["signed"]["p50"] is None else f"{of['signed']['p50']:+.0f}"
            rows.append([f"{throttle}×", mark, str(difference["n"]), shown(difference), *goals, signed])
    print_table(header, rows)
