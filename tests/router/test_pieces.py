"""Pieces of words: how text is cut, how a model file is read, and that what was learned collapses exactly."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from router.classifier import FollowUps, HeavyHead
from router.features import IGNORED, extract, size
from router.kernel_fit import KernelRows, Vectors
from router.message_parts import take_apart
from router.pieces import SEGMENTS, Vocabulary, segments_of
from router.token_vectors import read_vectors

PIECES = (" the", " cat", " c", "at", "s", " prove", " it", " heavy", "?", "7")


def test_text_is_cut_into_the_longest_pieces() -> None:
    vocabulary = Vocabulary(PIECES, IGNORED)
    found = [PIECES[number] for number in vocabulary.ids("the cats cat7?")]
    assert found == [" the", " cat", "s", " cat", "7", "?"]
    assert len(vocabulary.ids("")) == len(vocabulary.ids("ξξ")) == 0


def test_words_about_the_router_have_no_pieces() -> None:
    assert len(Vocabulary(PIECES, IGNORED).ids("heavy Heavy HEAVY")) == 0
    assert len(Vocabulary(PIECES).ids("it heavy")) == 2


def test_segments_say_where_it_was_asked() -> None:
    text = "Hello there. Our shop is new and small! Can we grow? I would like to know."
    made = dict(zip(SEGMENTS, segments_of(text, take_apart(text)), strict=True))
    assert made["whole"] == text
    assert made["opening"] == "Hello there. Our shop is new"
    assert (made["first sentence"], made["last sentence"]) == ("Hello there.", "I would like to know.")
    assert made["questions"] == "Can we grow?"
    assert made["pasted"] == ""


def text_of(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def write_gguf(path: Path, tokens: list[str], table: np.ndarray, kind: int = 8) -> None:
    """A model file with a vocabulary and one table, in blocks of 32 numbers with the scale 0.5."""
    meta = text_of("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens))
    meta += b"".join(text_of(token) for token in tokens)
    meta += text_of("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, len(tokens))
    meta += struct.pack(f"<{len(tokens)}i", *[1] * (len(tokens) - 1), 3)
    tensor = text_of("token_embd.weight") + struct.pack("<IQQIQ", 2, table.shape[1], len(tokens), kind, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + meta + tensor
    blocks = np.zeros(table.size // 32, np.dtype([("scale", "<f2"), ("q", "i1", 32)]))
    blocks["scale"], blocks["q"] = 0.5, table.reshape(-1, 32)
    path.write_bytes(head + b"\0" * (-len(head) % 32) + blocks.tobytes())


def test_a_model_file_gives_pieces_and_centred_vectors(tmp_path: Path) -> None:
    table = np.arange(5 * 32, dtype=np.int8).reshape(5, 32) % 50
    write_gguf(tmp_path / "m.gguf", ["Ġcat", "Ã©", "Ċ", "Ã", "<end>"], table)
    pieces, vectors = read_vectors(tmp_path / "m.gguf")
    assert pieces == [" cat", "é"]  # not the line break, half a letter, the special token
    expected = table[:2] * np.float32(0.5)
    assert np.allclose(vectors, expected - expected.mean(axis=0))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"PK\3\4 and so on")
    with pytest.raises(ValueError, match="not a GGUF file"):
        read_vectors(tmp_path / "x.gguf")
    write_gguf(tmp_path / "y.gguf", ["a", "b"], np.zeros((2, 32), np.int8), kind=6)
    with pytest.raises(ValueError, match="no table of tokens in 8 bits"):
        read_vectors(tmp_path / "y.gguf")


@pytest.mark.parametrize("with_vectors", [True, False])
def test_what_was_learned_collapses_into_numbers_of_features_and_pieces(with_vectors: bool) -> None:
    pytest.importorskip("scipy", reason="training needs the development requirements")
    hard = ["prove it? the cat is mad.", "prove the cats", "can you prove it 7 times", "prove that"]
    easy = ["the cat", "it is the cat7. say so", "translate the cats", "what is it?"]
    features = [extract(text) for text in (*hard, *easy)]
    heavy = np.array([True] * 4 + [False] * 4)
    table = np.random.default_rng(0).normal(size=(len(PIECES), 8)).astype(np.float32)
    vocabulary = Vocabulary(PIECES, IGNORED)
    rows = KernelRows(features, Vectors(vocabulary, table) if with_vectors else None)
    kept = np.array([0, 1, 2, 4, 5, 6])
    dual = rows.fit(kept, heavy, np.ones(8, np.float32))
    head = rows.collapse(dual, kept)
    assert head.weights.shape == (size(),)
    made = HeavyHead(frozenset(), head.weights, head.bias, vocabulary, head.pieces, (0, 1, 0))
    logits = [made.logit(one) for one in features]
    assert np.allclose(logits, rows.logits(dual, kept, np.arange(8)), atol=1e-3)
    assert min(logits[:3]) > 0 > max(logits[4:7])


def test_a_follow_up_is_quick_to_rise() -> None:
    follow_ups = FollowUps(np.zeros(size(), np.float32), 0.0, (1.0, 1.0, 1.0, 0.0, 0.0))
    assert follow_ups.leaning(extract("why?")) == 0.5
    assert follow_ups.score(0.99, 0.001, 1.0) > 0.9  # hard by itself, after something easy
    assert follow_ups.score(0.01, 0.99, 1.0) > 0.8  # means nothing by itself, after something hard
    assert follow_ups.score(0.01, 0.99, 0.0) < 0.1  # stands alone


def test_a_follow_up_that_was_read_together_with_what_came_before() -> None:
    mix = (1.0, 0.0, 0.0, 0.0, 0.0)
    follow_ups = FollowUps(np.zeros(size(), np.float32), 0.0, mix, (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0))
    assert follow_ups.score(0.5, 0.5, 0.0, 2.0) == pytest.approx(1 / (1 + np.exp(-2)))
    assert follow_ups.score(0.5, 0.5, 1.0, 2.0) == pytest.approx(1 / (1 + np.exp(-4)))
    assert follow_ups.score(0.9, 0.5, 0.0) == pytest.approx(0.9)
    without = FollowUps(np.zeros(size(), np.float32), 0.0, mix)
    assert without.score(0.9, 0.5, 0.0, 2.0) == pytest.approx(0.9)  # learned without an encoder
