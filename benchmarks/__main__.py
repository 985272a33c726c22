"""`python -m benchmarks [feel] [models] [start]`: all of them without an argument."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.tables import write_json

PARTS = {
    "feel": "what a person feels, in Chromium, with the scripted provider's exact timing",
    "marks": "the probe's marks beside Chromium's own trace of the same turns",
    "models": "the local models: time to first words, routed beside always-fast and always-heavy",
    "documents": "10,000 documents: indexing them, following changes, searching",
    "injection": "orders hidden in documents: how many the local models follow",
    "orders": "orders in documents: fit what tells them, count what is found and what is taken wrongly",
    "latency": "the latency page and the report, with a log of 100,000 turns",
    "log": "the log: eight writers beside plain sqlite3, and what it adds to a turn",
    "start": "server start to page usable, and the memory of it all",
}


def main() -> int:
    """Run the parts asked for and write their figures to one file."""
    listing = "\n".join(f"  {name:9} {what}" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=f"Measure. Parts:\n{listing}",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="which parts (default: all)")
    parser.add_argument(
        "--json", type=Path, default=Path("benchmarks/results/bench.json"), help="where to write"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, to see that it works")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    figures = {}
    for part in arguments.parts or PARTS:
        print(f"\n== {part}: {PARTS[part]}", flush=True)
        figures[part] = importlib.import_module(f"benchmarks.{part}").run(quick=arguments.quick)
    write_json(arguments.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
