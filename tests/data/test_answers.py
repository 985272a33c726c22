"""An answer at a moment is what its events amount to, however they arrive."""

from __future__ import annotations

import pytest

from data.answers import Answer, fold
from data.events import (
    Event,
    Failed,
    FellBack,
    Finished,
    FirstChunk,
    Queued,
    Requested,
    Retrying,
    Routed,
    SourcesFound,
    Stopped,
    TextDelta,
)
from data.records import Decision, Generation, Passage

PASSAGE = Passage(passage_id="p", source_id="s", source_title="T", text="A fact.", start=0, end=7)
GENERATION = Generation(
    turn_id="t", attempt=0, tier="heavy", role="fallback", provider_name="x", request_model="m", start_ms=1
)
DECISION = Decision(task="lookup", tier="fast", score=0.2, reasons=("a question",))
FELL = FellBack(
    from_tier="fast",
    to_tier="heavy",
    request_model="m",
    model_label="Big",
    error_type="Timeout",
    message="Small did not answer.",
)
WHOLE: list[Event] = [
    Queued(reason="received"),
    Routed(decision=DECISION, preset="p", request_model="s", model_label="Small"),
    SourcesFound(passages=(PASSAGE,), searched_passages=9, searched_documents=3, search_ms=1.5),
    Queued(reason="loading", tier="fast"),
    Requested(tier="fast", request_model="s", attempt=0),
    Retrying(tier="fast", error_type="X", message="Small is started again."),
    FELL,
    Requested(tier="heavy", request_model="m", attempt=1, left_out_turns=2),
    FirstChunk(),
    TextDelta(text="Seven "),
    TextDelta(text="days [1], [7]."),
    Finished(text="Seven days [1].", cited=(1,), removed_citations=1, generations=(GENERATION,)),
]


def stamped(events: list[Event]) -> list[Event]:
    return [
        event.model_copy(update={"turn_id": "t", "seq": number, "t_ms": 10.0 * number})
        for number, event in enumerate(events)
    ]


def test_a_whole_answer() -> None:
    answer = fold(stamped(WHOLE))
    assert answer.status == "ok"
    assert answer.text == "Seven days [1]."
    assert (answer.cited, answer.removed_citations) == ((1,), 1)
    assert answer.decision == DECISION
    assert (answer.tier, answer.model_label) == ("heavy", "Big")  # that of the model that answered
    assert answer.passages == (PASSAGE,)
    assert answer.notes == ("Small is started again.", "Small did not answer.")
    assert answer.asked is not None
    assert answer.asked.left_out_turns == 2
    assert answer.first_content_ms == 90
    assert answer.ended_ms == 110
    assert answer.waiting is None
    assert answer.generations == (GENERATION,)
    assert answer.seq == 11


@pytest.mark.parametrize("cut", range(len(WHOLE) + 1))
def test_in_two_parts_it_is_the_same_answer(cut: int) -> None:
    events = stamped(WHOLE)
    assert fold(events[:cut]).after(events[cut:]) == fold(events)


def test_event_by_event_it_is_the_same_answer() -> None:
    answer = Answer()
    for event in stamped(WHOLE):
        answer = answer.after([event])
    assert answer == fold(stamped(WHOLE))


def test_nothing_new_is_the_same_value() -> None:
    answer = fold(stamped(WHOLE)[:5])
    assert answer.after([]) is answer


def test_before_anything_happened() -> None:
    answer = fold([])
    assert (answer.status, answer.text, answer.passages, answer.seq) == ("open", "", (), -1)


def test_while_it_waits_the_page_knows_what_for() -> None:
    events = stamped(WHOLE)
    assert fold(events[:1]).waiting == events[0]
    assert fold(events[:4]).waiting == events[3]
    assert fold(events[:5]).waiting is None


def test_while_it_is_written_the_text_grows() -> None:
    events = stamped(WHOLE)
    answer = fold(events[:10])
    assert (answer.status, answer.text, answer.ended_ms) == ("open", "Seven ", None)
    assert answer.after(events[10:11]).text == "Seven days [1], [7]."
    assert answer.after(events[10:11]).first_content_ms == 90


def test_a_stopped_answer_keeps_its_text_and_its_reason() -> None:
    end = Stopped(reason="person", text="Seven ", generations=(GENERATION,))
    answer = fold(stamped([*WHOLE[:10], end]))
    assert (answer.status, answer.text, answer.stop_reason) == ("stopped", "Seven ", "person")
    assert answer.generations == (GENERATION,)


def test_a_failed_answer_keeps_its_text_and_says_what_to_do() -> None:
    end = Failed(error_type="Timeout", message="Retry.", text="Seven ")
    answer = fold(stamped([*WHOLE[:10], end]))
    assert (answer.status, answer.text, answer.message) == ("error", "Seven ", "Retry.")
    assert answer.waiting is None


def test_not_searched_is_not_the_same_as_nothing_found() -> None:
    nothing = SourcesFound(passages=(), searched_passages=9, searched_documents=3, search_ms=1)
    assert fold(stamped(WHOLE[:2])).sources is None
    assert fold(stamped([*WHOLE[:2], nothing])).sources is not None
    assert fold(stamped([*WHOLE[:2], nothing])).passages == ()
