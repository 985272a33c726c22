"""The order of things: decide, find sources, ask the model, check what it said.

`answer` knows nothing of pages, logs or threads. It yields events; `router.running` consumes them.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from itertools import count

from data.events import (
    Event,
    Failed,
    Finished,
    FirstChunk,
    Queued,
    Requested,
    Routed,
    SourcesFound,
    TextDelta,
)
from data.presets import TierModel
from data.records import GenerationRole, Turn
from router import fallback, file_work
from router.attached import wait_for_files
from router.call import Call
from router.cancel import Cancel
from router.differing import differing
from router.ending import UnderWay, doubt_about, ending
from router.errors import ModelError
from router.prepare import build_prompt, find_sources, nothing_said, unasked_product
from router.prompt import output_tokens
from router.services import Services
from router.uploads import ConversationFiles

# How often a wait looks whether it has news for the page. A stop is noticed within this time.
WAIT_STEP_S = 0.25


def answer(
    turn: Turn,
    services: Services,
    cancel: Cancel,
    received_s: float | None = None,
    files: ConversationFiles | None = None,
) -> Iterator[Event]:
    """Answer a turn: yields what happens until Finished, Stopped or Failed.

    `received_s` is the monotonic second at which the server received the turn; `files` are
    those of its conversation. Asking `cancel` to
    stop ends the events with Stopped and frees the model. Raises nothing that a model, a document
    or a message can cause: those end as Failed.
    """
    under_way = UnderWay(turn, time.perf_counter() if received_s is None else received_s)
    try:
        with services.answering():
            yield from _steps(turn, services, cancel, under_way, files)
    except ModelError as error:
        yield Failed(
            error_type=error.error_type,
            message=error.message,
            text=under_way.text,
            http_status=error.http_status,
            generations=under_way.generations(),
        )


def _steps(
    turn: Turn, services: Services, cancel: Cancel, under_way: UnderWay, files: ConversationFiles | None
) -> Iterator[Event]:
    yield Queued(reason="received")
    preset = services.preset
    decision = file_work.decide(turn, services, files)
    model = preset.tier(decision.tier)
    yield Routed(
        decision=decision, preset=preset.name, request_model=model.model_name, model_label=model.label
    )
    attached = yield from wait_for_files(turn, files, cancel, decision.tier)
    index = files.index if files is not None else None
    found = find_sources(
        turn.messages, decision, services.retriever, services.product, model, files=index, attached=attached
    )
    under_way.decided(
        decision,
        found.passages,
        nothing_said(turn.messages, decision, found, services.product),
        unasked_product(turn.messages, decision, found, services.product),
    )
    if found.searched_passages:
        yield SourcesFound(
            passages=under_way.passages,
            searched_passages=found.searched_passages,
            searched_documents=found.searched_documents,
            search_ms=found.search_ms,
            relevance=found.relevance,
            nothing_said=under_way.nothing_said,
            differing=differing(under_way.passages),
        )
    yield from _ask(turn, services, cancel, under_way, model)
    held = under_way.release()
    if held:
        yield TextDelta(text=held)
    end = ending(under_way, cancel)
    doubt = doubt_about(under_way, end, preset.tier_names) if isinstance(end, Finished) else None
    if doubt is not None:
        yield doubt
    yield end


def _ask(
    turn: Turn, services: Services, cancel: Cancel, under_way: UnderWay, model: TierModel
) -> Iterator[Event]:
    """Ask the chosen tier; before any text, once more or the next tier when that fails."""
    plan = fallback.attempts(services.preset, model, compares=turn.compares)
    for attempt in count():
        candidate, role = plan.pop(0)
        try:
            yield from _generate(turn, services, cancel, under_way, candidate, role, attempt)
            return
        except ModelError as error:
            if cancel.asked:
                return  # whoever asked to stop gets a stop, not an error
            plan = [step for step in plan if fallback.of_use(error, candidate, step[0])]
            if under_way.text or not plan:
                raise
            yield fallback.said(error, candidate, *plan[0])


def _generate(
    turn: Turn,
    services: Services,
    cancel: Cancel,
    under_way: UnderWay,
    model: TierModel,
    role: GenerationRole,
    attempt: int,
) -> Iterator[Event]:
    """One model call, from waiting for the model to the last chunk. Raises ModelError."""
    yield from _wait_until_ready(services, cancel, model.tier)
    if cancel.asked:
        return
    if not (yield from _take_slot(services, cancel, model.tier)):
        return
    try:
        untold = under_way.nothing_said
        built = build_prompt(turn.messages, under_way.passages, services.product, model, untold=untold)
        call = Call(
            target=services.backend.target(model.tier),
            messages=built.messages,
            turn_id=turn.turn_id,
            attempt=attempt,
            role=role,
            received_s=under_way.received_s,
            output_tokens=output_tokens(built, model),
        )
        under_way.calls.append(call)
        yield Requested(
            tier=model.tier,
            request_model=model.model_name,
            attempt=attempt,
            left_out_turns=built.left_out_turns,
        )
        yield from _read(services, cancel, under_way, call)
    finally:
        services.give_slot(model.tier)


def _wait_until_ready(services: Services, cancel: Cancel, tier: str) -> Iterator[Event]:
    """Say what the tier waits for until it can be asked. Raises ModelError when it never will."""
    services.start()  # whoever built them may not have begun them, and this would wait for ever
    said = None
    waiting = services.backend.wait(tier, 0)
    while waiting is not None and not cancel.asked:
        if waiting != said:
            yield waiting
        said = waiting
        waiting = services.backend.wait(tier, WAIT_STEP_S)
    if not services.gateway.litellm.ready:
        yield Queued(reason="loading", tier=tier)
    while not services.gateway.litellm.ready and not cancel.asked:
        cancel.wait(WAIT_STEP_S / 5)


def _take_slot(services: Services, cancel: Cancel, tier: str) -> Generator[Event, None, bool]:
    """Wait in our own line, visibly, rather than in the model's; whether the slot was taken."""
    taken = services.take_slot(tier, 0.01)
    if not taken:
        yield Queued(reason="busy", tier=tier)
    while not taken and not cancel.asked:
        taken = services.take_slot(tier, WAIT_STEP_S)
    return taken


def _read(services: Services, cancel: Cancel, under_way: UnderWay, call: Call) -> Iterator[Event]:
    first = True
    for piece in services.gateway.stream(call, cancel):
        if first:
            yield FirstChunk()
            first = False
        shown = under_way.take(piece.text) if piece.text else ""
        if shown:
            yield TextDelta(text=shown)
        if under_way.hopeless:
            return  # which closes the stream and frees the model
    if under_way.says_nothing and not cancel.asked:
        under_way.again()
        call.error = ModelError("EmptyAnswer", f"{call.target.model.label} gave an empty answer. Retry.")
        raise call.error
