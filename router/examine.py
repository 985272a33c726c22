"""What an ended answer says about its sources: marks with their place, quotes, sentences that do not hold.

The model's text is left as it is, but for marks that name no passage. What Upshift adds is kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.citations import Mark, Quote, Span
from data.records import Passage
from router import cite
from router.sentences import sentences
from router.support import MATCHED, SUPPORTED, quoted_in, says_something, share, told

# Shorter things in quotation marks are names of buttons and the like.
_FEWEST_QUOTED_WORDS = 4
_QUOTE = re.compile(r"“([^”\n]{8,600})”|«([^»\n]{8,600})»|(?<!\w)\"([^\"\n]{8,600})\"(?!\w)")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)


@dataclass(frozen=True)
class Examined:
    """A whole answer, checked against the passages that its model was given."""

    text: str
    cited: tuple[int, ...] = ()
    removed: int = 0
    marks: tuple[Mark, ...] = ()
    quotes: tuple[Quote, ...] = ()
    unsupported: tuple[Span, ...] = ()


def examine(text: str, passages: Sequence[Passage], question: str = "") -> Examined:
    """Check marks, quotes and cited sentences; find the source of sentences that name none.

    `question`: what the person wrote; repeating its words is not quoting a source.
    """
    checked = cite.check(text, passages)
    if not passages:
        return Examined(checked.text, checked.cited, checked.removed, checked.marks)
    own, unsupported = _sentence_by_sentence(checked.text, checked.marks, passages, question)
    marks = sorted((*checked.marks, *own), key=lambda mark: (mark.start, mark.number))
    quotes = _quotes(checked.text, passages, question)
    return Examined(checked.text, checked.cited, checked.removed, tuple(marks), quotes, tuple(unsupported))


def _sentence_by_sentence(
    text: str, marks: Sequence[Mark], passages: Sequence[Passage], question: str
) -> tuple[list[Mark], list[Span]]:
    """Marks of Upshift's own for sentences without one, and cited sentences that do not hold."""
    own: list[Mark] = []
    unsupported: list[Span] = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        cited = [mark.number for mark in marks if span.start <= mark.start < span.end]
        if not cited:
            # Passages come in the order of their relevance: of two that say it, the first is named.
            says = [told(sentence, passage, question) >= MATCHED for passage in passages]
            if any(says):
                own.append(Mark(start=span.end, end=span.end, number=says.index(True) + 1, by="upshift"))
        elif (
            says_something(sentence)
            and max(share(sentence, passages[number - 1]) for number in cited) < SUPPORTED
        ):
            unsupported.append(span)
    return own, unsupported


def _quotes(text: str, passages: Sequence[Passage], question: str) -> tuple[Quote, ...]:
    code = [found.span() for found in _CODE.finditer(text)]
    quotes = []
    for found in _QUOTE.finditer(text):
        words = found[1] or found[2] or found[3]
        in_code = any(start <= found.start() < end for start, end in code)
        if in_code or len(words.split()) < _FEWEST_QUOTED_WORDS or words.lower() in question.lower():
            continue
        number = next((n for n, passage in enumerate(passages, 1) if _has(words, passage)), None)
        quotes.append(Quote(start=found.start(), end=found.end(), number=number, found=number is not None))
    return tuple(quotes)


def _has(words: str, passage: Passage) -> bool:
    """Whether all pieces of a quote (an ellipsis leaves something out) stand in the passage."""
    pieces = [piece for piece in re.split(r"…|\.\.\.", words) if piece.strip()]
    return all(quoted_in(piece, passage) for piece in pieces)
