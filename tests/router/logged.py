"""Writes turns into a real log, as the app would, for tests that learn from a log or decide it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.log import Log

FAST, HEAVY = "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"
IN_TIME, OVER = "2999-01-01T00:00:00.000+00:00", "2020-01-01T00:00:00.000+00:00"


class Diary:
    """A log under way. Turns are numbered in the order in which they are written."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._count = 0
        log.put("sessions", {"session_id": "s", "started_at": "2026-11-01", "purpose": "dogfood"})

    def turn(
        self,
        prompt: str | None,
        tier: str = "fast",
        *,
        task: str = "lookup",
        after: str | None = None,
        beside: str | None = None,
        index: int = 0,
        answer: str | None = "An answer.",
        expires: str = IN_TIME,
        cost_usd: float | None = 0.0,
        model: str | None = None,
        **columns: object,
    ) -> str:
        """A turn in conversation `c`; `after` is the turn before it, `beside` the one it stands next to."""
        self._count += 1
        turn_id = f"t{self._count:03}"
        day = f"2026-11-{1 + self._count // 24:02}T{self._count % 24:02}:00:00.000+00:00"
        row: dict[str, object] = {
            "turn_id": turn_id, "session_id": "s", "conversation_id": "c", "submitted_at": day,
            "parent_turn_id": beside or after, "turn_index": index, "task": task, "tier": tier,
            "preset": "local", "status": "ok", "done_ms": 1000.0 if tier == "fast" else 4000.0,
            "overridden": False,
        }  # fmt: skip
        self._log.put("turns", row | columns)
        generation = {
            "generation_id": f"g-{turn_id}", "turn_id": turn_id, "attempt": 0, "tier": tier,
            "request_model": model or (FAST if tier == "fast" else HEAVY),
            "input_tokens": 100, "output_tokens": 50, "cost_usd": cost_usd,
        }  # fmt: skip
        self._log.put("generations", generation)
        if prompt is not None:
            text = {"turn_id": turn_id, "prompt": prompt, "answer": answer, "expires_at": expires}
            self._log.put("turn_text", text)
        return turn_id

    def feedback(self, turn_id: str, kind: str, value: str, note: str | None = None) -> None:
        """What somebody said about a turn."""
        row = {"feedback_id": f"{turn_id}-{kind}", "turn_id": turn_id, "at": "2026-11-22", "kind": kind}
        self._log.put("feedback", row | {"value": value, "note": note})


@contextmanager
def diary(path: Path) -> Iterator[Diary]:
    """A log at `path`; everything is on the disk when this ends."""
    log = Log(path, strict=True)
    try:
        yield Diary(log)
    finally:
        log.close()
