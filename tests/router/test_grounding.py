"""Answers that stand on the documents stay; what nobody told is taken back."""

from __future__ import annotations

import pytest

from data.events import Doubted, Event, FellBack, Finished, FirstChunk, SourcesFound, TextDelta
from data.records import Message, Turn
from router.answer import answer
from router.cancel import Cancel
from router.ending import UnderWay
from router.grounding import checkable, coverage, says_not_told, stands, support
from router.scripted import Reply
from router.services import Services
from tests.passages import EXPORT_LINKS as PASSAGE
from tests.passages import LOOKUP
from tests.router.conftest import Provider

QUICK: dict[str, int] = {"first_token_ms": 0, "token_ms": 0}
# Every word of it is in the passage on export links.
SURE = "Who can delete a shared view?"
EXPORT = "For how many days do export links work?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The documents do not say what it costs.", True),
        ("Upshift's documentation does not mention refunds.", True),
        ("There is no information about that.", True),
        ("I couldn't find anything about Slack in the notes.", True),
        ("It isn't mentioned.", True),
        ("Export links work for 7 days.", False),
        ("No, Sketchpad does not support single sign-on with Okta.", False),
        ("No, the log never slows the answer down.", False),
        ("You do not need a key. Say hello to it.", False),
    ],
)
def test_saying_that_it_is_not_told_is_recognised(text: str, expected: bool) -> None:
    assert says_not_told(text) is expected


def test_support_is_the_share_of_the_answers_words_that_its_passages_have() -> None:
    assert support("Export links work for 7 days [1].", (PASSAGE,)) == 1
    assert support("Export links work for 30 days [1].", (PASSAGE,)) == 0
    assert support("You can schedule mails in the calendar of the app.", (PASSAGE,)) == 0
    assert support("7 days.", (PASSAGE,)) is None, "too little to tell"


def test_words_of_the_question_are_not_held_against_an_answer() -> None:
    answer = "Yes, a temporary helper can remove a shared view if an admin or the owner does it."
    asked = "Can a temporary helper remove such a thing?"
    alone, with_question = support(answer, (PASSAGE,)), support(answer, (PASSAGE,), asked)
    assert alone is not None
    assert with_question is not None
    assert with_question > alone
    imagined = "The thing is removed by pressing the purple button in the calendar."
    assert support(imagined, (PASSAGE,), asked) == support(imagined, (PASSAGE,)) == 0


def test_a_sentence_that_repeats_the_question_is_left_out_where_the_passage_likely_tells() -> None:
    answer, asked = (
        "No, you do not need an expensive licence for the standard board.",
        "Do I need an expensive licence for the standard board?",
    )
    near, likely = (PASSAGE.model_copy(update={"score": score}) for score in (0.1, 0.6))
    assert support(answer, (near,), asked) == 0
    assert support(answer, (likely,), asked) is None, "a yes or a no cannot be held against words"
    assert stands(answer, (likely,), asked)
    assert not stands(answer, (near,), asked)


def test_coverage_is_about_the_question() -> None:
    assert coverage(EXPORT, (PASSAGE,)) == 1
    assert coverage("Which cipher protects invoices?", (PASSAGE,)) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Export links work for 7 days.", True),
        ("The founder was Ada Smith from Leeds, in 2008.", False),
        ("The documents do not say who founded it.", True),
        ("Der Gründer hieß Adam Schmidt, aus Leipzig, vor hundert Jahren.", True),
    ],
)
def test_only_claims_without_a_source_fall(text: str, expected: bool) -> None:
    assert stands(text, (PASSAGE,)) is expected


@pytest.mark.parametrize(
    ("question", "task", "expected"),
    [
        ("Who founded the app?", "lookup", True),
        ("how long do links work", "lookup", True),
        ("Tell me a story about links that are slow.", "lookup", False),
        ("Write a mail about our new teapot?", "draft", False),
        ("Should the app keep the links?", "advice", False),
        ("Wie lange gelten Links?", "lookup", False),
    ],
)
def test_only_an_english_question_of_fact_is_held_against_passages(
    question: str, task: str, expected: bool
) -> None:
    decision = LOOKUP.model_copy(update={"task": task})
    assert checkable(question, (PASSAGE,), decision) is expected
    assert not checkable(question, (), decision)


