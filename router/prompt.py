"""What reaches the model: system prompt, as much history as the budget allows, sources, the message.

The order is stable from turn to turn (system, then old turns, then what is new), because a model
that has read the beginning before does not have to read it again. Whole old turns are left out
first; the message itself never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.presets import Preset, TierModel
from data.records import Message

# Room that is kept for an answer when the message itself is as long as it may be.
LEAST_OUTPUT_TOKENS = 256
# What a chat template adds to each message (role names and separators).
TEMPLATE_TOKENS = 6


@dataclass(frozen=True)
class Prompt:
    """The messages for a model and how many old turns did not fit."""

    messages: tuple[Message, ...]
    left_out_turns: int
    estimated_tokens: int


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few.

    Byte-pair vocabularies take 3.5 to 4.5 characters of English for a token and about one character
    of other scripts; there is no need for the exact figure, only for one that is safe and free.
    """
    ascii_characters = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return round(ascii_characters / 3.5) + (len(text) - ascii_characters) + 1


def build(system: str, history: Sequence[Message], message: str, model: TierModel) -> Prompt:
    """The prompt for `model`: `history` is what came before, `message` what is asked now."""
    kept = [Message(role="user", content=message)]
    used = sum(estimate_tokens(text) + TEMPLATE_TOKENS for text in (system, message))
    exchanges = _exchanges(history)
    left_out = len(exchanges)
    for exchange in reversed(exchanges):
        cost = sum(estimate_tokens(part.content) + TEMPLATE_TOKENS for part in exchange)
        if used + cost > model.input_budget_tokens:
            break
        kept = [*exchange, *kept]
        used += cost
        left_out -= 1
    start = [Message(role="system", content=system)] if system else []
    return Prompt((*start, *kept), left_out, used)


def output_tokens(prompt: Prompt, model: TierModel) -> int:
    """How many tokens the answer may have so that prompt and answer fit into the window."""
    return max(1, min(model.max_output_tokens, model.context_tokens - prompt.estimated_tokens))


def longest_message_tokens(system: str, model: TierModel) -> int:
    """How many (estimated) tokens a message may have so that an answer still fits."""
    return model.context_tokens - LEAST_OUTPUT_TOKENS - estimate_tokens(system) - 2 * TEMPLATE_TOKENS


def longest_message_characters(system: str, preset: Preset) -> int:
    """How many characters of plain English fit into the smallest window of the preset's tiers."""
    tokens = min(longest_message_tokens(system, model) for model in preset.tiers)
    return max(0, min(int(tokens * 3.5) // 100 * 100, 200_000))


def _exchanges(history: Sequence[Message]) -> list[list[Message]]:
    """The history cut into turns: a user message with the answers to it."""
    exchanges: list[list[Message]] = []
    for message in history:
        if message.role == "user" or not exchanges:
            exchanges.append([])
        exchanges[-1].append(message)
    return exchanges
