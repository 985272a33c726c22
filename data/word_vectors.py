"""What English words mean, roughly: one short vector for each piece of a word.

Finds a passage that says the same in other words. The table ships with Upshift (word_vectors.npz, made
by tools/make_word_vectors.py from all-MiniLM-L6-v2, Apache-2.0); there is no model to run. Words of
other scripts have no vector: there the search goes by words alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data import paths
from data.words import is_common

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]

FILE = "word_vectors.npz"
SIZE = 128
# A heading says what its text is about: it counts once more, by half.
HEADING_PART = 0.5
_WORD = re.compile("[a-z0-9]+")
_LONGEST_WORD = 40  # characters: what is longer is no word


@lru_cache(maxsize=1)
def _table() -> tuple[dict[str, int], Floats]:
    with np.load(paths.shipped(FILE), allow_pickle=False) as file:
        pieces = file["pieces"].tobytes().decode().split("\n")
        return {piece: number for number, piece in enumerate(pieces)}, file["vectors"].astype(np.float32)


def words_of(text: str) -> list[str]:
    """The informative words of a text, in lower case, as the vectors know them."""
    return [word for word in _WORD.findall(text.lower()) if len(word) > 1 and not is_common(word)]


@lru_cache(maxsize=100_000)
def vector_of(word: str) -> Floats | None:
    """The unit vector of a word (SIZE,), the mean of its pieces, the longest first; None if it has none."""
    known, table = _table()
    at, numbers = 0, []
    while at < min(len(word), _LONGEST_WORD):
        for end in range(len(word), at, -1):
            number = known.get(word[at:end] if at == 0 else f"##{word[at:end]}")
            if number is not None:
                numbers.append(number)
                at = end
                break
        else:
            return None
    if not numbers:
        return None
    return _unit(table[numbers].mean(axis=0))


def passage_vector(heading: str, text: str) -> Floats:
    """The vector of a passage under its headings (SIZE,), at most 1.5 long; zeros without known words."""
    under = words_of(heading)
    return _mean(under + words_of(text)) + HEADING_PART * _mean(under)


def question_vector(weights: Mapping[str, float]) -> Floats:
    """The unit vector of words with their weights. The product with a passage's is in -1.5..1.5."""
    total = np.zeros(SIZE, np.float32)
    for word, weight in weights.items():
        vector = vector_of(word)
        if vector is not None:
            total += weight * vector
    return _unit(total)


def packed(vector: Floats) -> bytes:
    """A passage's vector in SIZE bytes."""
    return np.clip(np.round(vector * 80), -127, 127).astype(np.int8).tobytes()


def unpacked(rows: Iterable[bytes]) -> Floats:
    """Vectors from their bytes (rows, SIZE)."""
    joined = b"".join(rows)
    return np.frombuffer(joined, np.int8).reshape(-1, SIZE).astype(np.float32) * np.float32(1 / 80)


def _mean(words: list[str]) -> Floats:
    vectors = [vector for word in words if (vector := vector_of(word)) is not None]
    return _unit(np.sum(vectors, axis=0)) if vectors else np.zeros(SIZE, np.float32)


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector
