"""A gateway that remembers what the local models answered, so that rules can be changed without asking again.

The models answer the same prompt alike (temperature 0, fixed seed), so an answer is known by its prompt.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.events import Queued
from data.presets import Preset
from router.backends import LocalBackend
from router.call import Call, Piece, Target
from router.cancel import Cancel
from router.errors import ModelError
from router.gateway import Gateway
from router.litellm_client import Litellm


class Memory:
    """Answers by prompt, one JSON line each, added to as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._known: dict[str, dict[str, Any]] = {row["key"]: row for row in map(json.loads, lines)}
        self._used: set[str] = set()
        self.asked = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """What was answered, if it was."""
        self._used.add(key)
        return self._known.get(key)

    def put(self, row: dict[str, Any]) -> None:
        """Keep an answer."""
        self._known[row["key"]] = row
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def forget_unused(self, whole: bool) -> None:
        """After a `whole` run, drop what it had no use for: answers to prompts that are no longer made."""
        if whole:
            rows = [row for key, row in self._known.items() if key in self._used]
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            self._path.write_text("".join(lines), encoding="utf-8")


class LateLitellm(Litellm):
    """Says that it is ready, and is imported when it is first needed."""

    @property
    def ready(self) -> bool:
        """Always, so that a remembered answer waits for nothing."""
        return True


class LateBackend:
    """The local models, which are only loaded when one of them has to be asked."""

    n_slots = None

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._models: LocalBackend | None = None

    def start(self) -> None:
        """Nothing yet."""

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        """Nothing to wait for yet."""
        return None

    def target(self, tier: str) -> Target:
        """The model, without its address."""
        return Target(self._preset.tier(tier))

    def loaded(self, tier: str) -> Target:
        """Where the model is reached, once it is there."""
        if self._models is None:
            self._models = LocalBackend(self._preset)
            self._models.start()
        while self._models.wait(tier, 1.0) is not None:
            pass
        return self._models.target(tier)

    def close(self) -> None:
        """End the models, if they were loaded."""
        if self._models is not None:
            self._models.close()


class RememberingGateway(Gateway):
    """Asks only what is not remembered; without `may_ask` that ends as ModelError NotRemembered."""

    def __init__(self, backend: LateBackend, memory: Memory, may_ask: bool = True) -> None:
        super().__init__(LateLitellm())
        self._may_ask = may_ask
        self._backend = backend
        self._memory = memory

    def stream(self, call: Call, cancel: Cancel) -> Iterator[Piece]:
        """As Gateway.stream; a remembered answer comes at once and in one piece."""
        key = prompt_key(call)
        known = self._memory.get(key)
        if known is not None:
            call.log_probabilities = known["log_probabilities"]
            call.finish_reason = known["finish_reason"]
            call.first_content_s = call.ended_s = time.perf_counter()
            yield Piece(known["text"], call.ended_s)
            return
        if not self._may_ask:
            raise ModelError("NotRemembered", "This prompt has not been asked yet.")
        self._memory.asked += 1
        call.target = self._backend.loaded(call.target.model.tier)
        text = ""
        try:
            for piece in super().stream(call, cancel):
                text += piece.text
                yield piece
        except GeneratorExit:  # whoever reads has seen enough, and would again
            self._keep(key, text, call)
            raise
        if not cancel.asked:
            self._keep(key, text, call)

    def _keep(self, key: str, text: str, call: Call) -> None:
        self._memory.put(
            {
                "key": key,
                "text": text,
                "log_probabilities": [round(value, 3) for value in call.log_probabilities],
                "finish_reason": call.finish_reason,
                "first_content_ms": _ms(call, call.first_content_s),
                "done_ms": _ms(call, call.ended_s or time.perf_counter()),
            }
        )


def prompt_key(call: Call) -> str:
    """What an answer depends on, as a short hash: the model, its settings and every word it reads."""
    model = call.target.model
    asked = [
        model.model,
        model.temperature,
        model.seed,
        [[message.role, message.content] for message in call.messages],
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]


def _ms(call: Call, at_s: float | None) -> float | None:
    return None if at_s is None else round((at_s - call.started_s) * 1000)
