"""Asks the real local models the questions of `make bench-sources`, the app's own way below the page."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.asking import tell
from benchmarks.remembering import LateBackend, Memory, RememberingGateway
from benchmarks.sources_questions import Question, QuestionSet, index_of
from data.answers import Answer, fold
from data.events import FellBack
from data.presets import load_preset
from data.records import Message, Turn
from router.answer import answer
from router.cancel import Cancel
from router.retrieve import Retriever
from router.services import Services, build_services

TIERS = ("fast", "heavy")


@contextmanager
def services_with(memory: Memory, may_ask: bool = True) -> Iterator[Services]:
    """The app's services with the local models; those are only loaded if one has to be asked."""
    with tempfile.TemporaryDirectory() as name:
        with mock.patch.dict(os.environ, {"UPSHIFT_DB": str(Path(name) / "log.db")}):
            services = build_services(load_preset("local"))
        services.warmer = None
        services.backend = LateBackend(services.preset)
        services.gateway = RememberingGateway(services.backend, memory, may_ask)
        try:
            yield services
        finally:
            services.close()


def ask_all(services: Services, questions: QuestionSet, chosen: list[Question]) -> dict[str, list[Answer]]:
    """Each tier's answers to the chosen questions of a set, in their order."""
    services.retriever = Retriever(index_of(questions))
    system = f"You are the assistant of {questions.product}. Be brief and plain."
    about = {"name": questions.product, "also_called": (), "system_prompt": system}
    if questions.product != services.product.name:
        services.product = services.product.model_copy(update=about)
    answers: dict[str, list[Answer]] = {tier: [] for tier in TIERS}
    for number, question in enumerate(chosen):
        if number % 10 == 0:
            tell(f"question {number} of {len(chosen)} on {questions.documents}")
        for tier in TIERS:
            message = Message(role="user", content=question.ask)
            answers[tier].append(ask(services, (message,), tier))
    return answers


def ask(services: Services, messages: tuple[Message, ...], tier: str) -> Answer:
    """What a person gets to the last of the messages who is sent to a tier.

    Where its model says nothing at all that is another tier's answer, as in the app. Raises RuntimeError
    if there is no answer, or another tier's for another reason.
    """
    turn = Turn(session_id="bench", conversation_id="bench", messages=messages, choice=tier)
    events = list(answer(turn, services, Cancel()))
    given = fold(events)
    others = [event for event in events if isinstance(event, FellBack) and event.error_type != "EmptyAnswer"]
    if given.status != "ok" or others:
        # Another tier's answer in its place would be counted as this one's.
        raise RuntimeError(f"the {tier} model did not answer {messages[-1].content!r}: {given.message}")
    return given
