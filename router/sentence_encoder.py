"""What a request asks for, read as a whole, in some sixteen languages: the router's close reading.

The network is Google's multilingual universal sentence encoder (Yang et al. 2019, arXiv 1907.04307), the
variant that averages words and the convolutions over two, three and five of them. The second convolutions
are products of two thin matrices (router/pack_encoder.py); then it was trained further on our own prompts
(router/teach_encoder.py). data/router_reader says where it is from. Numpy only, a millisecond a message.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import read_arrays
from data.config import ConfigError
from data.paths import shipped
from router.unigram import Unigram

Vector = NDArray[np.float32]
Ids = tuple[int, ...]

SIZE = 512
READ = {"request": (40, 22), "pasted": (24, 0), "before": (40, 22)}
"""Parts of a message and what came before it; of each so many pieces are read at its two ends."""
MIXED = tuple(READ)[1:]
"""Parts that are heard beside the request, each through a matrix of its own."""
BEGIN, END = 1, 2  # pieces that mark where a text begins and ends
WINDOWS = ((2, 0), (3, 1), (5, 2))  # words that a convolution sees, and how many of them stand before
WIDTH = 256
PLAIN = 0.3
"""How much the average itself weighs in the answer beside what the upper layers make of it."""
_BEFORE, _AFTER = 2, 2
_REMEMBERED = 16_000  # pieces whose first convolution is kept, 3.4 kB each once they are met
_BLOCK = WIDTH


class SentenceEncoder:
    """The network with its vocabulary. Safe to share between threads."""

    def __init__(self, arrays: Any) -> None:
        self.words = Unigram(bytes(arrays["pieces"]).decode().split("\n"), arrays["scores"].tolist())
        self._rows, self._scales = arrays["table"], arrays["table_scale"].astype(np.float32)
        self.part: dict[str, Vector] = {
            name[2:]: arrays[name] * arrays[f"s_{name[2:]}"] for name in list(arrays) if name.startswith("q_")
        } | {name[2:]: arrays[name] for name in list(arrays) if name.startswith("v_")}
        self._eps = float(self.part["eps"])
        self._first = [_side_by_side(self.part[f"w1_{width}"], width) for width, _ in WINDOWS]
        self._heard = PieceMemory(
            self._hear, len(self._rows), (3 + sum(width for width, _ in WINDOWS)) * WIDTH
        )
        self._pooled = lru_cache(maxsize=512)(self._pool)

    @property
    def name(self) -> str:
        """A fingerprint, by which what was fitted to its answers knows it again."""
        return hashlib.sha256(self.part["head_w"].tobytes()).hexdigest()[:12]

    def ids(self, part: str, text: str) -> Ids:
        """The pieces of `text` that are read of such a part of READ."""
        head, tail = READ[part]
        found = self.words.ids(text)
        return tuple(found if len(found) <= head + tail else found[:head] + found[len(found) - tail :])

    def read(self, request: str, pasted: str = "", before: str = "") -> float:
        """How heavy the work is that is asked for: a logit, above 0 if heavy is likelier; not calibrated.

        `pasted` is what the request is about, `before` what was asked before it.
        """
        part = self.part
        mean = self._pooled(self.ids("request", request))
        for name, text in zip(MIXED, (pasted, before), strict=True):
            if ids := self.ids(name, text):
                mean = mean + self._pooled(ids) @ part[f"mix_{name}"]
        first = np.maximum(mean @ part["d0"], 0)
        second = np.maximum(mean @ part["p1"] + first @ part["d1"], 0)
        third = np.maximum(second @ part["d2"], 0)
        out = np.tanh(second @ part["p3"] + third @ part["d3"])
        answer = out @ part["head_w"][:SIZE] + PLAIN * (mean @ part["head_w"][SIZE:])
        return float(answer + part["head_b"])

    def _pool(self, ids: Ids) -> Vector:
        """The words of a text and their convolutions, averaged: (512,)."""
        every = np.array([BEGIN, *ids, END])
        rows = self._heard.of(every)
        heard, near = rows[:, : 3 * WIDTH], rows[:, 3 * WIDTH :]
        count, seen, at = len(every), [self.looked_up(every)], 0
        for branch, (width, before) in enumerate(WINDOWS):
            own = heard[:, branch * WIDTH : (branch + 1) * WIDTH]
            total = np.zeros((count + _BEFORE + _AFTER, WIDTH), np.float32)
            for tap in range(width):
                shift = _BEFORE + before - tap  # what this word adds to the word so far behind it
                total[shift : shift + count] += near[:, at : at + WIDTH]
                at += WIDTH
            first = own + np.maximum(total[_BEFORE : _BEFORE + count] + self.part[f"b1_{width}"], 0)
            between = _windows(first, width, before) @ self.part[f"w2_{width}"]
            wide = between @ self.part[f"u2_{width}"] + self.part[f"b2_{width}"]
            seen.append(first + np.maximum(wide, 0))
        both = np.concatenate(seen, axis=1)
        # The sum of the levelled rows, without making them: only their means and spreads differ.
        mean = both.mean(axis=1)
        variance = np.maximum(np.einsum("ij,ij->i", both, both) / both.shape[1] - mean**2, 0)
        spread = np.sqrt(variance + self._eps)
        summed = (1 / spread) @ both - np.sum(mean / spread)
        levelled = summed * self.part["ln_g"] + count * self.part["ln_b"]
        pooled = levelled @ self.part["cnn_W"] + count * self.part["cnn_b"]
        return np.asarray(pooled / np.sqrt(count), np.float32)

    def looked_up(self, ids: NDArray[np.int64]) -> Vector:
        """The pieces' vectors; two numbers of 4 bits share a byte."""
        packed = self._rows[ids]
        wide = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
        return np.asarray(wide * self._scales[ids][:, None], np.float32)

    def _hear(self, ids: NDArray[np.int64]) -> Vector:
        """What depends on a piece alone: its levelled projection, and what it adds to first convolutions."""
        words = self.looked_up(ids)
        heard = words @ self.part["proj"] + self.part["proj_b"]
        heard -= heard.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.einsum("ij,ij->i", heard, heard) / heard.shape[1] + self._eps)
        heard = heard / spread[:, None] * self.part["ln_all_g"] + self.part["ln_all_b"]
        near = [heard[:, at * WIDTH : (at + 1) * WIDTH] @ taps for at, taps in enumerate(self._first)]
        return np.concatenate([heard, *near], axis=1)


