"""What answering a turn yields: order, sources, stops, falls back, failures."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from data.events import (
    Event,
    Failed,
    FellBack,
    Finished,
    Queued,
    Requested,
    Routed,
    SourcesFound,
    Stopped,
    TextDelta,
)
from data.knowledge_index import KnowledgeIndex
from data.presets import load_preset
from data.records import Passage
from router.answer import answer
from router.cancel import Cancel
from router.errors import ModelError
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.retrieve import Found
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import (
    ENDS,
    PATIENCE_S,
    MakeServices,
    Provider,
    a_turn,
    all_events,
    changed,
    joined,
    names,
    one,
    until,
)

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
LINKS = "Who can delete a shared view?"


def ending(events: list[Event]) -> Any:
    assert sum(isinstance(event, ENDS) for event in events) == 1
    assert isinstance(events[-1], ENDS)
    return events[-1]


# The order of things.


def test_a_turn_yields_its_events_in_order(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="Nothing on Earth is like it.", **QUICK))
    events = all_events(a_turn("Translate to French: a cold night"), services)
    assert names(events) == [
        "Queued",
        "Routed",
        "Requested",
        "FirstChunk",
        "TextDelta",
        "Doubted",
        "Finished",
    ]
    assert one(events, Queued).reason == "received"
    assert one(events, Routed).request_model == "scripted-fast"
    finished = ending(events)
    assert finished.text == joined(events) == "Nothing on Earth is like it."
    assert finished.finish_reason == "stop"
    assert (finished.cited, finished.removed_citations) == ((), 0)


def test_text_arrives_piece_by_piece_and_not_at_the_end(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="one two three ", hang_after=2, **QUICK))
    cancel = Cancel()
    pieces = []
    for event in answer(a_turn(), services, cancel):
        if isinstance(event, TextDelta):
            pieces.append(event.text)
            if len(pieces) == 2:
                cancel.ask("person")  # the third word never comes, so two were here before the end
    assert pieces == ["one ", "two "]


def test_sources_are_given_to_the_model_and_citations_checked(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="The owner [1], and nobody else [7].", **QUICK))
    events = all_events(a_turn(LINKS), services)
    assert names(events)[:4] == ["Queued", "Routed", "SourcesFound", "Requested"]
    found = one(events, SourcesFound)
    assert [passage.source_title for passage in found.passages] == ["Sharing"]
    assert found.searched_passages >= 1
    assert "Only the owner or an admin" in provider.prompts()[0][-1]["content"]
    finished = ending(events)
    assert finished.text == "The owner [1], and nobody else."
    assert (finished.cited, finished.removed_citations) == ((1,), 1)


def test_without_a_fitting_passage_the_model_reads_the_message_alone(
    services: Services, provider: Provider
) -> None:
    provider.say(Reply(text="Paris.", **QUICK))
    events = all_events(a_turn("What is the capital of France?"), services)
    assert one(events, SourcesFound).passages == ()
    assert provider.prompts()[0][-1]["content"] == "What is the capital of France?"


def test_work_that_wants_no_documents_is_not_searched_for(services: Services, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    events = all_events(a_turn("Translate to French: who can delete a shared view?"), services)
    assert not [event for event in events if isinstance(event, SourcesFound)]


def test_a_command_chooses_the_tier_and_is_not_sent(services: Services, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    events = all_events(a_turn("/heavy good morning", choice=None), services)
    decision = one(events, Routed).decision
    assert (decision.tier, decision.overridden) == ("heavy", True)
    assert provider.models() == ["scripted-heavy"]
    assert provider.prompts()[0][-1]["content"] == "good morning"


def test_a_command_of_an_earlier_message_is_not_sent_either(services: Services, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    all_events(a_turn("and in German?", before=("/heavy good morning", "Bonjour")), services)
    assert "/heavy" not in str(provider.prompts())
    assert provider.prompts()[0][1] == {"role": "user", "content": "good morning"}


def test_what_the_call_cost_is_measured(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="one two three four", first_token_ms=30, token_ms=5))
    generation = ending(all_events(a_turn(), services)).generations[0]
    assert generation.output_tokens == 4
    assert generation.input_tokens == len(f"{provider.prompts()[0][0]['content']} tell me".split())
    assert (generation.role, generation.attempt, generation.tier) == ("primary", 0, "fast")
    assert generation.finish_reason == "stop"
    assert generation.error_type is None
    assert generation.time_to_first_chunk_s >= 0.03
    assert generation.operation_duration_s >= generation.time_to_first_chunk_s + 3 * 0.004
    assert generation.first_content_ms >= generation.start_ms + 30
    assert generation.time_per_output_chunk_max_s >= generation.time_per_output_chunk_p50_s > 0


# Stopping.


def stopped_at(
    services: Services, cancel: Cancel, at: type[Event], **of_turn: Any
) -> tuple[list[Event], Stopped]:
    """Stop when the first event of a kind is seen."""
    events = []
    for event in answer(a_turn(**of_turn), services, cancel):
        events.append(event)
        if isinstance(event, at):
            cancel.ask("person")
    end = ending(events)
    assert isinstance(end, Stopped)
    return events, end


# So long that a stop which waited for it would be seen.
LONG_SILENCE_S = 30.0
PATIENT: dict[str, Any] = {"first_chunk_timeout_s": LONG_SILENCE_S, "stall_timeout_s": LONG_SILENCE_S}


def test_stop_while_writing_keeps_the_text_and_frees_the_model(
    make_services: MakeServices, provider: Provider
) -> None:
    services = make_services(n_slots=1, tiers=PATIENT)
    provider.say(Reply(match="long", text="one two three", hang_after=1, **QUICK), Reply(**QUICK))
    began = time.monotonic()
    events, end = stopped_at(services, Cancel(), TextDelta, text="a long story")
    assert time.monotonic() - began < LONG_SILENCE_S / 2
    assert (end.reason, end.text) == ("person", "one ")
    assert end.text == joined(events)
    until(lambda: provider.left == ["a long story"])
    assert isinstance(all_events(a_turn("next"), services)[-1], Finished)


def test_stop_while_the_model_still_reads(make_services: MakeServices, provider: Provider) -> None:
    services = make_services(n_slots=1, tiers=PATIENT)
    provider.say(Reply(match="long", first_token_ms=3_600_000), Reply(**QUICK))
    cancel = Cancel()
    waiting = threading.Thread(target=lambda: (until(lambda: provider.requests), cancel.ask("person")))
    waiting.start()
    began = time.monotonic()
    events = all_events(a_turn("a long text"), services, cancel)
    assert time.monotonic() - began < LONG_SILENCE_S / 2
    waiting.join()
    assert isinstance(ending(events), Stopped)
    assert events[-1].text == ""
    until(lambda: provider.left == ["a long text"])
    assert isinstance(all_events(a_turn("next"), services)[-1], Finished)


def test_stop_before_the_call_has_a_connection(services: Services, provider: Provider) -> None:
    provider.say(Reply(first_token_ms=3_600_000))
    stopped_at(services, Cancel(), Requested)
    # Whether the request was sent or not, nobody goes on writing to a reader that left.
    until(lambda: len(provider.left) == len(provider.requests))


def test_stop_while_waiting_for_a_slot(make_services: MakeServices, provider: Provider) -> None:
    services = make_services(n_slots=1)
    provider.say(Reply(**QUICK))
    assert services.take_slot("fast", 0)
    cancel = Cancel()
    events = []
    for event in answer(a_turn(), services, cancel):
        events.append(event)
        if isinstance(event, Queued) and event.reason == "busy":
            cancel.ask("person")
    assert names(events) == ["Queued", "Routed", "Queued", "Stopped"] or isinstance(events[2], SourcesFound)
    assert isinstance(ending(events), Stopped)
    assert not provider.requests
    services.give_slot("fast")
    assert isinstance(all_events(a_turn(), services)[-1], Finished)


def test_a_slot_taken_at_the_moment_of_a_stop_is_given_back(make_services: MakeServices) -> None:
    class StopAfterSlot(Cancel):
        """Is asked right after the slot was taken, wherever the code looks next."""

        looks_with_slot = 0

        @property
        def asked(self) -> bool:
            if services.held:
                self.looks_with_slot += 1
                if self.looks_with_slot > self.not_before:
                    self.ask("person")
            return super().asked

    for not_before in range(3):
        services = make_services(n_slots=1)
        services.held = False  # type: ignore[attr-defined]
        take, give = services.take_slot, services.give_slot

        def taking(tier: str, timeout_s: float, services: Any = services, take: Any = take) -> bool:
            services.held = take(tier, timeout_s)
            return services.held

        services.take_slot = taking  # type: ignore[method-assign]
        cancel = StopAfterSlot()
        cancel.not_before = not_before  # type: ignore[attr-defined]
        assert isinstance(ending(all_events(a_turn(), services, cancel)), Stopped)
        assert take("fast", 0), f"the slot was lost (look {not_before})"
        give("fast")


def test_a_full_tier_is_waited_for_visibly(make_services: MakeServices, provider: Provider) -> None:
    services = make_services(n_slots=1)
    provider.say(Reply(**QUICK))
    assert services.take_slot("fast", 0)
    events = []
    for event in answer(a_turn(), services, Cancel()):
        events.append(event)
        if isinstance(event, Queued) and event.reason == "busy":
            services.give_slot("fast")
    assert [event.reason for event in events if isinstance(event, Queued)] == ["received", "busy"]
    assert isinstance(ending(events), Finished)


def test_stop_while_the_model_loads(services: Services, provider: Provider) -> None:
    loading = Queued(reason="loading", tier="fast")
    services.backend.queued["fast"] = loading  # type: ignore[attr-defined]
    cancel = Cancel()
    events = []
    for event in answer(a_turn(), services, cancel):
        events.append(event)
        if event == loading:
            cancel.ask("person")
    assert isinstance(ending(events), Stopped)
    assert not provider.requests


def test_services_that_nobody_began_are_begun_by_the_first_message(
    make_services: MakeServices, provider: Provider
) -> None:
    provider.say(Reply(text="Here.", **QUICK))
    services = make_services(gateway=Gateway(Litellm()))
    cancel = Cancel()
    in_vain = threading.Timer(PATIENCE_S / 2, cancel.ask, ("person",))
    in_vain.start()
    events = all_events(a_turn(), services, cancel)
    in_vain.cancel()
    assert isinstance(ending(events), Finished)
    assert services.backend.started == 1  # type: ignore[attr-defined]
    all_events(a_turn(), services)
    assert services.backend.started == 1  # type: ignore[attr-defined]


def test_news_of_a_download_is_told_once_each(services: Services, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    queued = services.backend.queued  # type: ignore[attr-defined]
    news = [Queued(reason="download", tier="fast", done_bytes=done, total_bytes=9) for done in (1, 5)]
    queued["fast"] = news[0]
    events = []
    for event in answer(a_turn(), services, Cancel()):
        events.append(event)
        if event == news[0]:
            queued["fast"] = news[1]
        elif event == news[1]:
            del queued["fast"]
    waits = [event for event in events if isinstance(event, Queued) and event.reason == "download"]
    assert waits == news
    assert isinstance(ending(events), Finished)


def test_a_stop_is_a_stop_even_if_the_model_fails_at_that_moment(services: Services) -> None:
    cancel = Cancel()

    def wait(tier: str, timeout_s: float) -> None:
        cancel.ask("person")
        raise ModelError("LocalModel", "The model could not be loaded.")

    services.backend.wait = wait  # type: ignore[method-assign]
    assert isinstance(ending(all_events(a_turn(), services, cancel)), Stopped)


# Failing, and falling back before the first text.


@pytest.mark.parametrize(("choice", "other"), [("fast", "heavy"), ("heavy", "fast")])
def test_an_error_before_the_first_text_asks_the_other_tier(
    services: Services, provider: Provider, choice: str, other: str
) -> None:
    provider.say(Reply(model=choice, status=500), Reply(text="From the other.", **QUICK))
    events = all_events(a_turn("hi", choice=choice), services)
    assert names(events) == [
        *(
            "Queued",
            "Routed",
            "Requested",
            "FellBack",
            "Requested",
            "FirstChunk",
            "TextDelta",
            "Doubted",
            "Finished",
        )
    ]
    fell = one(events, FellBack)
    assert (fell.from_tier, fell.to_tier, fell.request_model) == (choice, other, f"scripted-{other}")
    assert f"Scripted {choice}" in fell.message
    assert provider.models() == [f"scripted-{choice}", f"scripted-{other}"]
    failed, fine = ending(events).generations
    assert (failed.role, failed.attempt, failed.http_status) == ("primary", 0, 500)
    assert failed.error_type
    assert (fine.role, fine.attempt, fine.error_type) == ("fallback", 1, None)


def test_both_tiers_failing_ends_in_one_plain_message(services: Services, provider: Provider) -> None:
    provider.say(Reply(status=500))
    events = all_events(a_turn("hi"), services)
    failed = ending(events)
    assert isinstance(failed, Failed)
    assert "Scripted heavy" in failed.message
    assert "Retry" in failed.message
    assert "text so far" not in failed.message  # there is none
    assert failed.http_status == 500
    assert len(provider.requests) == 2


def test_a_cut_in_mid_stream_keeps_the_text_and_asks_no_other(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="one two three", cut_after=2, **QUICK))
    events = all_events(a_turn("hi"), services)
    failed = ending(events)
    assert isinstance(failed, Failed)
    assert failed.text == joined(events) == "one two "
    assert "Retry" in failed.message
    assert "kept" in failed.message
    assert provider.models() == ["scripted-fast"]
    assert failed.generations[0].error_type


@pytest.mark.parametrize("hang_after", [0, 2])
def test_silence_is_noticed(make_services: MakeServices, provider: Provider, hang_after: int) -> None:
    limits = {"first_chunk_timeout_s": 0.3, "stall_timeout_s": 0.2}
    if hang_after:
        limits["first_chunk_timeout_s"] = 60
    services = make_services(tiers=limits, n_slots=1)
    provider.say(Reply(text="one two three", hang_after=hang_after, **QUICK))
    events = all_events(a_turn("hi"), services)
    failed = ending(events)
    assert isinstance(failed, Failed)
    assert failed.error_type == "Timeout"
    assert "Retry" in failed.message
    assert failed.text == ("one two " if hang_after else "")
    assert len(provider.requests) == (1 if hang_after else 2)
    until(lambda: len(provider.left) == len(provider.requests))
    assert services.take_slot("fast", 0)


def test_a_short_patience_for_the_start_is_not_the_patience_for_the_rest(
    make_services: MakeServices, provider: Provider
) -> None:
    services = make_services(tiers={"first_chunk_timeout_s": 0.3, "stall_timeout_s": 10})
    provider.say(Reply(text="one two", first_token_ms=0, token_ms=700))
    assert ending(all_events(a_turn("hi"), services)).text == "one two"


def test_an_empty_answer_is_no_answer(services: Services, provider: Provider) -> None:
    provider.say(Reply(model="fast", text="", **QUICK), Reply(text="Something.", **QUICK))
    events = all_events(a_turn("hi"), services)
    assert one(events, FellBack).error_type == "EmptyAnswer"
    finished = ending(events)
    assert finished.text == "Something."
    assert [generation.error_type for generation in finished.generations] == ["EmptyAnswer", None]


def test_a_model_of_this_machine_that_says_nothing_is_not_asked_the_same_again(
    make_services: MakeServices, provider: Provider
) -> None:
    services = make_services()
    services.preset = load_preset("scripted").model_copy(update={"kind": "local"})
    provider.say(Reply(model="fast", text="", **QUICK), Reply(text="Fine.", **QUICK))
    events = all_events(a_turn("hi"), services)
    assert [generation.role for generation in ending(events).generations] == ["primary", "fallback"]


def test_spaces_of_an_empty_answer_cost_the_next_one_nothing(services: Services, provider: Provider) -> None:
    provider.say(Reply(model="fast", text="  \n  ", **QUICK), Reply(text="Something.", **QUICK))
    events = all_events(a_turn("hi"), services)
    assert joined(events).strip() == ending(events).text == "Something."


def test_an_answer_that_stays_empty_fails(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="", **QUICK))
    failed = ending(all_events(a_turn("hi"), services))
    assert isinstance(failed, Failed)
    assert failed.error_type == "EmptyAnswer"
    assert "Retry" in failed.message


def test_a_model_of_this_machine_is_asked_once_more(make_services: MakeServices, provider: Provider) -> None:
    services = make_services()
    local = load_preset("scripted").model_copy(update={"kind": "local"})
    services.preset = local
    provider.say(Reply(model="fast", status=500), Reply(text="Fine.", **QUICK))
    events = all_events(a_turn("hi"), services)
    assert names(events) == [
        *("Queued", "Routed", "Requested", "Retrying", "Requested", "FellBack", "Requested"),
        *("FirstChunk", "TextDelta", "Doubted", "Finished"),
    ]
    roles = [generation.role for generation in ending(events).generations]
    assert roles == ["primary", "retry", "fallback"]


def test_a_slot_is_free_after_every_kind_of_end(make_services: MakeServices, provider: Provider) -> None:
    services = make_services(n_slots=1, tiers={"stall_timeout_s": 0.2})
    provider.say(
        Reply(match="error", status=500),
        Reply(match="cut", cut_after=1, **QUICK),
        Reply(match="hang", hang_after=1, **QUICK),
        Reply(match="empty", text="", **QUICK),
        Reply(**QUICK),
    )
    for text in ("error", "cut", "hang", "empty", "fine"):
        events = all_events(a_turn(text), services)
        assert isinstance(ending(events), Finished if text == "fine" else Failed)
        for tier in ("fast", "heavy"):
            assert services.take_slot(tier, 0), f"{tier} after {text}"
            services.give_slot(tier)


# Too long, or nothing at all.


def test_a_command_without_a_question_is_not_sent(services: Services, provider: Provider) -> None:
    events = all_events(a_turn("/heavy ", choice=None), services)
    assert "Write a question behind /heavy" in ending(events).message
    assert "FellBack" not in names(events)
    assert not provider.requests


def test_a_message_longer_than_the_window_is_refused_with_figures(
    services: Services, provider: Provider
) -> None:
    events = all_events(a_turn("word " * 6000), services)
    failed = ending(events)
    assert isinstance(failed, Failed)
    assert failed.error_type == "TooLong"
    assert "8,572 tokens" in failed.message
    assert "can read 3,8" in failed.message
    assert "Shorten it" in failed.message
    assert not provider.requests
    assert "FellBack" not in names(events)  # the other window is no larger


def test_a_message_too_long_for_one_window_goes_to_a_larger_one(
    make_services: MakeServices, provider: Provider
) -> None:
    services = make_services()
    fast, heavy = services.preset.tiers
    larger = heavy.model_copy(update={"context_tokens": 32_000})
    services.preset = services.preset.model_copy(update={"tiers": (fast, larger)})
    provider.say(Reply(**QUICK))
    events = all_events(a_turn("word " * 6000), services)
    assert one(events, FellBack).error_type == "TooLong"
    assert isinstance(ending(events), Finished)
    assert len(provider.requests) == 1


def test_passages_do_not_push_a_long_message_out_of_the_window(
    make_services: MakeServices, provider: Provider
) -> None:
    long = Passage(passage_id="p", source_id="s", source_title="S", text="sharing " * 300, start=0, end=2400)

    class Generous:
        """Finds as much as it may."""

        index = KnowledgeIndex.of(())

        def find(self, message: str, history: Any, *, task: str, budget_tokens: int, **files: Any) -> Found:
            return Found((long,) if budget_tokens > 700 else (), 1, 1, 0.1)

    services = make_services(retriever=Generous())
    provider.say(Reply(**QUICK))
    room = services.preset.tier("fast").context_tokens
    all_events(a_turn("four " * 2600), services)  # 3,715 tokens of 4,096
    sent = sum(len(message["content"]) for message in provider.prompts()[0]) / 3.5
    assert sent < room
    assert provider.requests[0]["body"]["max_tokens"] > 100


def test_the_oldest_turns_are_left_out_and_counted(make_services: MakeServices, provider: Provider) -> None:
    services = make_services(tiers={"input_budget_tokens": 200})
    provider.say(Reply(**QUICK))
    before = tuple(f"{number} " + "x" * 140 for number in range(8))  # four turns of some 92 tokens
    events = all_events(a_turn("and now?", before=before), services)
    sent = [message["content"][:2] for message in provider.prompts()[0][1:]]
    assert sent == ["6 ", "7 ", "an"]
    assert one(events, Requested).left_out_turns == 3


def test_another_key_is_needed_before_another_tier_is_asked(make_services: MakeServices) -> None:
    services = make_services()
    services.preset = changed(services.preset, key_env="SOME_KEY")

    def wait(tier: str, timeout_s: float) -> None:
        raise ModelError("MissingKey", f"{tier} needs a key: set SOME_KEY and start Upshift again.")

    services.backend.wait = wait  # type: ignore[method-assign]
    events = all_events(a_turn("hi"), services)
    assert "FellBack" not in names(events)
    assert "SOME_KEY" in ending(events).message
