"""A sentence as a vector that says what it means, in some sixteen languages: the router's close reading.

The network is Google's multilingual universal sentence encoder (Yang et al. 2019, arXiv 1907.04307), the
variant that averages words and the convolutions over two, three and five of them; data/router_reader says
where its weights come from. Numpy only, a few milliseconds a message.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data.config import ConfigError
from data.paths import shipped
from router.unigram import Unigram

Vector = NDArray[np.float32]

SIZE = 512
HEAD, TAIL = 40, 22
"""Pieces read at either end of a long request."""
BEGIN, END = 1, 2  # pieces that mark where a sentence begins and ends
WINDOWS = ((2, 0), (3, 1), (5, 2))  # words that a convolution sees, and how many of them stand before
_BEFORE, _AFTER = 2, 2


class SentenceEncoder:
    """The network with its vocabulary. Safe to share between threads."""

    def __init__(self, arrays: Any) -> None:
        self._words = Unigram(bytes(arrays["pieces"]).decode().split("\n"), arrays["scores"].tolist())
        self._rows, self._scales = arrays["table"], arrays["table_scale"].astype(np.float32)
        self._part = {
            name[2:]: arrays[name] * arrays[f"s_{name[2:]}"] for name in list(arrays) if name.startswith("q_")
        } | {name[2:]: arrays[name] for name in list(arrays) if name.startswith("v_")}

    def encode(self, text: str) -> Vector:
        """`text` as a vector of length 1: (512,)."""
        ids = self._words.ids(text)
        if len(ids) > HEAD + TAIL:
            ids = ids[:HEAD] + ids[-TAIL:]
        words = self._looked_up(np.array([BEGIN, *ids, END]))
        heard = _levelled(words @ self._part["proj"] + self._part["proj_b"], self._part, "ln_all")
        seen = [words]
        for at, (width, before) in enumerate(WINDOWS):
            branch = heard[:, at * 256 : (at + 1) * 256]
            for layer in ("1", "2"):
                near = _windows(branch, width, before) @ self._part[f"w{layer}_{width}"]
                branch = branch + np.maximum(near + self._part[f"b{layer}_{width}"], 0)
            seen.append(branch)
        every = _levelled(np.concatenate(seen, axis=1), self._part, "ln")
        count = len(every)
        mean = (every.sum(axis=0) @ self._part["cnn_W"] + count * self._part["cnn_b"]) / np.sqrt(count)
        return self._deepened(mean.astype(np.float32))

    def _looked_up(self, ids: NDArray[np.int64]) -> Vector:
        """The pieces' vectors; two numbers of 4 bits share a byte."""
        packed = self._rows[ids]
        wide = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
        return np.asarray(wide * self._scales[ids][:, None], np.float32)

    def _deepened(self, mean: Vector) -> Vector:
        part = self._part
        first = np.maximum(mean @ part["d0"], 0)
        second = np.maximum(mean @ part["p1"] + first @ part["d1"], 0)
        third = np.maximum(second @ part["d2"], 0)
        out = np.tanh(second @ part["p3"] + third @ part["d3"])
        return np.asarray(out / max(1e-6, float(np.sqrt(out @ out))), np.float32)


def _levelled(rows: Vector, part: dict[str, Vector], name: str) -> Vector:
    """Each row with mean 0 and variance 1 over its whole length, then scaled and shifted."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ij,ij->i", rows, rows) / rows.shape[1] + float(part["eps"]))
    return np.asarray(rows / spread[:, None] * part[f"{name}_g"] + part[f"{name}_b"], np.float32)


def _windows(rows: Vector, width: int, before: int) -> Vector:
    """Each row beside its neighbours, zeros beyond either end: (rows, width × size)."""
    padded = np.pad(rows, ((_BEFORE, _AFTER), (0, 0)))
    first = _BEFORE - before
    return np.concatenate([padded[first + i : first + i + len(rows)] for i in range(width)], axis=1)


def load(folder: Path) -> SentenceEncoder:
    """The encoder in `folder`. Raises ConfigError."""
    path = folder / "encoder.npz"
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return SentenceEncoder({name: file[name] for name in file.files})
    except (OSError, KeyError, ValueError, BadZipFile, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: the router's close reading cannot be loaded ({error}).") from error


@cache
def shipped_encoder() -> SentenceEncoder:
    """The one that ships; read once in a process. Raises ConfigError."""
    return load(shipped("router_reader"))
