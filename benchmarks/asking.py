"""Asks the real local models as the page does, without a page, and notes what a person would wait for."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from data.answers import Answer, fold
from data.events import TextDelta
from data.presets import load_preset
from data.records import new_id
from router import runtime
from router.conversations import Conversation
from router.running import RunningTurn
from router.runtime import APP_VERSION, Runtime
from router.services import build_services

READY_S = 300.0
ANSWER_S = 300.0


@dataclass(frozen=True)
class Asked:
    """One answer. Times are milliseconds since the turn was received; tokens as the model counted them."""

    text: str
    tier: str | None
    sources: int
    status: str
    first_text_ms: float | None
    done_ms: float | None
    input_tokens: int | None
    cache_read_tokens: int | None
    output_tokens: int | None

    @property
    def tokens_to_read(self) -> int | None:
        """Tokens of the prompt that were not in the model's cache."""
        if self.input_tokens is None or self.cache_read_tokens is None:
            return None
        return self.input_tokens - self.cache_read_tokens

    def row(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self) | {"text": self.text[:60], "tokens_to_read": self.tokens_to_read}


def tell(what: str) -> None:
    """Say on standard error how far it is: a whole run takes long, and the tables come at the end."""
    print(f"  {time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


@contextmanager
def app(read_ahead: bool = True) -> Iterator[Runtime]:
    """The running app with its local models ready: a temporary log, purpose `test`, an empty cache.

    Without `read_ahead` the models read nothing while they are idle.
    """
    with tempfile.TemporaryDirectory() as name:
        settings = {"UPSHIFT_DB": str(Path(name) / "log.db"), "UPSHIFT_PURPOSE": "test"}
        # For as long as the app lives: it sets variables of its own, which must not be undone half-way.
        with mock.patch.dict(os.environ, settings):
            services = build_services(load_preset("local"))
            if not read_ahead:
                services.warmer = None
            current = runtime.build(services)
            try:
                _wait_until_ready(current)
                yield current
            finally:
                current.close()


def _wait_until_ready(current: Runtime) -> None:
    """Both models loaded and litellm imported: waiting for those is measured elsewhere (start)."""
    for tier in current.preset.tier_names:
        until = time.monotonic() + READY_S
        while current.services.backend.wait(tier, 1.0) is not None:
            if time.monotonic() > until:
                raise TimeoutError(f"the {tier} model was not ready within {READY_S:.0f} s")
    current.services.gateway.litellm.module()


def idle(current: Runtime, limit_s: float) -> tuple[float, bool]:
    """Wait until nothing is left to be read in advance; seconds waited, and whether that was enough."""
    began = time.monotonic()
    warmer = current.services.warmer
    while warmer is not None and warmer.waiting and time.monotonic() - began < limit_s:
        time.sleep(0.05)
    return time.monotonic() - began, warmer is None or not warmer.waiting


class Person:
    """Somebody who opened the page: asks in conversations of their own."""

    def __init__(self, current: Runtime) -> None:
        self.current = current
        self.session_id = new_id()
        current.journal.session(self.session_id, current.purpose, "benchmarks", APP_VERSION)

    def begin(self) -> Conversation:
        """A new conversation."""
        conversation = self.current.conversations.new()
        self.current.journal.conversation(
            conversation.conversation_id, self.session_id, conversation.started_at, "benchmark"
        )
        return conversation

    def send(self, text: str, choice: str | None = None, where: Conversation | None = None) -> RunningTurn:
        """Send a message, in a new conversation unless one is given; `choice` is a tier or None."""
        conversation = where or self.begin()
        return conversation.ask(self.current.running, text, self.session_id, choice=choice)

    def ask(self, text: str, choice: str | None = None, where: Conversation | None = None) -> Asked:
        """Send a message and watch its answer to the end."""
        running = self.send(text, choice, where)
        watch(running)
        return noted(running)

    def first_words(self, text: str, choice: str | None = None) -> Asked:
        """Send a message as the first of a conversation and stop the answer at its first words."""
        running = self.send(text, choice)
        wait_for_text(running)
        self.current.running.stop(running.turn.turn_id)
        running.events(after=10**9, timeout_s=ANSWER_S)
        return noted(running)


def whole_answer(person: Person, text: str, choice: str | None = None) -> Answer:
    """Ask as the first message of a conversation; the answer with all that is known of it."""
    return watch(person.send(text, choice))


def watch(running: RunningTurn) -> Answer:
    """Watch an answer to its end, as an open page would."""
    with running.watched():
        running.events(after=10**9, timeout_s=ANSWER_S)
    return fold(running.events())


def wait_for_text(running: RunningTurn, pieces: int = 1) -> None:
    """Until so many pieces of the answer have arrived, or it has ended."""
    seen, seq = 0, -1
    with running.watched():
        while seen < pieces and not (running.ended and seq + 1 >= len(running.events())):
            for event in running.events(after=seq, timeout_s=ANSWER_S):
                seen += isinstance(event, TextDelta)
                seq = event.seq


def noted(running: RunningTurn) -> Asked:
    """What is known of an ended turn."""
    answer = fold(running.events())
    return Asked(text=running.turn.text, tier=answer.tier, **figures(answer))


def figures(answer: Answer) -> dict[str, Any]:
    """Of an ended answer: milliseconds since it was received, tokens, sources, and its status."""
    generation = answer.generations[-1] if answer.generations else None
    return {
        "sources": len(answer.passages),
        "status": answer.status,
        "first_text_ms": answer.first_content_ms,
        "done_ms": answer.ended_ms,
        "input_tokens": generation.input_tokens if generation else None,
        "cache_read_tokens": generation.cache_read_input_tokens if generation else None,
        "output_tokens": generation.output_tokens if generation else None,
    }


@contextmanager
def quiet(others: Iterable[Runtime]) -> Iterator[None]:
    """While held, none of the `others` reads in advance: it would slow down the one that is measured."""
    with ExitStack() as held:
        for current in others:
            held.enter_context(current.services.answering())
        yield