# On the whole way.


def turn_of(text: str) -> Turn:
    return Turn(session_id="s", conversation_id="c", messages=(Message(role="user", content=text),))


def events_of(services: Services, text: str) -> list[Event]:
    turn = turn_of(text).model_copy(update={"choice": "fast"})
    return list(answer(turn, services, Cancel()))


def streamed(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def end_of(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def test_an_answer_that_its_passage_tells_is_shown_as_it_comes(
    services: Services, provider: Provider
) -> None:
    provider.say(Reply(text="Only the owner or an admin can delete a shared view [1].", **QUICK))
    events = events_of(services, SURE)
    assert len([event for event in events if isinstance(event, TextDelta)]) > 1
    assert end_of(events).withdrawn == ""
    assert end_of(events).cited == (1,)


def test_an_answer_from_imagination_is_taken_back(services: Services, provider: Provider) -> None:
    imagined = "Shared views vanish on the first Monday of every month at midnight."
    provider.say(Reply(text=imagined, **QUICK))
    events = events_of(services, SURE)
    end = end_of(events)
    assert end.withdrawn == imagined
    assert says_not_told(end.text)
    assert "Sharing › Export links" in end.text, "it says what was read"
    assert (end.cited, end.marks) == ((), ())
    assert not [event for event in events if isinstance(event, Doubted)], "it claims nothing"


def test_what_is_only_near_the_question_is_held_until_a_sentence_stands(
    services: Services, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.ending.sure", lambda question, passages: False)
    provider.say(
        Reply(text="Well, now. Only the owner or an admin can delete a shared view. Ask them.", **QUICK)
    )
    events = events_of(services, SURE)
    first = next(event for event in events if isinstance(event, TextDelta))
    assert first.text.startswith("Well, now. Only the owner or an admin can delete a shared view.")
    assert streamed(events) == end_of(events).text


def test_held_imagination_is_never_shown(
    services: Services, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.ending.sure", lambda question, passages: False)
    provider.say(Reply(text="Choose the calendar, then press the green button. " * 40, **QUICK))
    events = events_of(services, SURE)
    assert streamed(events) == ""
    assert any(isinstance(event, FirstChunk) for event in events)
    assert says_not_told(end_of(events).text)
    assert len(end_of(events).withdrawn) < 700, "the model is not left to write on"


def test_a_question_about_the_product_that_nothing_tells(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="The documentation does not say what Sketchpad costs.", **QUICK))
    events = events_of(services, "What is the monthly price of Sketchpad?")
    [found] = [event for event in events if isinstance(event, SourcesFound)]
    assert (found.nothing_said, found.passages) == (True, ())
    assert "says nothing about this" in provider.prompts()[0][-1]["content"]
    assert end_of(events).text == "The documentation does not say what Sketchpad costs."
    assert end_of(events).withdrawn == ""


def test_a_model_that_guesses_all_the_same_is_not_believed(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="Sketchpad costs 12 euros.", **QUICK))
    end = end_of(events_of(services, "What is the monthly price of Sketchpad?"))
    assert end.withdrawn == "Sketchpad costs 12 euros."
    assert says_not_told(end.text)


@pytest.mark.parametrize(
    "text",
    ["Translate to French: Sketchpad is expensive.", "How far is the moon?", "Write a poem on Sketchpad."],
)
def test_what_does_not_ask_about_the_product_is_left_alone(
    services: Services, provider: Provider, text: str
) -> None:
    provider.say(Reply(text="Purple monkeys paint the distant harbour walls.", **QUICK))
    events = events_of(services, text)
    assert not any(event.nothing_said for event in events if isinstance(event, SourcesFound))
    assert "says nothing" not in provider.prompts()[0][-1]["content"]
    assert end_of(events).text == "Purple monkeys paint the distant harbour walls."


@pytest.mark.parametrize("nothing", ["[1]", " [1] [2].", SURE, f"{SURE} [1]"])
def test_a_mark_alone_or_the_question_again_is_no_answer(
    services: Services, provider: Provider, nothing: str
) -> None:
    provider.say(
        Reply(model="fast", text=nothing, **QUICK),
        Reply(text="Only the owner or an admin can delete a shared view [1].", **QUICK),
    )
    events = events_of(services, SURE)
    [fallen] = [event for event in events if isinstance(event, FellBack)]
    assert fallen.error_type == "EmptyAnswer"
    assert (
        streamed(events) == end_of(events).text == "Only the owner or an admin can delete a shared view [1]."
    )


def test_an_answer_that_begins_like_the_question_is_shown_whole(
    services: Services, provider: Provider
) -> None:
    text = "Who can delete a shared view? Only the owner or an admin [1]."
    provider.say(Reply(text=text, **QUICK))
    events = events_of(services, SURE)
    assert streamed(events) == end_of(events).text == text


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("nothing", ["[1]", SURE, f"{SURE} [1]"])
def test_however_it_is_cut_nothing_of_no_answer_is_shown(size: int, nothing: str) -> None:
    under_way = UnderWay(turn_of(SURE), 0.0)
    under_way.decided(LOOKUP, (PASSAGE,), nothing_said=False)
    assert [under_way.take(nothing[at : at + size]) for at in range(0, len(nothing), size)].count("") == -(
        -len(nothing) // size
    )
    assert under_way.says_nothing
    under_way.again()
    text = "Only the owner or an admin can delete it [1]."
    shown = "".join(under_way.take(text[at : at + size]) for at in range(0, len(text), size))
    assert shown + under_way.release() == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Yes or no: can only an admin delete a shared view?", "Yes."),
        ("7 days or 30 days: how long do export links work?", "7 days [1]."),
        ("Which sign means that a shared view is deleted?", "👍"),
    ],
)
def test_a_short_answer_in_the_questions_words_is_one(question: str, text: str) -> None:
    under_way = UnderWay(turn_of(question), 0.0)
    under_way.decided(LOOKUP, (PASSAGE,), nothing_said=False)
    under_way.held = False
    shown = "".join(under_way.take(character) for character in text)
    assert not under_way.says_nothing
    assert shown + under_way.release() == text


