"""From a message to what a model will read: shared by answering and by reading in advance.

Both must build the same prompt to the letter, or what was read in advance is of no use.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.presets import TierModel
from data.product import Product
from data.records import Decision, Message, Passage
from router.decide import split_command
from router.errors import ModelError
from router.prompt import Prompt, build, estimate_tokens, longest_message_tokens
from router.retrieve import Found, Retriever, prompt_block


def find_sources(
    messages: Sequence[Message], decision: Decision, retriever: Retriever, model: TierModel
) -> Found:
    """The passages for the last of `messages`, within the tier's token budget."""
    question = split_command(messages[-1].content)[1]
    return retriever.find(
        question, messages[:-1], task=decision.task, budget_tokens=model.input_budget_tokens
    )


def build_prompt(
    messages: Sequence[Message], passages: Sequence[Passage], product: Product, model: TierModel
) -> Prompt:
    """What `model` reads: system prompt, history, and the last message with its passages before it.

    Raises ModelError when the message alone is too long for the model's window.
    """
    question = split_command(messages[-1].content)[1]
    _refuse_too_long(question, product.system_prompt, model)
    asked = f"{prompt_block(passages)}\n\n{question}" if passages else question
    return build(product.system_prompt, messages[:-1], asked, model)


def conversation_prefix(
    history: Sequence[Message], product: Product, model: TierModel
) -> tuple[Message, ...]:
    """The beginning that the next prompt of a conversation will share with this one."""
    built = build(product.system_prompt, history, "", model)
    return built.messages[:-1]


def _refuse_too_long(question: str, system: str, model: TierModel) -> None:
    room = longest_message_tokens(system, model)
    needed = estimate_tokens(question)
    if needed > room:
        advice = (
            f"This message has about {needed:,} tokens; {model.label} can read {room:,}. "
            "Shorten it, or send it in parts."
        )
        raise ModelError("TooLong", advice)
