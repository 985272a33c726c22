"""Everything that `make test` checks, one step after the other, with a summary at the end.

    python -m tools.check           all steps
    python -m tools.check lint      the quick ones only

ARGS in the environment goes to pytest: make test ARGS="-k stop".
A step that fails does not keep the next ones from running; the exit status is 1 if any failed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools import browser

ROOT = Path(__file__).resolve().parent.parent
# The two that people ask, and the tiny one that only tests use.
MODELS_FOR_TESTS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m")

Step = tuple[str, Callable[[], bool]]


def lint_steps() -> list[Step]:
    """What needs neither a browser nor a model."""
    return [
        ("ruff check", lambda: _module("ruff", "check", ".")),
        ("ruff format", lambda: _module("ruff", "format", "--check", ".")),
        ("mypy", lambda: _module("mypy")),
    ]


def all_steps() -> list[Step]:
    """Lint, what the tests need, the tests."""
    tests: Step = ("pytest", lambda: _module("pytest", *shlex.split(os.environ.get("ARGS", ""))))
    return [*lint_steps(), ("browser", _browser), ("models", _models), tests]


def _module(name: str, *arguments: str) -> bool:
    command = [sys.executable, "-m", name, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def _browser() -> bool:
    found = browser.get()
    if found is None:
        print(browser.HELP)
        return False
    print(f"Using {found}")
    os.environ["UPSHIFT_BROWSER"] = str(found)  # so that the tests do not search again
    return True


def _models() -> bool:
    # Beforehand and with progress: pytest would be silent for as long as the download takes.
    return _module("router", "models", "pull", *MODELS_FOR_TESTS)


def run(steps: list[Step]) -> int:
    """Run `steps` in order and print a summary; returns the exit status."""
    results: list[tuple[str, bool, float]] = []
    for name, step in steps:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        results.append((name, step(), time.monotonic() - began))
    print("\n== Summary")
    for name, passed, seconds in results:
        print(f"  {'passed' if passed else 'FAILED'}  {name:<12} {seconds:6.1f} s")
    failed = [name for name, passed, _ in results if not passed]
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'All passed'}", flush=True)
    return 1 if failed else 0


def main() -> int:
    """Entry point; returns the exit status."""
    try:
        return run(lint_steps() if "lint" in sys.argv[1:] else all_steps())
    except KeyboardInterrupt:
        print("\nStopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
