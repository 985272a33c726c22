"""What a request asks for, read as a whole, in some sixteen languages: the router's close reading.

The network is Google's multilingual universal sentence encoder (Yang et al. 2019, arXiv 1907.04307), the
variant that averages words and the convolutions over two, three and five of them. It was made thinner
(router/pack_encoder.py), then trained further on our own prompts (router/teach_encoder.py).
data/router_reader says where it is from. Numpy only, less than a millisecond a message.
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
        self._first, self._second = (
            [_side_by_side(self.part[f"w{layer}_{width}"], width) for width, _ in WINDOWS] for layer in (1, 2)
        )
        taps = sum(width for width, _ in WINDOWS)
        self._heard = PieceMemory(self._hear, len(self._rows), (len(WINDOWS) + taps) * WIDTH)
        self._kept = lru_cache(maxsize=512)(self.pooled)

    @property
    def name(self) -> str:
        """A fingerprint, by which what was fitted to its answers knows it again."""
        return hashlib.sha256(self.part["head_w"].tobytes()).hexdigest()[:12]

    def ids(self, part: str, text: str) -> Ids:
        """The pieces of `text` that are read of such a part of READ."""
        head, tail = READ[part]
        return tuple(_ends(self.words.ids(_ends(self.words.split(text), head, tail)), head, tail))

    def read(self, request: str, pasted: str = "", before: str = "") -> float:
        """How heavy the work is that is asked for: a logit, above 0 if heavy is likelier; not calibrated.

        `pasted` is what the request is about, `before` what was asked before it.
        """
        part = self.part
        mean = self._kept(self.ids("request", request))
        for name, text in zip(MIXED, (pasted, before), strict=True):
            if ids := self.ids(name, text):
                mean = mean + self._kept(ids) @ part[f"mix_{name}"]
        first = np.maximum(mean @ part["d0"], 0)
        second = np.maximum(mean @ part["p1"] + first @ part["d1"], 0)
        third = np.maximum(second @ part["d2"], 0)
        out = np.tanh(second @ part["p3"] + third @ part["d3"] @ part["u_d3"])
        answer = out @ part["head_w"][: len(out)] + PLAIN * (mean @ part["head_w"][len(out) :])
        return float(answer + part["head_b"])

    def pooled(self, ids: Ids) -> Vector:
        """The words of a text and their convolutions, averaged: (numbers,)."""
        part, every = self.part, np.array([BEGIN, *ids, END])
        rows = self._heard.of(every)
        count, seen, at = len(every), [self.looked_up(every)], len(WINDOWS) * WIDTH
        for branch, (width, before) in enumerate(WINDOWS):
            own = rows[:, branch * WIDTH : (branch + 1) * WIDTH]
            near = _convolved(rows[:, at : at + width * WIDTH], width, before)
            at += width * WIDTH
            first = own + np.maximum(near + part[f"b1_{width}"], 0)
            near = _convolved(first @ self._second[branch], width, before)
            seen.append(first + np.maximum(near @ part[f"u2_{width}"] + part[f"b2_{width}"], 0))
        both = np.concatenate(seen, axis=1)
        # The sum of the levelled rows, without making them: only their means and spreads differ.
        mean = both.mean(axis=1)
        variance = np.maximum(np.einsum("ij,ij->i", both, both) / both.shape[1] - mean**2, 0)
        spread = np.sqrt(variance + self._eps)
        summed = (1 / spread) @ both - np.sum(mean / spread)
        levelled = summed * part["ln_g"] + count * part["ln_b"]
        pooled = levelled @ part["cnn_W"] + count * part["cnn_b"]
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


def _ends(whole: list[Any], head: int, tail: int) -> list[Any]:
    """The first `head` and the last `tail`; all of a shorter list."""
    return whole if len(whole) <= head + tail else whole[:head] + whole[len(whole) - tail :]


def _rounded(rows: Vector) -> tuple[NDArray[np.int8], Vector]:
    """Rows in 8 bits, with the scale of each of their blocks."""
    blocks = rows.reshape(len(rows), -1, _BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2), 1e-9) / np.float32(127)
    return np.round(blocks / scales[:, :, None]).astype(np.int8).reshape(len(rows), -1), scales


def _long(short: NDArray[np.int8], scales: Vector) -> Vector:
    """The other way."""
    blocks = short.reshape(-1, _BLOCK).astype(np.float32)
    blocks *= scales.reshape(-1, 1)
    return blocks.reshape(short.shape)


def _side_by_side(weights: Vector, width: int) -> Vector:
    """A convolution's weights (width × 256, n) as one matrix for a single word: (256, width × n)."""
    return np.ascontiguousarray(weights.reshape(width, WIDTH, -1).transpose(1, 0, 2).reshape(WIDTH, -1))


def _convolved(taps: Vector, width: int, before: int) -> Vector:
    """Sums what each word adds to those around it, (words, width × n), up for each word: (words, n)."""
    count, size = len(taps), taps.shape[1] // width
    total = np.zeros((count + _BEFORE + _AFTER, size), np.float32)
    for tap in range(width):
        at = _BEFORE + before - tap  # the word so far behind it
        total[at : at + count] += taps[:, tap * size : (tap + 1) * size]
    return total[_BEFORE : _BEFORE + count]


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
