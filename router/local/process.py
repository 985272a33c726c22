"""The parent's end of the model process: start it, tell it what to load, hear what it says, end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from data.records import Record

_ROOT = Path(__file__).parents[2]
_END_S = 0.5
COMMAND = [sys.executable, "-m", "router.local"]


def usual_threads() -> int:
    """Half of the logical processors, between 2 and 8: more only fight over the memory's bandwidth."""
    return max(2, min(8, (os.cpu_count() or 2) // 2))


class ServerSettings(Record):
    """How the model process serves. `n_ctx` is shared out evenly among `n_parallel` slots.

    `slot_prompt_similarity` 0.5, not llama.cpp's 0.1: a prompt that shares only the system prompt with
    what a slot holds then looks for its own beginning in the cache of prompts, where idle reading put it.
    """

    n_parallel: int = 2
    n_ctx: int = 8192
    n_batch: int = 128
    n_threads: int = usual_threads()
    cache_ram_mib: int = 256
    slot_prompt_similarity: float = 0.5


class ChildLine(Record):
    """What the process says about one tier."""

    tier: str
    state: Literal["loading", "ready", "failed"]
    port: int | None = None
    message: str = ""


class ModelProcess:
    """One running `python -m router.local`. Its key goes over its input, where no other user can see it."""

    def __init__(self, settings: ServerSettings, api_key: str) -> None:
        """Start the process. Raises OSError if that is impossible."""
        self._process = subprocess.Popen(
            COMMAND,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._send({"api_key": api_key, **settings.model_dump()})

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def load(self, tier: str, path: Path, alias: str) -> None:
        """Ask for a model; the answer comes in `lines`."""
        self._send({"load": {"tier": tier, "path": str(path), "alias": alias}})

    def lines(self) -> Iterator[ChildLine]:
        """What the process says, until it ends; half a line, of one that was killed, says nothing."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                yield ChildLine.model_validate_json(line)

    def ending(self) -> str:
        """How the process ended, in words; call it when `lines` are over."""
        code = self._process.wait()
        self._close_pipes()
        if code >= 0:
            return f"exit status {code}"
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"

    def end(self) -> None:
        """End the process: closing its input is enough, unless it is in the middle of loading."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            return
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            # It has just died or was ended; `lines` is over then, which is where that is dealt with.
            return

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
