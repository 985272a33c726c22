"""Sentences of documents that give orders to the model: found, so that the model never reads them.

Documents are data, but a small model does what it reads, or copies it. What it does not read it
cannot follow. This is a heuristic: signs (router/order_signs.py) with weights fitted on written
examples and on real documentation (`python -m benchmarks orders`), so some orders will pass.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import data
from data.records import Passage
from router.order_pieces import Piece, pieces
from router.order_signs import signs

WEIGHTS = Path(data.__file__).with_name("order_weights.toml")

# What some model's template takes for the end of a message when it stands in one: llama.cpp reads the
# names of special tokens wherever they are. And the fence that router/notes.py puts around passages.
_SPECIAL = re.compile(
    r"<(?=[|\uff5c])|<(?=/?\s*(?:s|notes|think|bos|eos|pad|unk|mask|tool_call|tool_response|tools?|start_of_turn"
    r"|end_of_turn|start_of_image|reponame|filename|gh_stars|jupyter_\w+|issue_\w+|endoftext)\b)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG)\b)|<(?=</?SYS>>)",
    re.IGNORECASE,
)
# After these, whatever stands in the same block is part of a forged conversation.
_FORGED = frozenset({"chat_tokens", "fence_tags", "json_role", "end_of_data", "dialogue"})
# How much less (in log-odds) is enough beside an order, and how sure that order must be.
_BESIDE, _SURE = 3.0, 1.5


@dataclass(frozen=True)
class Weights:
    """What each sign adds to the log-odds that a piece is an order, and from where on it counts as one."""

    bias: float
    least: float
    signs: dict[str, float]

    def odds(self, shown: Iterable[str]) -> float:
        """Log-odds that a piece with these signs is an order."""
        return self.bias + sum(self.signs.get(sign, 0.0) for sign in shown)


@cache
def load_weights() -> Weights:
    """The fitted weights that ship."""
    read = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))
    return Weights(read["bias"], read["least"], read["signs"])


def find(text: str, weights: Weights | None = None) -> tuple[tuple[int, int], ...]:
    """The orders in a text: characters from, to; in order, and those side by side as one."""
    weights = weights or load_weights()
    parts = pieces(text)
    shown = signs_of(text, parts)
    odds = [weights.odds(signs_) for signs_ in shown]
    given = [odd >= weights.least for odd in odds]
    _carry_on(parts, shown, [odd - weights.least for odd in odds], given)
    return _joined(text, [part for part, order in zip(parts, given, strict=True) if order])


def signs_of(text: str, parts: Sequence[Piece]) -> list[frozenset[str]]:
    """The signs of each piece; two in turn that name an asker and an answerer are a dialogue."""
    shown = [signs(text, part) for part in parts]
    for at in range(1, len(shown)):
        kinds = [{"asker", "answerer"} & signs_ for signs_ in shown[at - 1 : at + 1]]
        if kinds[0] and kinds[1] and kinds[0] != kinds[1]:
            shown[at - 1], shown[at] = shown[at - 1] | {"dialogue"}, shown[at] | {"dialogue"}
    return shown


def marked(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages with `left_out` set: what a model is not given of them."""
    return tuple(passage.model_copy(update={"left_out": find(passage.text)}) for passage in passages)


def for_model(passage: Passage) -> Passage:
    """The passage as a model may read it: without what was left out, in text, title and headings."""
    text, at = "", 0
    for start, end in passage.left_out:
        text, at = text + passage.text[at:start], end
    text += passage.text[at:]
    title, *heading = (
        "" if find(part) else harmless(part) for part in (passage.source_title, *passage.heading)
    )
    changes = {"text": harmless(text), "source_title": title, "heading": tuple(filter(None, heading))}
    return passage.model_copy(update=changes)


def harmless(text: str) -> str:
    """`text` in which nothing is a chat template's token or closes the fence: a space breaks those up."""
    return _SPECIAL.sub(lambda found: found[0] + " ", text)


def _carry_on(
    parts: Sequence[Piece], shown: Sequence[frozenset[str]], above: Sequence[float], given: list[bool]
) -> None:
    """Count what goes on from an order, and what stands between two of them, as part of it.

    `above`: by how much the log-odds of each piece are above what counts as an order.
    """
    sure = False  # whether the order that goes on is one beyond doubt
    for at in range(1, len(parts)):
        sure = given[at - 1] and (sure or above[at - 1] >= _SURE or bool(shown[at - 1] & _FORGED))
        if sure and not given[at]:
            if parts[at].block != parts[at - 1].block:
                given[at] = above[at] >= -_BESIDE / 2
            else:
                telling = bool(shown[at] & {"contact", "quoted"} or shown[at - 1] & _FORGED)
                given[at] = above[at] >= -_BESIDE or telling
    for at in range(len(parts) - 1):
        beside = parts[at].block == parts[at + 1].block and given[at + 1] and above[at + 1] >= _SURE
        # What stands behind the same forged label ("[SYSTEM] …") belongs together.
        if beside and (above[at] >= -_BESIDE / 3 or "tagged" in shown[at]):
            given[at] = True
    for at in range(1, len(parts) - 1):
        if given[at - 1] and given[at + 1] and parts[at - 1].block == parts[at + 1].block:
            given[at] = True


def _joined(text: str, found: Sequence[Piece]) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for piece in found:
        if spans and not text[spans[-1][1] : piece.start].strip():
            spans[-1] = (spans[-1][0], piece.end)
        else:
            spans.append((piece.start, piece.end))
    return tuple(spans)
