"""`python -m router models`: which models there are, fetching them, removing them."""
# ruff: noqa: T201  Printing is what a command line is for.

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm  # type: ignore[import-untyped]

from data.config import ConfigError
from data.model_files import ModelFile, find_model, load_models
from data.paths import models_folder
from router.local.errors import LocalModelError, megabytes
from router.local.weights import Presence, Progress, ensure, path_of, presence, remove

_WORDS: dict[Presence, str] = {
    "absent": "not here",
    "partial": "partial",
    "unverified": "here, not yet verified",
    "verified": "here, verified",
}


def main(argv: list[str]) -> int:
    """Run `models list | pull [names] | remove names`; returns the exit status.

    0 is success, 1 a model that is unknown or cannot be had or removed, 2 a wrong command line, 130
    stopped by Ctrl-C.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as error:
        return int(error.code or 0)
    folder = models_folder()
    try:
        if options.command == "list":
            return _list(folder)
        chosen = [find_model(name) for name in options.names] or _usual()
        for model in chosen:
            (_pull if options.command == "pull" else _remove)(model, folder)
    except (ConfigError, LocalModelError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; what has arrived is kept.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router models", description="Models on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="which models there are, and what is here of them")
    pull = commands.add_parser("pull", help="fetch and verify models; goes on where it stopped")
    pull.add_argument("names", nargs="*", metavar="name", help="default: those of the local preset")
    gone = commands.add_parser("remove", help="delete models, and what is left of unfinished downloads")
    gone.add_argument("names", nargs="+", metavar="name")
    return parser


def _usual() -> list[ModelFile]:
    return [model for model in load_models().values() if "preset" in model.use]


def _list(folder: Path) -> int:
    print(f"Models' folder: {folder}")
    for model in load_models().values():
        found, held = presence(model, folder)
        here = f"partial, {megabytes(held)} so far" if found == "partial" else _WORDS[found]
        print(f"{model.name:20} {megabytes(model.bytes):>8}  {model.licence:11} {here:24} {model.use}")
    return 0


def _pull(model: ModelFile, folder: Path) -> None:
    print(f"{model.name}: {megabytes(model.bytes)}, {model.licence}, to {path_of(model, folder)}", flush=True)
    tell = _Bar(model) if sys.stderr.isatty() else _Lines()
    try:
        ensure(model, folder, tell)
    finally:
        tell.close()
    print(f"{model.name}: here and verified")


def _remove(model: ModelFile, folder: Path) -> None:
    print(f"{model.name}: {megabytes(remove(model, folder))} freed")


class _Bar:
    """Progress on a terminal."""

    def __init__(self, model: ModelFile) -> None:
        self._bar = tqdm(total=model.bytes, unit="B", unit_scale=True, desc=model.name)

    def __call__(self, progress: Progress) -> None:
        where = f" from {progress.source}" if progress.source else ""
        self._bar.set_description_str(f"{progress.state}{where}", refresh=False)
        self._bar.update(progress.done_bytes - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Lines:
    """Progress in a log: one line for each tenth and each change of source."""

    def __init__(self) -> None:
        self._said: tuple[str, str, int] | None = None

    def __call__(self, progress: Progress) -> None:
        tenth = 10 * progress.done_bytes // progress.total_bytes
        now = (progress.state, progress.source, tenth)
        if now == self._said:
            return
        self._said = now
        where = f" from {progress.source}" if progress.source else ""
        print(f"  {progress.state}{where}: {10 * tenth} %", flush=True)

    def close(self) -> None:
        """Nothing is left open."""
