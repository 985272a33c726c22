"""What reaches the model: order, budget, and room for the answer."""

from __future__ import annotations

import pytest

from data.presets import load_preset
from data.product import Product
from data.records import Message, Passage
from router.errors import ModelError
from router.prepare import build_prompt, conversation_prefix
from router.prompt import (
    LEAST_OUTPUT_TOKENS,
    build,
    estimate_tokens,
    longest_message_characters,
    longest_message_tokens,
    output_tokens,
)
from tests.router.conftest import changed

MODEL = load_preset("scripted").tier("fast")


def exchange(number: int, characters: int = 140) -> list[Message]:
    return [
        Message(role="user", content=f"q{number} " + "x" * characters),
        Message(role="assistant", content=f"a{number} " + "x" * characters),
    ]


def heads(messages: tuple[Message, ...]) -> list[str]:
    return [message.content.split()[0] for message in messages]


def test_the_order_is_system_then_history_then_the_message() -> None:
    built = build("system", [*exchange(1), *exchange(2)], "now", MODEL)
    assert heads(built.messages) == ["system", "q1", "a1", "q2", "a2", "now"]
    assert built.messages[0].role == "system"
    assert built.messages[-1] == Message(role="user", content="now")
    assert built.left_out_turns == 0


def test_without_a_system_prompt_there_is_no_empty_message() -> None:
    assert heads(build("", [], "now", MODEL).messages) == ["now"]


def test_whole_oldest_turns_are_left_out_and_counted() -> None:
    history = [part for number in range(6) for part in exchange(number)]
    tight = MODEL.model_copy(update={"input_budget_tokens": 260})
    built = build("system", history, "now", tight)
    assert heads(built.messages) == ["system", "q4", "a4", "q5", "a5", "now"]
    assert built.left_out_turns == 4
    assert built.estimated_tokens <= 260


def test_a_turn_that_does_not_fit_hides_those_before_it() -> None:
    """A model must not read a conversation with a hole in it."""
    history = [*exchange(1, 10), *exchange(2, 3000), *exchange(3, 10)]
    tight = MODEL.model_copy(update={"input_budget_tokens": 300})
    built = build("", history, "now", tight)
    assert heads(built.messages) == ["q3", "a3", "now"]
    assert built.left_out_turns == 2


def test_the_message_itself_is_never_left_out() -> None:
    tight = MODEL.model_copy(update={"input_budget_tokens": 128})
    built = build("system", exchange(1), "y" * 4000, tight)
    assert built.messages[-1].content == "y" * 4000
    assert built.left_out_turns == 1


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 0, 2), ("word " * 100, 100, 160), ("漢字" * 50, 100, 102), ("🙂" * 10, 10, 12), ("é" * 10, 10, 12)],
)
def test_the_estimate_errs_towards_too_many(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most


def test_prompt_and_answer_fit_into_the_window() -> None:
    for characters in (10, 5_000, 12_000):
        built = build("", [], "x" * characters, MODEL)
        room = output_tokens(built, MODEL)
        assert 1 <= room <= MODEL.max_output_tokens
        assert built.estimated_tokens + room <= MODEL.context_tokens


def test_the_longest_message_leaves_room_for_an_answer(product: Product) -> None:
    room = longest_message_tokens(product.system_prompt, MODEL)
    text = "x" * int((room - 1) * 3.5)
    built = build_prompt([Message(role="user", content=text)], (), product, MODEL)
    assert output_tokens(built, MODEL) >= LEAST_OUTPUT_TOKENS
    with pytest.raises(ModelError, match=rf"can read {room:,}") as caught:
        build_prompt([Message(role="user", content=text + "x" * 20)], (), product, MODEL)
    assert caught.value.error_type == "TooLong"
    assert f"{estimate_tokens(text + 'x' * 20):,} tokens" in caught.value.message


def test_the_limit_that_the_page_tells_is_one_that_is_accepted(product: Product) -> None:
    preset = load_preset("scripted")
    smaller = preset.tiers[1].model_copy(update={"context_tokens": 1024})
    preset = preset.model_copy(update={"tiers": (preset.tiers[0], smaller)})
    limit = longest_message_characters(product.system_prompt, preset)
    assert 0 < limit < 1024 * 3.5
    assert limit % 100 == 0
    for model in preset.tiers:
        build_prompt([Message(role="user", content="x" * limit)], (), product, model)


def test_the_limit_is_never_more_than_a_page_can_hold(product: Product) -> None:
    vast = changed(load_preset("scripted"), context_tokens=1_000_000)
    assert longest_message_characters(product.system_prompt, vast) == 200_000


def test_passages_stand_before_the_question_and_not_in_the_history(product: Product) -> None:
    passage = Passage(passage_id="p", source_id="s", source_title="T", text="A fact.", start=0, end=7)
    messages = [*exchange(1), Message(role="user", content="/fast what?")]
    built = build_prompt(messages, [passage], product, MODEL)
    last = built.messages[-1].content
    assert last.index("A fact") < last.index("what?")
    assert last.endswith("what?")
    assert "/fast" not in last
    assert all("A fact" not in message.content for message in built.messages[:-1])


def test_what_is_read_in_advance_is_the_beginning_of_the_next_prompt(product: Product) -> None:
    first = (Message(role="user", content="/heavy good morning"), Message(role="assistant", content="Hello."))
    prefix = conversation_prefix(first, product, MODEL)
    following = build_prompt((*first, Message(role="user", content="and now?")), (), product, MODEL)
    assert following.messages[: len(prefix)] == prefix
    assert len(prefix) == len(following.messages) - 1
    assert prefix[1].content == "good morning"
