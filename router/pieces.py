"""Cuts a message into segments, and these into pieces of a language model's vocabulary.

Segments say where something was asked: the whole request, its opening, first and last sentence, its
questions, and what was pasted. Pieces bring what a large model knows about words into the decision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from router.message_parts import Parts

Ids = NDArray[np.int64]

SEGMENTS = ("whole", "opening", "first sentence", "last sentence", "questions", "pasted")
_OPENING, _READ, _PASTED = 6, 2000, 600  # words; characters
_LONGEST = 16  # characters of a piece; longer ones are rare

_SENTENCE = re.compile(r"(?<=[.!?…؟।])\s+|\n+|(?<=[。！？])")
# Letters with what stands before them, single digits, runs of signs: as byte-pair models cut.
_WORD = re.compile(r"(?:[^\r\n\w]|_)?[^\W\d_]+|\d| ?[^\s\w]+")


def segments_of(request: str, parts: Parts) -> tuple[str, ...]:
    """The text of each of SEGMENTS."""
    text = request[:_READ].replace("␞", " ")
    sentences = [found for found in _SENTENCE.split(text) if len(found.strip()) > 1] or [text]
    questions = " ".join(found for found in sentences if any(mark in found for mark in "?？؟"))
    return (
        text,
        " ".join(text.split()[:_OPENING]),
        sentences[0],
        sentences[-1],
        questions,
        parts.pasted[:_PASTED],
    )


class Vocabulary:
    """Pieces with their numbers; text is cut greedily, the longest piece first.

    `ignored` words (lower case) have no pieces. Safe to share between threads.
    """

    def __init__(self, pieces: Sequence[str], ignored: frozenset[str] = frozenset()) -> None:
        self.pieces = tuple(pieces)
        self._ids = {piece: number for number, piece in enumerate(self.pieces)}
        self._ignored = ignored
        self._cut = lru_cache(maxsize=16_384)(self._cut_word)

    def ids(self, text: str) -> Ids:
        """The numbers of the pieces of `text`, in order."""
        found = [number for word in _WORD.findall(f" {text}") for number in self._cut(word)]
        return np.array(found, np.int64)

    def _cut_word(self, word: str) -> tuple[int, ...]:
        if word.strip().lower() in self._ignored:
            return ()
        at, found = 0, []
        while at < len(word):
            for end in range(min(len(word), at + _LONGEST), at, -1):
                number = self._ids.get(word[at:end])
                if number is not None:
                    found.append(number)
                    at = end
                    break
            else:
                at += 1  # a sign that no piece has
        return tuple(found)
