"""What a sentence or a passage means, as one vector: finds what is said in quite other words.

The network is all-MiniLM-L6-v2 (six layers, trained on a thousand million pairs of English texts that
belong together, questions with their answers among them); `data/meaning_weights` says where its weights
come from. Numpy only: about 8 ms for a question, 60 for a passage on one core. `data.word_vectors` is its
little relative, for collections that are too large to be read so closely.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import read_arrays
from data.config import ConfigError
from data.paths import shipped
from data.word_pieces import WordPieces

Floats = NDArray[np.float32]

SIZE = 384
LAYERS, HEADS = 6, 12
WEIGHTS = "meaning_weights"
MOST_PIECES = 126
"""Of a passage; what is longer is read up to here."""
MOST_OF_A_QUESTION = 40
_SCALE = 400  # of the numbers of a vector of length 1, to keep them in a byte each
_ROOT = math.sqrt(SIZE // HEADS)


class MeaningEncoder:
    """The network with its vocabulary. Safe to share between threads."""

    def __init__(self, arrays: Any) -> None:
        self._pieces = WordPieces(bytes(arrays["pieces"]).decode().split("\n"))
        self._rows, self._scales = arrays["words"], arrays["words_scale"].astype(np.float32)
        self._part = {
            name[2:]: arrays[name] * arrays[f"s_{name[2:]}"].astype(np.float32)
            for name in list(arrays)
            if name.startswith("q_")
        } | {name[2:]: arrays[name].astype(np.float32) for name in list(arrays) if name.startswith("v_")}

    def encode(self, text: str, most: int = MOST_PIECES) -> Floats:
        """`text`, up to `most` pieces of words, as a vector of length 1: (SIZE,)."""
        numbers = np.array(self._pieces.ids(text, min(most, MOST_PIECES)))
        state = self._normed(self._looked_up(numbers) + self._part["places"][: len(numbers)], "begin")
        for layer in range(LAYERS):
            state = self._normed(state + self._attended(state, layer), f"a{layer}")
            inner = _gelu(self._linear(state, f"up{layer}"))
            state = self._normed(state + self._linear(inner, f"down{layer}"), f"o{layer}")
        mean = state.mean(axis=0)
        return np.asarray(mean / max(1e-6, float(np.sqrt(mean @ mean))), np.float32)

    def _looked_up(self, numbers: NDArray[np.int64]) -> Floats:
        """The pieces' vectors; two numbers of 4 bits share a byte."""
        packed = self._rows[numbers]
        wide = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
        return np.asarray(wide * self._scales[numbers][:, None], np.float32)

    def _attended(self, state: Floats, layer: int) -> Floats:
        heads = self._linear(state, f"qkv{layer}").reshape(len(state), 3, HEADS, SIZE // HEADS)
        query, key, value = heads.transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / _ROOT
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ value).transpose(1, 0, 2).reshape(len(state), SIZE)
        return self._linear(mixed, f"mix{layer}")

    def _linear(self, state: Floats, name: str) -> Floats:
        return np.asarray(state @ self._part[name] + self._part[f"{name}_b"], np.float32)

    def _normed(self, state: Floats, name: str) -> Floats:
        centred = state - state.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.einsum("ij,ij->i", centred, centred) / SIZE + 1e-12)[:, None]
        return np.asarray(centred / spread * self._part[f"{name}_g"] + self._part[f"{name}_b"], np.float32)


def _gelu(values: Floats) -> Floats:
    """x Φ(x), Φ by its usual tanh form (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""
    inner = math.sqrt(2 / math.pi) * (values + np.float32(0.044715) * values * values * values)
    return np.asarray(np.float32(0.5) * values * (1 + np.tanh(inner)), np.float32)


def of_passage(encoder: MeaningEncoder, path: Sequence[str], text: str) -> bytes:
    """A passage's two vectors, of its text and of the path of its headings, in 2 × SIZE bytes."""
    return packed(np.stack([encoder.encode(text), encoder.encode(" > ".join(path))]))


def packed(vectors: Floats) -> bytes:
    """Vectors of length 1 in a byte a number."""
    return np.clip(np.round(vectors * _SCALE), -127, 127).astype(np.int8).tobytes()


def unpacked(rows: Iterable[bytes], each: int) -> Floats:
    """The vectors from their bytes, `each` of them in a row: (each, rows, SIZE)."""
    numbers = np.frombuffer(b"".join(rows), np.int8).reshape(-1, each, SIZE)
    return np.ascontiguousarray(numbers.transpose(1, 0, 2), np.float32) / np.float32(_SCALE)


def load(folder: Path) -> MeaningEncoder:
    """The encoder in `folder`. Raises ConfigError."""
    path = folder / "encoder.npz"
    arrays = read_arrays(path, "the search's close reading")
    try:
        return MeaningEncoder(arrays)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{path}: the search's close reading cannot be loaded ({error}).") from error


@cache
def shipped_encoder() -> MeaningEncoder:
    """The one that ships; read once in a process. Raises ConfigError."""
    return load(shipped(WEIGHTS))
