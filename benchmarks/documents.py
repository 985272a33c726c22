"""Many documents: how long indexing takes, the first time and after a change, and how long a search takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.document_folder import Writer
from benchmarks.tables import print_table, summary, verdict
from data.knowledge_index import KnowledgeIndex
from data.paths import shipped
from data.retrieval import load_retrieval
from router.retrieve import Retriever

DOCUMENTS = 10_000
QUESTIONS = 300
AT_ONCE = 4
GOALS = {"index_s": 60.0, "search_p95_ms": 30.0}


def run(quick: bool) -> dict[str, Any]:
    """Measure with 10,000 documents (1,000 when quick)."""
    count = DOCUMENTS // 10 if quick else DOCUMENTS
    with tempfile.TemporaryDirectory() as place:
        folder, file = Path(place, "documents"), Path(place, "index.db")
        writer = Writer()
        writer.write(folder, count)
        figures = _indexing(writer, folder, file)
        figures |= _searching(writer, folder, file)
    _print(count, figures)
    return figures | {"documents": count}


def _indexing(writer: Writer, folder: Path, file: Path) -> dict[str, Any]:
    began = time.perf_counter()
    index = KnowledgeIndex.build(folder, file)
    index_s = time.perf_counter() - began
    passages = index.passages
    index.close()
    began = time.perf_counter()
    index = KnowledgeIndex.open(folder, file)
    again_s = time.perf_counter() - began
    changed = next(folder.rglob("*.md"))
    changed.write_text(changed.read_text(encoding="utf-8") + "\nA zeppelin was added.\n", encoding="utf-8")
    began = time.perf_counter()
    index.refresh()
    change_s = time.perf_counter() - began
    assert index.search("zeppelin"), "the change was not found"
    began = time.perf_counter()
    index.refresh()
    look_s = time.perf_counter() - began
    index.close()
    size_mb = sum(path.stat().st_size for path in file.parent.glob("index.db*")) / 1e6
    return {
        "passages": passages,
        "index_s": round(index_s, 1),
        "open_again_s": round(again_s, 2),
        "one_change_s": round(change_s, 2),
        "look_s": round(look_s, 2),
        "index_mb": round(size_mb),
    }


def _searching(writer: Writer, folder: Path, file: Path) -> dict[str, Any]:
    index = KnowledgeIndex.open(folder, file)
    retriever = Retriever(index, load_retrieval(shipped("")))

    def search_ms(question: str, clock: Callable[[], float] = time.perf_counter) -> float:
        began = clock()
        retriever.find(question, [], task="lookup", budget_tokens=2000)
        return (clock() - began) * 1000

    questions = [writer.question() for _ in range(3 * QUESTIONS)]
    alone = [search_ms(question) for question in questions[:QUESTIONS]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        together = list(pool.map(search_ms, questions[QUESTIONS : 2 * QUESTIONS]))
    # What a search costs, also where others use the processor meanwhile.
    processor = [search_ms(question, time.thread_time) for question in questions[2 * QUESTIONS :]]
    index.close()
    return {
        "search_ms": summary(alone),
        f"search_ms_{AT_ONCE}_at_once": summary(together),
        "search_cpu_ms": summary(processor),
    }


def _print(count: int, figures: dict[str, Any]) -> None:
    alone, together = figures["search_ms"], figures[f"search_ms_{AT_ONCE}_at_once"]
    print_table(
        ["10,000 documents" if count == DOCUMENTS else f"{count:,} documents", "measured", "goal", ""],
        [
            ["passages", f"{figures['passages']:,}", "", ""],
            _row("index, the first time", figures["index_s"], "s", GOALS["index_s"]),
            ["open again, nothing changed", f"{figures['open_again_s']} s", "", ""],
            ["one document changed", f"{figures['one_change_s']} s", "", ""],
            ["a look at the folder", f"{figures['look_s']} s", "", ""],
            ["index on the disk", f"{figures['index_mb']} MB", "", ""],
            ["search, median", f"{alone['p50']} ms", "", ""],
            _row("search, p95", alone["p95"], "ms", GOALS["search_p95_ms"]),
            ["search, p95, processor time alone", f"{figures['search_cpu_ms']['p95']} ms", "", ""],
            ["search, p95, four at once", f"{together['p95']} ms", "", ""],
        ],
    )


def _row(what: str, measured: float, unit: str, goal: float) -> list[str]:
    return [what, f"{measured} {unit}", f"{goal:.0f} {unit}", verdict(goal, measured)]
