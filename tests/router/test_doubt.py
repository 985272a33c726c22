"""The doubt: from what can be measured, in words that name the cause."""

from __future__ import annotations

import pytest

from data.doubt import DoubtWeights, SignalWeight, load_doubt
from data.events import Doubted, Finished
from data.records import Message, Passage, Turn
from router.answer import answer
from router.cancel import Cancel
from router.doubt import agreement, doubted, signals
from router.scripted import Reply
from router.services import Services
from tests.passages import EXPORT_LINKS, LOOKUP
from tests.router.conftest import Provider

PASSAGE = EXPORT_LINKS.model_copy(update={"score": 0.7})
GOOD = Finished(text="Export links work for 7 days.")
WEAK = Finished(text="Export links are archived by the accountants in the winter.")


def weights(threshold: float = 0.5, **by_name: float) -> DoubtWeights:
    known = {name: SignalWeight(weight=value, mean=0.5, scale=0.5) for name, value in by_name.items()}
    return DoubtWeights(threshold=threshold, intercept=0.0, signals=known)


def measured(
    end: Finished, passages: tuple[Passage, ...] = (PASSAGE,), **more: object
) -> dict[str, float | None]:
    return signals("How long do export links work?", end, passages, LOOKUP, **more)  # type: ignore[arg-type]


def test_signals_are_what_is_there_and_none_where_there_is_nothing() -> None:
    found = measured(GOOD)
    assert (found["support"], found["relevance"]) == (1, 0.7)
    assert found["log_probability"] is None
    assert found["agreement"] is None
    assert (found["demand"], found["margin"]) == (0.2, pytest.approx(0.3))
    without = measured(GOOD, ())
    assert [without[name] for name in ("support", "coverage", "relevance", "cited")] == [None] * 4
    assert without["from_memory"] == 1


def test_token_probabilities_are_averaged_and_the_worst_are_kept() -> None:
    found = measured(GOOD, log_probabilities=[-0.1] * 39 + [-4.1])
    assert found["log_probability"] == pytest.approx(-0.2)
    assert found["least_log_probability"] == pytest.approx(-0.1)
    assert measured(GOOD, log_probabilities=[-0.1, -4.1])["least_log_probability"] == pytest.approx(-4.1)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("It is 43.", "The sum of both is 43", 1),
        ("It is 43.", "That makes 34.", 0),
        ("Links work for days", "links work for days!", 1),
        ("Blue whales", "Red ants", 0),
        ("", "", 1),
    ],
)
def test_two_models_agree_on_figures_or_on_words(one: str, other: str, expected: float) -> None:
    assert agreement(one, other) == expected


def test_a_signal_that_is_absent_adds_what_was_fitted_for_that() -> None:
    known = DoubtWeights(
        threshold=0.5,
        intercept=0.0,
        signals={"support": SignalWeight(weight=-2, mean=0.5, scale=0.5, absent=0.7)},
    )
    assert known.added({"support": None}) == {"support": 0.7}
    assert known.added({"support": 1.0}) == {"support": -2.0}
    assert known.score({"support": 1.0}) < 0.5 < known.score({})


def test_weak_support_raises_the_doubt_and_the_words_name_it() -> None:
    known = weights(support=-3.0)
    sure = doubted(measured(GOOD), "How long?", (PASSAGE,), "heavy", known)
    unsure = doubted(measured(WEAK), "How long?", (PASSAGE,), "heavy", known)
    assert (sure.shown, sure.words) == (False, "")
    assert unsure.shown
    assert unsure.words == (
        "I'm not sure: parts of this are not in the sources that I read. "
        "Ask the heavy model or check the source."
    )


def test_the_words_name_what_the_passage_does_not_mention() -> None:
    question = "How long do refunds of export links take?"
    known = weights(coverage=-3.0, threshold=0.2)
    event = doubted(signals(question, WEAK, (PASSAGE,), LOOKUP), question, (PASSAGE,), None, known)
    assert "what I read does not mention “refunds”. " in event.words
    assert event.words.endswith("Check the source before you rely on it.")


def test_without_sources_nobody_is_sent_to_one() -> None:
    event = doubted(measured(WEAK, ()), "How long?", (), None, weights(from_memory=3.0))
    assert event.words == (
        "I'm not sure: no document told me this, I answered from memory. "
        "Check it elsewhere before you rely on it."
    )


def test_of_sources_that_were_not_there_nothing_is_said() -> None:
    absent = SignalWeight(weight=-1.0, mean=0.5, scale=0.5, absent=4.0)
    known = DoubtWeights(threshold=0.5, intercept=0.0, signals={"support": absent, "cited": absent})
    found = measured(WEAK, ())
    event = doubted(found, "Translate this: links", (), "heavy", known)
    assert event.score > 0.9
    assert (event.shown, event.words) == (False, ""), "nothing was measured that could be named"
    memory = SignalWeight(weight=0.1, mean=0.5, scale=0.5)
    known = known.model_copy(update={"signals": {**known.signals, "from_memory": memory}})
    assert "sources" not in doubted(found, "Translate this: links", (), "heavy", known).words


@pytest.mark.parametrize(
    ("signal", "value", "words"),
    [
        ("relevance", 0.1, "what I found fits your question only in part"),
        ("log_probability", -2.0, "I hesitated over many words"),
        ("agreement", 0.0, "the other model gave a different answer"),
        ("margin", 0.01, "I was undecided which of my models this needs"),
    ],
)
def test_each_kind_of_signal_can_be_the_cause(signal: str, value: float, words: str) -> None:
    event = doubted(
        {**measured(GOOD), signal: value}, "How long?", (PASSAGE,), None, weights(**{signal: -2.0})
    )
    assert event.cause == signal
    assert words in event.words


def test_the_weights_that_ship_can_be_read_and_use_signals_that_exist() -> None:
    shipped = load_doubt()
    assert shipped.signals.keys() <= measured(GOOD).keys()
    assert 0 < shipped.threshold < 1


def turn(text: str, beside: str = "") -> Turn:
    message = Message(role="user", content=text)
    return Turn(session_id="s", conversation_id="c", messages=(message,), choice="fast", beside=beside)


def doubt_of(services: Services, turn: Turn) -> Doubted:
    *_, doubt, end = answer(turn, services, Cancel())
    assert isinstance(end, Finished)
    assert isinstance(doubt, Doubted)
    return doubt


def test_every_whole_answer_that_claims_something_has_its_doubt(
    services: Services, provider: Provider
) -> None:
    provider.say(
        Reply(text="Only the owner or an admin can delete a shared view.", first_token_ms=0, token_ms=0)
    )
    doubt = doubt_of(services, turn("Who can delete a shared view?"))
    assert doubt.signals["support"] == 1
    assert doubt.signals["log_probability"] is None, "the scripted provider tells none"
    assert 0 < doubt.score < 1


def test_another_models_answer_beside_it_is_compared(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="The sum is 43.", first_token_ms=0, token_ms=0))
    assert doubt_of(services, turn("hi", beside="43")).signals["agreement"] == 1
    assert doubt_of(services, turn("hi", beside="44")).signals["agreement"] == 0
