"""Make data/word_vectors.npz anew: what English words mean, as one short vector for each piece of a word.

    python -m tools.make_word_vectors model.safetensors tokenizer.json data/word_vectors.npz

The two files are those of sentence-transformers/all-MiniLM-L6-v2 on the model hub (Apache-2.0). Each
piece of the vocabulary is read by the model alone, its outputs are averaged, and the vectors reduced to
their main directions: model2vec's method (Tulkens and van Dongen 2024, github.com/MinishLab/model2vec),
without its later steps. The model is small enough to be run by numpy, in some minutes.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SIZE = 128
LAYERS, HEADS = 6, 12
FIRST, LAST = 101, 102  # the marks at the beginning and the end of a text
BATCH = 512


def published(usage: str | None) -> tuple[dict[str, Floats], dict[str, int], Path]:
    """Tensors, pieces with their numbers, and where to write, by the command line.

    Raises SystemExit for a wrong command line or another file than the published one.
    """
    if len(sys.argv) != 4:
        sys.exit(usage)
    model, vocabulary, target = map(Path, sys.argv[1:])
    content = model.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit(f"{model}: not the published file (its sha256 differs)")
    return read_tensors(content), json.loads(vocabulary.read_text(encoding="utf-8"))["model"]["vocab"], target


def main() -> int:
    """Read the model, embed its vocabulary, write the table."""
    tensors, known, target = published(__doc__)
    chosen = {piece: number for piece, number in known.items() if _is_word(piece)}
    numbers = np.array(list(chosen.values()))
    parts = [embed(tensors, numbers[at : at + BATCH]) for at in range(0, len(numbers), BATCH)]
    vectors = np.concatenate(parts)
    vectors -= vectors.mean(axis=0)
    directions = np.linalg.svd(vectors, full_matrices=False)[2][:SIZE]
    small = vectors @ directions.T
    scale = float(np.abs(small).max()) / 127
    table = np.round(small / scale).astype(np.int8)
    pieces = np.frombuffer("\n".join(chosen).encode(), np.uint8)
    np.savez_compressed(target, pieces=pieces, vectors=table)
    print(f"{target}: {len(chosen)} pieces, {SIZE} numbers each, {target.stat().st_size / 1e6:.1f} MB")
    return 0


def read_tensors(content: bytes) -> dict[str, Floats]:
    """The arrays of a safetensors file: length of the head, the head in JSON, the numbers."""
    length = struct.unpack("<Q", content[:8])[0]
    head: dict[str, Any] = json.loads(content[8 : 8 + length])
    head.pop("__metadata__", None)
    found = {}
    for name, facts in head.items():
        if facts["dtype"] != "F32":
            continue
        start, end = (8 + length + at for at in facts["data_offsets"])
        found[name] = np.frombuffer(content[start:end], np.float32).reshape(facts["shape"])
    return found


def embed(tensors: dict[str, Floats], pieces: NDArray[np.int64]) -> Floats:
    """Each piece read alone between the marks of a text's ends: (pieces, 384), a BERT in its usual form."""
    ids = np.stack([np.full(len(pieces), FIRST), pieces, np.full(len(pieces), LAST)], axis=1)
    state = (
        tensors["embeddings.word_embeddings.weight"][ids]
        + tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    state = _normed(state, tensors, "embeddings.LayerNorm")
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        attended = _attention(state, tensors, f"{layer}.attention.self")
        attended = _linear(attended, tensors, f"{layer}.attention.output.dense")
        state = _normed(state + attended, tensors, f"{layer}.attention.output.LayerNorm")
        inner = _gelu(_linear(state, tensors, f"{layer}.intermediate.dense"))
        state = _normed(
            state + _linear(inner, tensors, f"{layer}.output.dense"), tensors, f"{layer}.output.LayerNorm"
        )
    mean: Floats = state.mean(axis=1)
    return mean


def _attention(state: Floats, tensors: dict[str, Floats], name: str) -> Floats:
    count, length, size = state.shape

    def heads(part: str) -> Floats:
        whole = _linear(state, tensors, f"{name}.{part}")
        return whole.reshape(count, length, HEADS, size // HEADS).transpose(0, 2, 1, 3)

    scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / math.sqrt(size // HEADS)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed: Floats = (weights @ heads("value")).transpose(0, 2, 1, 3).reshape(count, length, size)
    return mixed


def _linear(state: Floats, tensors: dict[str, Floats], name: str) -> Floats:
    result: Floats = state @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
    return result


def _normed(state: Floats, tensors: dict[str, Floats], name: str) -> Floats:
    centred = state - state.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    result: Floats = centred / spread * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]
    return result


def _gelu(values: Floats) -> Floats:
    """x Φ(x), Φ by its usual tanh form (Hendrycks and Gimpel 2016, arXiv:1606.08415)."""
    inner = math.sqrt(2 / math.pi) * (values + 0.044715 * values**3)
    result: Floats = 0.5 * values * (1 + np.tanh(inner))
    return result


def _is_word(piece: str) -> bool:
    """Whole words and ends of words in Latin letters and digits; no marks and no other scripts."""
    plain = piece.removeprefix("##")
    return plain.isascii() and plain.isalnum()


if __name__ == "__main__":
    sys.exit(main())
