"""Cuts text into the pieces that a BERT was trained on: WordPiece, the longest piece first.

Words are in lower case and without accents, punctuation and signs of scripts without spaces stand alone
(Devlin et al. 2019, arXiv 1810.04805, and its published uncased vocabulary).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_LONGEST_WORD = 60  # characters: what is longer is no word


class WordPieces:
    """`pieces` in the order of their numbers, with marks for a text's ends and for what is unknown."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(pieces)}
        self.first, self.last = self._numbers["[CLS]"], self._numbers["[SEP]"]
        self._unknown = self._numbers["[UNK]"]
        self._cut = lru_cache(maxsize=32_768)(self._cut_word)

    def ids(self, text: str, most: int) -> list[int]:
        """The numbers of the first pieces of `text` between the marks of its ends: at most `most` + 2."""
        found: list[int] = []
        for word in _words(text):
            found += self._cut(word)
            if len(found) >= most:
                break
        return [self.first, *found[:most], self.last]

    def _cut_word(self, word: str) -> tuple[int, ...]:
        at, found = 0, []
        while at < len(word):
            for end in range(len(word), at, -1):
                number = self._numbers.get(word[at:end] if at == 0 else f"##{word[at:end]}")
                if number is not None:
                    found.append(number)
                    at = end
                    break
            else:
                return (self._unknown,)
        return tuple(found)


def _words(text: str) -> list[str]:
    folded = "".join(
        sign for sign in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(sign) != "Mn"
    )
    spaced = "".join(f" {sign} " if _stands_alone(sign) else sign for sign in folded)
    return [word[:_LONGEST_WORD] for word in spaced.split()]


@lru_cache(maxsize=4096)
def _stands_alone(sign: str) -> bool:
    if sign.isascii():
        return not sign.isalnum() and not sign.isspace()
    return unicodedata.category(sign).startswith("P") or "\u3400" <= sign <= "\u9fff"
