"""From starting the server until something can be typed, until each part is ready, and the memory of it all.

The clock starts with the process `streamlit run` (what `make run` does once its checks are over), the
weights being on the disk. A Chromium that is open already asks for the page as soon as the server
answers at all.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.goals import MEMORY_MB, PAGE_USABLE_MS
from benchmarks.tables import print_table, seconds, summary, verdict
from tests.browser import chromium

RUNS = 5
READY_S = 300.0
APP = Path(__file__).with_name("watched_app.py")
MOMENTS = {
    "server": "the server answers",
    "page": "page usable",
    "fast": "fast model ready",
    "heavy": "heavy model ready",
    "litellm": "litellm ready",
}
# One for each tier, so that both models have worked before the memory is read.
QUESTIONS = ("What is the capital of Portugal?", "Plan a party for ten people: steps and risks.")


def run(quick: bool = False) -> dict[str, Any]:
    """Measure and print; returns milliseconds for each moment and megabytes for each process."""
    starts: list[dict[str, float]] = []
    memory: dict[str, float] = {}
    runs = 2 if quick else RUNS
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        for number in range(runs):
            with tempfile.TemporaryDirectory() as name:
                moments, found = _start_once(browser, Path(name), ask=number == runs - 1)
            starts.append(moments)
            memory = found or memory
        browser.close()
    figures = {name: summary(start.get(name) for start in starts) for name in MOMENTS}
    total = round(sum(memory.values())) if memory else None
    _print(figures, memory, total)
    return {
        "start_ms": figures,
        "starts": starts,
        "page_goal_ms": PAGE_USABLE_MS,
        "page_verdict": verdict(PAGE_USABLE_MS, figures["page"]["p95"]),
        "memory_mb": memory | {"together": total},
        "memory_goal_mb": MEMORY_MB,
        "memory_verdict": verdict(MEMORY_MB, total),
    }


def _start_once(browser: Browser, folder: Path, *, ask: bool) -> tuple[dict[str, float], dict[str, float]]:
    """One start: milliseconds to each moment; with `ask`, also the memory once both models answered."""
    notes = folder / "ready.jsonl"
    environment = {
        "UPSHIFT_PRESET": "local",
        "UPSHIFT_PURPOSE": "test",
        "UPSHIFT_DB": str(folder / "log.db"),
        "UPSHIFT_BENCH_READY": str(notes),
    }
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    began_s = time.time()
    with chromium.serving(APP, environment, folder / "server.log", timeout_s=180) as address:
        moments = {"server": _since(began_s)}
        page.goto(address)
        page.wait_for_selector(".st-key-chat textarea", timeout=120_000)
        moments["page"] = _since(began_s)
        noted = _wait_for_models(notes)
        moments |= {note["part"]: round((note["at_s"] - began_s) * 1000) for note in noted if "part" in note}
        memory = _memory(page, noted) if ask else {}
        page.context.close()
    return moments, memory


def _since(began_s: float) -> float:
    return round((time.time() - began_s) * 1000)


def _wait_for_models(notes: Path) -> list[dict[str, Any]]:
    """The notes, once the last of them is there. Raises TimeoutError."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        noted = [json.loads(line) for line in lines]
        if any("models" in note for note in noted):
            return noted
        time.sleep(0.1)
    raise TimeoutError(f"the models were not ready within {READY_S:.0f} s")


def _memory(page: Page, noted: list[dict[str, Any]]) -> dict[str, float]:
    """Proportional set size in MB (10^6 bytes) of the server and of the model process."""
    for number, question in enumerate(QUESTIONS, 1):
        box = page.locator(".st-key-chat textarea")
        box.fill(question)
        box.press("Enter")
        page.wait_for_function(
            "(count) => document.querySelectorAll('[class*=st-key-done-]').length >= count",
            arg=number,
            timeout=180_000,
        )
    found = {}
    for name in ("app", "models"):
        process = next(note[name] for note in noted if name in note)
        size = proportional_mb(process)
        if size is not None:
            found[name] = size
    return found


def proportional_mb(process: int) -> float | None:
    """A process's memory, shared pages counted in part; None where the system does not tell (not Linux)."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(kilobytes * 1024 / 1e6)


def _print(figures: dict[str, Any], memory: dict[str, float], total: float | None) -> None:
    print("Seconds from the start of the server's process, p50 (p95).")
    page_verdict = verdict(PAGE_USABLE_MS, figures["page"]["p95"])
    print_table(
        ["until", "n", "seconds", "goal for the p95", ""],
        [
            [
                words,
                figures[name]["n"],
                seconds(figures[name]),
                f"{PAGE_USABLE_MS / 1000:.0f}" if name == "page" else "",
                page_verdict if name == "page" else "",
            ]
            for name, words in MOMENTS.items()
        ],
    )
    if total is None:
        print("\nMemory: not measured, since this system has no smaps_rollup.")
        return
    print("\nProportional set size after both models have answered, MB.")
    shown = {name: (f"{size:.0f}", "", "") for name, size in memory.items()}
    shown["together"] = (f"{total:.0f}", str(MEMORY_MB), verdict(MEMORY_MB, total))
    print_table(["process", "MB", "goal", ""], [[name, *cells] for name, cells in shown.items()])
