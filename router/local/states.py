"""What the embedded models tell about themselves: a state for each tier, and where it answers."""

from __future__ import annotations

import time
from collections import deque
from typing import Literal

from data.records import Record

State = Literal["absent", "downloading", "verifying", "loading", "ready", "failed"]


class TierStatus(Record):
    """Where a tier's model is. Bytes are for downloading and verifying; `message` says what to do."""

    tier: str
    state: State
    done_bytes: int = 0
    total_bytes: int = 0
    remaining_s: float | None = None
    message: str = ""


class Endpoint(Record):
    """Where a tier answers, in the OpenAI protocol."""

    api_base: str
    api_key: str
    model: str


class Rate:
    """Seconds left, from the bytes of the last ten seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def remaining_s(self, done: int, total: int) -> float | None:
        """Seconds until `total` bytes at the present rate, None while there is none to go by."""
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > 10:
            self._seen.popleft()
        since, before = self._seen[0]
        if now - since < 1 or done <= before:
            return None
        return (total - done) * (now - since) / (done - before)
