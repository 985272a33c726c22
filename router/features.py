"""Numbers of one message: hashed n-grams, cues and structure. Needs numpy only.

Hashing is our own (FNV-like, on code points), so that the same text gives the same numbers on every
machine and in every process.
"""

from __future__ import annotations

import unicodedata
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from router.cues import cue_names, kinds_of, words_of
from router.message_parts import take_apart
from router.pieces import segments_of
from router.structure import INDEX, STRUCTURE, structure_of

WORDS, CHARS, PASTED = 1 << 14, 1 << 15, 1 << 12
FIRST_CUE = WORDS + CHARS + PASTED
"""Index of the first cue; after them, the same kinds again for the first six words, then structure."""
# What a message says about itself never counts (see router/steering.py, which removes the phrases).
_SELF_WORDS = """
fast faster fastest heavy heavier heaviest simple simpler simplest easy easier easily trivial hard
harder difficult complex complicated tough tricky quick quickly quicker challenging straightforward
model models tier tiers llm router route routing
"""
IGNORED = frozenset(_SELF_WORDS.split())


def size() -> int:
    """How many numbers a message has."""
    return WORDS + CHARS + PASTED + 2 * len(cue_names()) + len(STRUCTURE)


_CUE = 1.5
"""How much a cue weighs against the n-grams (each block has length 1); chosen by cross-validation."""


@dataclass(frozen=True)
class Features:
    """Sparse numbers of a message: `index` (n,) int64, unique and sorted, `value` (n,) float32.

    `names` says in plain words what some of the indices are, for reasons. `tokens` counts the
    words of the request. `known_script` is False for scripts that training has seen little of.
    `segments` are the texts of router.pieces.SEGMENTS.
    """

    index: NDArray[np.int64]
    value: NDArray[np.float32]
    names: dict[int, str]
    tokens: int
    known_script: bool
    segments: tuple[str, ...] = ()


def extract(text: str) -> Features:
    """The numbers of `text`; never raises, whatever the text."""
    parts = take_apart(text)
    request = unicodedata.normalize("NFKC", parts.request)
    tokens = words_of(request)
    words = [word for word in tokens if word not in IGNORED]
    names: dict[int, str] = {}
    blocks = [
        _word_grams(words, names),
        _char_grams(words, WORDS, CHARS),
        _summed(
            *_hashed([f"p {word}" for word in words_of(parts.pasted[:500])[:60]], WORDS + CHARS, PASTED, 0.5)
        ),
    ]
    offset = FIRST_CUE
    blocks.append(_cue_block(words, offset, names))
    structure = structure_of(request, parts, tokens, len(words))
    offset += 2 * len(cue_names())
    present = np.flatnonzero(structure)
    names.update({int(offset + i): STRUCTURE[i] for i in present})
    blocks.append((present + offset, structure[present]))
    other = structure[INDEX["other script"]] + structure[INDEX["Devanagari"]] + structure[INDEX["Arabic"]]
    return Features(
        np.concatenate([block[0] for block in blocks]),  # sorted: each block is, and they stand in order
        np.concatenate([block[1] for block in blocks]),
        names,
        len(words),
        bool(other < 0.3),
        segments_of(request, parts),
    )


def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def _hashed(
    grams: list[str], offset: int, buckets: int, weight: float, names: dict[int, str] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bucket of each distinct gram, the block scaled to length `weight`."""
    if not grams:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    distinct = list(dict.fromkeys(grams))
    index = np.fromiter((offset + _hash(gram) % buckets for gram in distinct), np.int64, len(distinct))
    if names is not None:
        for at, gram in zip(index.tolist(), distinct, strict=True):
            if gram[0] not in "^$" and len(gram) > 2:
                names.setdefault(at, f"says “{gram}”")
    return index, np.full(len(distinct), weight / np.sqrt(len(distinct)), np.float32)


def _word_grams(words: list[str], names: dict[int, str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Words and pairs, and apart from them how the request begins and ends."""
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    inner = _hashed(words + pairs, 0, WORDS, 1.0, names)
    edges = _hashed([f"^{w}" for w in words[:3] + pairs[:1]] + [f"${w}" for w in words[-2:]], 0, WORDS, 0.7)
    return _summed(np.concatenate([inner[0], edges[0]]), np.concatenate([inner[1], edges[1]]))


def _summed(
    index: NDArray[np.int64], value: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each index once, in order, with the sum of its values."""
    unique, where = np.unique(index, return_inverse=True)
    return unique, np.bincount(where, weights=value, minlength=len(unique)).astype(np.float32)


def _char_grams(words: list[str], offset: int, buckets: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Character 2- to 5-grams within and across words, by a rolling hash over code points."""
    text = f" {' '.join(words)} "[:900]
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    rolling, found = points.copy(), []
    for n in range(2, 6):
        if len(points) < n:
            break
        rolling = rolling[:-1] * np.uint64(16777619) ^ points[n - 1 :]
        mixed = (rolling ^ (rolling >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        found.append((mixed >> np.uint64(32)) % np.uint64(buckets))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    index, count = np.unique(np.concatenate(found).astype(np.int64), return_counts=True)
    value = 1 + np.log(count)
    return index + offset, (value / np.linalg.norm(value)).astype(np.float32)


def _cue_block(
    words: list[str], offset: int, names: dict[int, str]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which kinds of request the words name, anywhere and among the first six words."""
    kinds = cue_names()
    seen = np.zeros((2, len(kinds)), np.float32)
    for position, (word, named) in enumerate(zip(words, kinds_of(words[:250]), strict=False)):
        for kind in named:
            seen[0, kind] = _CUE
            if position < 6:
                seen[1, kind] = _CUE
            names.setdefault(offset + kind, f"says “{word[:24]}”")
    flat = seen.ravel()
    present = np.flatnonzero(flat)
    return present + offset, flat[present]
