"""From a message to what a model will read: shared by answering and by reading in advance.

Both must build the same prompt to the letter, or what was read in advance is of no use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from data.knowledge_index import KnowledgeIndex
from data.presets import TierModel
from data.product import Product
from data.records import Decision, Message, Passage
from router import orders
from router.decide import split_command
from router.differing import with_the_other_side
from router.errors import ModelError
from router.grounding import LOOKED_UP
from router.notes import with_notes, with_nothing_said
from router.prompt import Prompt, build, estimate_tokens, longest_message_tokens
from router.retrieve import Found, Retriever

# "Who are you?" is answered from the system prompt.
_TO_THE_ASSISTANT = re.compile(r"\b(?:you|your|yourself)\b", re.IGNORECASE)


def find_sources(
    messages: Sequence[Message],
    decision: Decision,
    retriever: Retriever,
    product: Product,
    model: TierModel,
    *,
    files: KnowledgeIndex | None = None,
    attached: bool = False,
) -> Found:
    """The passages for the last of `messages`, within the tier's token budget and its window.

    `files` are those of the conversation; `attached`: some came with this very message.
    """
    question = _question(messages)
    room = longest_message_tokens(product.system_prompt, model) - estimate_tokens(question)
    budget = max(0, min(model.input_budget_tokens, room))
    found = retriever.find(
        question,
        messages[:-1],
        task=decision.task,
        budget_tokens=budget,
        files=files,
        attached=attached,
    )
    return replace(found, passages=orders.marked(with_the_other_side(found.passages, found.near)))


def nothing_said(messages: Sequence[Message], decision: Decision, found: Found, product: Product) -> bool:
    """Whether the last message asks for a fact about the product of which the documents say nothing.

    Only where it names the product: of other messages nobody knows that the documents should tell.
    """
    if not _looked_for(found, decision):
        return False
    return _named(product.name, *product.also_called).search(_question(messages)) is not None


def unasked_product(
    messages: Sequence[Message], decision: Decision, found: Found, product: Product
) -> re.Pattern[str] | None:
    """Finds the product's name in the answer to a question of fact on which the documents are silent.

    Such an answer is a claim about the product for which there is no source. None where that cannot be
    said: documents were given, or the question names the product or is about the assistant itself.
    """
    question = _question(messages)
    if not _looked_for(found, decision) or _TO_THE_ASSISTANT.search(question):
        return None
    if _named(product.name).search(question):
        return None
    # As it is written, since it may be a common word; and not where the assistant only names itself.
    itself = "".join(f"(?<!assistant {word} )" for word in ("of", "for", "in"))
    return re.compile(rf"{itself}(?<!\w){re.escape(product.name)}(?!\w)")


def _looked_for(found: Found, decision: Decision) -> bool:
    """Whether a fact was looked for in the documents, and not found."""
    return not found.passages and found.searched_passages > 0 and decision.task in LOOKED_UP


def _named(*names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)", re.IGNORECASE)


def _question(messages: Sequence[Message]) -> str:
    return split_command(messages[-1].content)[1]


def build_prompt(
    messages: Sequence[Message],
    passages: Sequence[Passage],
    product: Product,
    model: TierModel,
    *,
    untold: bool = False,
) -> Prompt:
    """What `model` reads: system prompt, history, and the last message with its passages before it.

    With `untold` the model is told that the documents say nothing about the message.

    Raises ModelError when the message is blank, or alone too long for the model's window.
    """
    command, question = split_command(messages[-1].content)
    if not question.strip():
        behind = f" behind /{command}" if command else ""
        raise ModelError("Blank", f"There is nothing to answer yet. Write a question{behind}.")
    _refuse_too_long(question, product.system_prompt, model)
    asked = with_nothing_said(question, product.name) if untold else with_notes(question, passages)
    return build(product.system_prompt, _without_commands(messages[:-1]), asked, model)


def conversation_prefix(
    history: Sequence[Message], product: Product, model: TierModel
) -> tuple[Message, ...]:
    """The beginning that the next prompt of a conversation will share with this one."""
    built = build(product.system_prompt, _without_commands(history), "", model)
    return built.messages[:-1]


def _without_commands(history: Sequence[Message]) -> list[Message]:
    """The history without the commands in it: they were for the router, not for the model."""
    return [
        message.model_copy(update={"content": split_command(message.content)[1]})
        if message.role == "user"
        else message
        for message in history
    ]


def _refuse_too_long(question: str, system: str, model: TierModel) -> None:
    room = longest_message_tokens(system, model)
    needed = estimate_tokens(question)
    if needed > room:
        advice = (
            f"This message has about {needed:,} tokens; {model.label} can read {room:,}. "
            "Shorten it, or send it in parts."
        )
        raise ModelError("TooLong", advice)