def test_a_long_held_answer_that_may_stay_goes_on_being_shown() -> None:
    under_way = UnderWay(turn_of("How do I write an owner?"), 0.0)
    under_way.decided(LOOKUP, (PASSAGE,), nothing_said=False)
    under_way.held = True
    code = "```python\n" + "x = 1\n" * 200 + "```"
    shown = "".join(under_way.take(line) for line in code.splitlines(keepends=True))
    assert not under_way.hopeless
    assert shown + under_way.release() == code


def test_without_passages_a_model_may_repeat_what_was_said(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="hi", **QUICK))
    assert end_of(events_of(services, "hi")).text == "hi"


def test_claims_about_the_product_without_a_source_are_taken_back(
    services: Services, provider: Provider
) -> None:
    claim = "Open Sketchpad, choose Calendar and pick tomorrow morning."
    provider.say(Reply(text=claim, **QUICK))
    end = end_of(events_of(services, "How is a message put off until tomorrow?"))
    assert end.withdrawn == claim
    assert says_not_told(end.text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How far is the moon?", "About 384,400 km."),
        ("Who are you?", "I am the assistant of Sketchpad."),
        ("What can you do for me?", "I answer questions about Sketchpad."),
        ("What is the capital of Peru?", "As the assistant of Sketchpad I can say: Lima."),
        ("What do artists draw on?", "On a sketchpad, with a pencil."),
    ],
)
def test_the_world_and_the_assistant_itself_need_no_document(
    services: Services, provider: Provider, question: str, text: str
) -> None:
    provider.say(Reply(text=text, **QUICK))
    end = end_of(events_of(services, question))
    assert (end.text, end.withdrawn) == (text, "")
