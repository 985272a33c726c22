"""Reads vocabulary and token vectors out of a GGUF model file, to train with. Deciding never needs it.

Format: github.com/ggml-org/ggml, docs/gguf.md; Q8_0 is blocks of one 16-bit scale and 32 signed bytes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY, _Q8_0 = 8, 9, 8


def read_vectors(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Pieces of words and their vectors (pieces, size), centred; the commonest pieces come first.

    Special, undecodable and whitespace pieces are left out. Raises OSError, or ValueError if the
    file is no GGUF file with a byte-level vocabulary and an 8-bit table of tokens.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path}: not a GGUF file")
        _number(file, "I")
        tensors, values = _number(file, "Q"), _number(file, "Q")
        known = {_text(file).decode(): _value(file, _number(file, "I")) for _ in range(values)}
        where: dict[str, tuple[list[int], int, int]] = {}
        for _ in range(tensors):
            name = _text(file).decode()
            shape = [_number(file, "Q") for _ in range(_number(file, "I"))]
            where[name] = (shape, _number(file, "I"), _number(file, "Q"))
        align = known.get("general.alignment", 32)
        start = -(-file.tell() // align) * align
        for name in ("output.weight", "token_embd.weight"):
            if name in where and where[name][1] == _Q8_0:
                shape, _, offset = where[name]
                break
        else:
            raise ValueError(f"{path}: no table of tokens in 8 bits (Q8_0)")
        file.seek(start + offset)
        blocks = np.fromfile(file, np.dtype([("scale", "<f2"), ("q", "i1", 32)]), shape[0] * shape[1] // 32)
    table = (blocks["scale"].astype(np.float32)[:, None] * blocks["q"]).reshape(shape[1], shape[0])
    pieces = [_plain(token) for token in known["tokenizer.ggml.tokens"]]
    first: dict[str, int] = {}
    for number, (piece, kind) in enumerate(zip(pieces, known["tokenizer.ggml.token_type"], strict=True)):
        if kind == 1 and piece and piece.strip() and "\n" not in piece:
            first.setdefault(piece, number)
    chosen = table[list(first.values())]
    return list(first), chosen - chosen.mean(axis=0)


def _number(file: BinaryIO, kind: str) -> Any:
    return struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))[0]


def _text(file: BinaryIO) -> bytes:
    return file.read(_number(file, "Q"))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _text(file)
    if kind == _ARRAY:
        inner, length = _number(file, "I"), _number(file, "Q")
        return [_value(file, inner) for _ in range(length)]
    return _number(file, _NUMBERS[kind])


def _alphabet() -> dict[str, int]:
    """Byte-level vocabularies write a byte as a letter: printable ones as themselves, others from 256."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


_BYTES = _alphabet()


def _plain(token: bytes) -> str | None:
    """The text of a token, or None if it is no whole letters."""
    try:
        return bytes(_BYTES[letter] for letter in token.decode()).decode()
    except (KeyError, UnicodeDecodeError):
        return None
