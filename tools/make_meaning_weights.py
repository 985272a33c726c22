"""Make data/meaning_weights/encoder.npz anew: a published network in a fifth of its size.

    python -m tools.make_meaning_weights model.safetensors tokenizer.json data/meaning_weights/encoder.npz

The two files are those of sentence-transformers/all-MiniLM-L6-v2 on the model hub (Apache-2.0). The
vectors of the pieces of words get 4 bits a number, the layers 8; it is not trained further.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from tools.make_word_vectors import LAYERS, Floats, published

PLACES = 128  # pieces of a text that data/meaning.py reads, with the marks of its ends


def main() -> int:
    """Read the model, pack it, write the file."""
    tensors, known, target = published(__doc__)
    arrays = packed(tensors, sorted(known, key=lambda piece: known[piece]))
    np.savez(target, allow_pickle=False, **arrays)
    print(f"{target}: {len(known)} pieces, {target.stat().st_size / 1e6:.1f} MB")
    return 0


def packed(tensors: dict[str, Floats], pieces: list[str]) -> dict[str, NDArray[np.generic]]:
    """The arrays of the file: q_ with their scales s_ in 8 bits, v_ as they are in 16."""
    words, scale = _four_bits(tensors["embeddings.word_embeddings.weight"])
    places = (
        tensors["embeddings.position_embeddings.weight"]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    found: dict[str, NDArray[np.generic]] = {
        "pieces": np.frombuffer("\n".join(pieces).encode(), np.uint8),
        "words": words,
        "words_scale": scale,
        "v_places": places[:PLACES].astype(np.float16),
    }
    found |= _norm(tensors, "embeddings.LayerNorm", "begin")
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        attention = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        found |= _linear(tensors, attention, f"qkv{number}")
        found |= _linear(tensors, [f"{layer}.attention.output.dense"], f"mix{number}")
        found |= _norm(tensors, f"{layer}.attention.output.LayerNorm", f"a{number}")
        found |= _linear(tensors, [f"{layer}.intermediate.dense"], f"up{number}")
        found |= _linear(tensors, [f"{layer}.output.dense"], f"down{number}")
        found |= _norm(tensors, f"{layer}.output.LayerNorm", f"o{number}")
    return found


def _linear(tensors: dict[str, Floats], names: list[str], name: str) -> dict[str, NDArray[np.generic]]:
    """Layers side by side as (inputs, outputs), 8 bits a number with one scale for each output."""
    weights = np.concatenate([tensors[f"{each}.weight"] for each in names]).T
    scale = (np.abs(weights).max(axis=0) / 127).astype(np.float32)
    return {
        f"q_{name}": np.ascontiguousarray(np.round(weights / scale).astype(np.int8)),
        f"s_{name}": scale,
        f"v_{name}_b": np.concatenate([tensors[f"{each}.bias"] for each in names]).astype(np.float16),
    }


def _norm(tensors: dict[str, Floats], name: str, short: str) -> dict[str, NDArray[np.generic]]:
    return {
        f"v_{short}_g": tensors[f"{name}.weight"].astype(np.float16),
        f"v_{short}_b": tensors[f"{name}.bias"].astype(np.float16),
    }


def _four_bits(rows: Floats) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Rows as numbers of -8..7 times the row's scale, the first half in the low bits."""
    scale = np.abs(rows).max(axis=1) / 7.5
    scale[scale == 0] = 1
    short = (np.clip(np.round(rows / scale[:, None]), -8, 7) + 8).astype(np.uint8)
    half = rows.shape[1] // 2
    return (short[:, :half] | (short[:, half:] << 4)), scale.astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