class PieceMemory:
    """Rows that depend on a piece alone, in 8 bits, computed once for the first thousands that are met."""

    def __init__(self, compute: Callable[[NDArray[np.int64]], Vector], pieces: int, size: int) -> None:
        self._compute, self._lock = compute, threading.Lock()
        self._slot = np.full(pieces, -1, np.int32)
        # Memory is taken as it fills.
        self._short = np.empty((_REMEMBERED, size), np.int8)
        self._scales = np.empty((_REMEMBERED, size // _BLOCK), np.float32)
        self._filled = 0

    def of(self, ids: NDArray[np.int64]) -> Vector:
        """The row of each of `ids`: (ids, numbers), rounded to a 127th of the largest number in its block."""
        places = self._slot[ids]
        unknown = places < 0
        if not unknown.any():
            return _long(self._short[places], self._scales[places])
        new, which = np.unique(ids[unknown], return_inverse=True)
        short, scales = _rounded(self._compute(new))
        self._keep(new, short, scales)
        rows = np.empty((len(ids), short.shape[1]), np.float32)
        rows[unknown] = _long(short, scales)[which]
        rows[~unknown] = _long(self._short[places[~unknown]], self._scales[places[~unknown]])
        return rows

    def _keep(self, new: NDArray[np.int64], short: NDArray[np.int8], scales: Vector) -> None:
        with self._lock:
            fresh = np.flatnonzero(self._slot[new] < 0)[: _REMEMBERED - self._filled]
            at = slice(self._filled, self._filled + len(fresh))
            self._short[at], self._scales[at] = short[fresh], scales[fresh]
            self._filled = at.stop
            self._slot[new[fresh]] = np.arange(at.start, at.stop)  # after the rows are there: others read


def _rounded(rows: Vector) -> tuple[NDArray[np.int8], Vector]:
    """Rows in 8 bits, with the scale of each of their blocks."""
    blocks = rows.reshape(len(rows), -1, _BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2), 1e-9) / np.float32(127)
    return np.round(blocks / scales[:, :, None]).astype(np.int8).reshape(len(rows), -1), scales


def _long(short: NDArray[np.int8], scales: Vector) -> Vector:
    """The other way."""
    blocks = short.reshape(*scales.shape, _BLOCK) * scales[:, :, None]
    return np.asarray(blocks, np.float32).reshape(short.shape)


def _side_by_side(weights: Vector, width: int) -> Vector:
    """A convolution's weights (width × 256, 256) as one matrix for a single word: (256, width × 256)."""
    return np.ascontiguousarray(
        weights.reshape(width, WIDTH, WIDTH).transpose(1, 0, 2).reshape(WIDTH, width * WIDTH)
    )


def _windows(rows: Vector, width: int, before: int) -> Vector:
    """Each row beside its neighbours, zeros beyond either end: (rows, width × size)."""
    padded = np.zeros((len(rows) + _BEFORE + _AFTER, WIDTH), np.float32)
    padded[_BEFORE : _BEFORE + len(rows)] = rows
    first = _BEFORE - before
    return np.concatenate([padded[first + i : first + i + len(rows)] for i in range(width)], axis=1)


def load(folder: Path) -> SentenceEncoder:
    """The encoder in `folder`. Raises ConfigError."""
    path = folder / "encoder.npz"
    arrays = read_arrays(path, "the router's close reading")
    try:
        return SentenceEncoder(arrays)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{path}: the router's close reading cannot be loaded ({error}).") from error


@cache
def shipped_encoder() -> SentenceEncoder:
    """The one that ships; read once in a process. Raises ConfigError."""
    return load(shipped("router_reader"))
