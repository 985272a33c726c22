"""The second opinion: what the sentence encoder reads, when it is asked, and what it may change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.config import ConfigError
from data.policy import TASKS, load_policy
from router.classifier import Classifier, CloseReading, HeavyHead, blended, meaningful
from router.features import IGNORED, extract, size
from router.kernel_fit import fit_dense
from router.pack_encoder import four_bits, pieces_of
from router.pieces import Vocabulary
from router.sentence_encoder import SIZE, SentenceEncoder, load, shipped_encoder
from router.unigram import Unigram


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return shipped_encoder()


def near(encoder: SentenceEncoder, one: str, other: str) -> float:
    return float(encoder.encode(one) @ encoder.encode(other))


@pytest.mark.parametrize(
    ("asked", "same", "other"),
    [
        ("How old are you?", "What is your age?", "How do I cook rice?"),
        ("How do I reset my password?", "Wie setze ich mein Passwort zurück?", "Wie wird das Wetter morgen?"),
        ("How do I reset my password?", "如何重置我的密码?", "我想写一首关于海的诗"),
        ("My flight was cancelled", "Мой рейс отменили", "Я люблю математику"),
    ],
)
def test_what_means_the_same_is_near_in_any_language(
    encoder: SentenceEncoder, asked: str, same: str, other: str
) -> None:
    assert near(encoder, asked, same) > near(encoder, asked, other) + 0.15


@pytest.mark.parametrize("text", ["", " ", "\ud800", "🎉" * 999, "א" * 3000, "\x00", "word " * 5000])
def test_odd_text_gives_a_vector_of_length_one(encoder: SentenceEncoder, text: str) -> None:
    made = encoder.encode(text)
    assert made.shape == (SIZE,)
    assert np.linalg.norm(made) == pytest.approx(1, abs=1e-3)


def test_the_likeliest_cut_wins_and_unknown_signs_are_kept_apart() -> None:
    words = Unigram(["<unk>", "▁un", "▁", "un", "do", "▁undo", "▁und", "o"], [0, -3, -2, -4, -2, -6, -4, -3])
    assert words.ids("undo") == [1, 4]  # -5 beats the whole word's -6 and "▁und" + "o" at -7
    assert words.ids("do☃") == [2, 4, 0]
    assert words.ids("") == []


def look(raw: float, close: CloseReading | None) -> Classifier:
    """A classifier whose first look is `raw` for every message."""
    head = HeavyHead(
        frozenset(TASKS[11:]), np.zeros(size(), np.float32), raw, Vocabulary(()), np.zeros((0, 6)),
        (0.0, 1.0, 0.0),
    )  # fmt: skip
    return Classifier(
        TASKS,
        np.zeros((size(), len(TASKS)), np.float32),
        np.zeros(len(TASKS), np.float32),
        head=head,
        close=close,
    )


def test_only_what_is_unsure_is_read_closely(encoder: SentenceEncoder) -> None:
    levels = np.array([load_policy().level_of(task) for task in TASKS], np.float32)
    close = CloseReading(encoder, np.zeros(SIZE, np.float32), 3.0, (0.0, 0.0, 1.0, 0.5), 1.0)
    features = extract("and what about this")
    for raw, expected in ((0.2, (0.2, 3.5)), (-0.99, (-0.99, 3.5)), (1.0, (1.0,)), (-4.0, (-4.0,))):
        made = look(raw, close)
        found = made.opinions(features, made.probabilities(features), levels)
        assert found == pytest.approx(expected)
    plain = look(0.2, None)
    assert plain.opinions(features, plain.probabilities(features), levels) == pytest.approx((0.2,))


def test_what_a_message_says_about_itself_is_not_read_closely() -> None:
    plain = meaningful(extract("sort these names"))
    assert meaningful(extract("sort these names (easy, fast model!)")) == plain
    for word in sorted(IGNORED):
        assert word not in meaningful(extract(f"explain {word} things")).split()


def test_a_logistic_regression_on_dense_rows_finds_what_decides() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(2, 1, (3000, 5)).astype(np.float32)
    yes = rng.random(3000) < 1 / (1 + np.exp(-(2 * (rows[:, 1] - 2) - 0.5)))
    weights, bias = fit_dense(rows, yes, np.ones(3000, np.float32))
    assert weights[1] == pytest.approx(2, abs=0.3)
    assert np.abs(np.delete(weights, 1)).max() < 0.3
    middle = float(weights @ np.full(5, 2) + bias)
    assert middle == pytest.approx(-0.5, abs=0.2)
    none, _ = fit_dense(rows, yes, np.where(rows[:, 1] > 9, 1, 0).astype(np.float32))
    assert np.abs(none).max() < 1e-3  # rows without weight teach nothing


def test_blending() -> None:
    assert blended((2.0, 0.5, -1.0), 3.0, 4.0) == pytest.approx(7.0)


def test_four_bits_keep_a_row_to_a_fifteenth_of_its_largest_number() -> None:
    rows = np.random.default_rng(1).normal(0, 1, (40, 8)).astype(np.float32)
    packed, scale = four_bits(rows)
    wide = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    assert np.abs(wide * scale.astype(np.float32)[:, None] - rows).max() <= np.abs(rows).max() / 14
    assert packed.shape == (40, 4)


def test_pieces_are_read_from_a_model_file() -> None:
    def piece(text: str, score: bytes, kind: bytes = b"") -> bytes:
        inner = b"\x0a" + bytes([len(text.encode())]) + text.encode() + b"\x15" + score + kind
        return b"\x0a" + bytes([len(inner)]) + inner

    model = (
        piece("<unk>", b"\x00\x00\x00\x00", b"\x18\x02")
        + piece("▁é", b"\x00\x00\x80\xbf")
        + b"\x12\x02\x08\x01"
    )
    assert pieces_of(model) == [("<unk>", 0.0), ("▁é", -1.0)]


def test_a_folder_without_encoder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"encoder\.npz: the router's close reading cannot be loaded"):
        load(tmp_path)


def test_other_policies_than_the_one_it_learned_are_served_without_it(encoder: SentenceEncoder) -> None:
    close = CloseReading(encoder, np.zeros(SIZE, np.float32), 9.0, (0.0, 0.0, 1.0, 0.0), 99.0)
    made = replace(look(0.0, close), slope=1.0, offset=0.25)
    features = extract("and what about this")
    one_heavy = np.array([float(task == "maths") for task in TASKS], np.float32)
    found = made.opinions(features, made.probabilities(features), one_heavy)
    assert len(found) == 1
