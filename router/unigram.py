"""Cuts words into the pieces of a unigram vocabulary: of all ways to cut, the likeliest.

Kudo 2018, "Subword regularization", by Viterbi's algorithm, word by word; words come again and again, so
their pieces are remembered.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_START = "\u2581"  # what such vocabularies write for the space before a word
_LONGEST = 16  # characters of a piece; longer ones are rare
_RUN = 48  # characters; scripts without spaces make long words, which are dealt out in such runs


class Unigram:
    """`pieces` with their log-probabilities; number `unknown` stands for signs that no piece has."""

    def __init__(self, pieces: Sequence[str], scores: Sequence[float], unknown: int = 0) -> None:
        self._known = {
            piece: (at, score) for at, (piece, score) in enumerate(zip(pieces, scores, strict=True))
        }
        self._unknown, self._penalty = unknown, min(scores) - 10.0
        self._cut = lru_cache(maxsize=32_768)(self._cut_word)

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of `text`, as they are cut: each has at least one piece."""
        words = unicodedata.normalize("NFKC", text).split()
        return [word[at : at + _RUN] for word in words for at in range(0, len(word), _RUN)]

    def ids(self, words: Iterable[str]) -> list[int]:
        """The numbers of the pieces of `words`, in order."""
        return [number for word in words for number in self._cut(word)]

    def _cut_word(self, word: str) -> tuple[int, ...]:
        word = _START + word
        best = [0.0] + [float("-inf")] * len(word)
        came: list[tuple[int, int]] = [(0, 0)] * (len(word) + 1)
        for at in range(len(word)):
            for end in range(at + 1, min(len(word), at + _LONGEST) + 1):
                number, score = self._known.get(word[at:end], (self._unknown, None))
                if score is None:
                    if end > at + 1:
                        continue
                    score = self._penalty
                if best[at] + score > best[end]:
                    best[end], came[end] = best[at] + score, (at, number)
        found: list[int] = []
        at = len(word)
        while at:
            at, number = came[at]
            found.append(number)
        return tuple(reversed(found))
