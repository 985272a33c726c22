"""The close reading: what the sentence encoder reads and what it may change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from data.config import ConfigError
from data.paths import shipped
from data.policy import TASKS, load_policy
from data.records import Message
from router import sentence_encoder, weights_file
from router.classifier import Classifier, CloseReading, HeavyHead, blended, meaningful
from router.encoder_examples import Readings, before, key_of, shipped_readings
from router.features import IGNORED, extract, size
from router.measures import auc
from router.pack_encoder import eight_bits, four_bits, pieces_of, principal_axes, thin
from router.pieces import Vocabulary
from router.prompts import read_prompts
from router.sentence_encoder import (
    MIXED,
    READ,
    WIDTH,
    WINDOWS,
    PieceMemory,
    SentenceEncoder,
    _convolved,
    _side_by_side,
    load,
    shipped_encoder,
)  # fmt: skip
from router.unigram import Unigram


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return shipped_encoder()


@pytest.mark.parametrize(
    ("hard", "easy"),
    [
        ("Prove that the square root of two is irrational", "What is the capital of Peru?"),
        (
            "Warum bekomme ich hier einen Deadlock, obwohl beide Threads sperren?",
            "Übersetze das ins Englische",
        ),
        ("设计一个能承受每秒十万次请求的限流服务", "你好，今天星期几"),
        ("Спроектируй схему базы данных для биржи", "как переводится слово window"),
    ],
)
def test_hard_work_reads_heavier_in_any_language(encoder: SentenceEncoder, hard: str, easy: str) -> None:
    assert encoder.read(hard) > encoder.read(easy) + 1


def test_what_was_pasted_and_what_came_before_count(encoder: SentenceEncoder) -> None:
    alone = encoder.read("and the next one?")
    assert encoder.read("and the next one?", before="prove that there are infinitely many primes") > alone
    assert encoder.read("what does this print?", pasted="for i in range(3): print(i)") != pytest.approx(
        encoder.read("what does this print?"), abs=1e-3
    )


@pytest.mark.parametrize("text", ["", " ", "\ud800", "🎉" * 999, "א" * 3000, "\x00", "word " * 5000])
def test_odd_text_gives_a_number(encoder: SentenceEncoder, text: str) -> None:
    assert np.isfinite(encoder.read(text, text, text))


def test_a_long_text_is_read_at_its_ends(encoder: SentenceEncoder) -> None:
    assert encoder.ids("request", "so " * 50 + "big " * 500 + "so " * 30) == encoder.ids(
        "request", "so " * 50 + "small " * 9 + "so " * 30
    )
    assert len(encoder.ids("pasted", "so " * 50)) == 24
    assert len(encoder.ids("request", "so " * 62)) == 62


def test_remembered_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(0, 1, (50, 13 * WIDTH)).astype(np.float32)
    asked: list[int] = []

    def compute(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        asked.extend(ids.tolist())
        return table[ids]

    monkeypatch.setattr(sentence_encoder, "_REMEMBERED", 6)
    memory = PieceMemory(compute, 50, 13 * WIDTH)
    for wanted in ([3, 1, 3], [1, 3], [9, 3, 8, 7, 6, 5], [5, 6, 44, 1], [44, 5]):
        assert np.abs(memory.of(np.array(wanted)) - table[wanted]).max() < np.abs(table).max() / 250
    again = memory.of(np.array([44, 3]))
    assert np.array_equal(again, memory.of(np.array([44, 3])))
    assert np.array_equal(again[1], PieceMemory(compute, 50, 13 * WIDTH).of(np.array([3]))[0])
    assert asked == [1, 3, 5, 6, 7, 8, 9, 44, 44, 44, 44, 3]  # 9 and 44 found no room; the last is afresh


def test_many_threads_read_what_one_reads(encoder: SentenceEncoder) -> None:
    texts = [prompt.messages[-1].content for prompt in read_prompts()[::60]]
    alone = [load(shipped("router_reader")).read(text) for text in texts[:3]]
    fresh = load(shipped("router_reader"))
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(fresh.read, texts))
    assert together[:3] == pytest.approx(alone, abs=5e-3)
    assert together == pytest.approx([encoder.read(text) for text in texts], abs=5e-3)


def test_the_likeliest_cut_wins_and_unknown_signs_are_kept_apart() -> None:
    words = Unigram(["<unk>", "▁un", "▁", "un", "do", "▁undo", "▁und", "o"], [0, -3, -2, -4, -2, -6, -4, -3])
    assert words.ids(["undo"]) == [1, 4]  # -5 beats the whole word's -6 and "▁und" + "o" at -7
    assert words.ids(["do☃"]) == [2, 4, 0]
    assert words.ids(words.split(" ")) == []


def test_a_request_in_a_script_without_spaces_is_read_to_its_end(encoder: SentenceEncoder) -> None:
    story = (
        "昨天公司开了会,大家讨论了新产品什么时候能上线,"
        "也谈到了客户最近的意见和下个月的安排,会后同事们一起吃了饭。"
    )
    assert len(story) > 48
    assert encoder.ids("request", story + "请设计一个分布式系统") != encoder.ids("request", story)
    assert encoder.read(story + "请设计一个分布式系统") > encoder.read(story + "请翻译成英文") + 1


class Fixed:
    """An encoder that reads the same in every text."""

    name = "fixed"

    def __init__(self, number: float) -> None:
        self._number = number

    def read(self, request: str, pasted: str = "", before: str = "") -> float:
        return self._number


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


def test_a_close_reading_has_the_last_word_where_there_is_one() -> None:
    levels = np.array([load_policy().level_of(task) for task in TASKS], np.float32)
    close = CloseReading(cast(SentenceEncoder, Fixed(3.0)), (0.0, 0.5, 1.0, 0.5))
    features = extract("and what about this")
    for raw in (0.2, -4.0):
        made, plain = look(raw, close), look(raw, None)
        probabilities = made.probabilities(features)
        assert made.opinions(features, probabilities, levels) == pytest.approx((raw, 3.5 + raw / 2))
        assert made.opinions(features, probabilities, levels, closely=False) == pytest.approx((raw,))
        assert plain.opinions(features, probabilities, levels) == pytest.approx((raw,))


def test_what_a_message_says_about_itself_is_not_read_closely() -> None:
    plain = meaningful(extract("sort these names"))
    assert meaningful(extract("sort these names (easy, fast model!)")) == plain
    for word in sorted(IGNORED):
        assert word not in meaningful(extract(f"explain {word} things")).split()


def test_blending() -> None:
    assert blended((2.0, 0.5, -1.0), 3.0, 4.0) == pytest.approx(7.0)


def test_four_bits_keep_a_row_to_a_fifteenth_of_its_largest_number() -> None:
    rows = np.random.default_rng(1).normal(0, 1, (40, 8)).astype(np.float32)
    packed, scale = four_bits(rows)
    wide = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    assert np.abs(wide * scale.astype(np.float32)[:, None] - rows).max() <= np.abs(rows).max() / 14
    assert packed.shape == (40, 4)


def test_eight_bits_keep_a_column_to_a_254th_of_its_largest_number() -> None:
    values = np.random.default_rng(2).normal(0, [[0.1, 5.0]], (30, 2)).astype(np.float32)
    packed = eight_bits({"a": values, "b": values[0]})
    assert np.abs(packed["q_a"] * packed["s_a"] - values).max(axis=0) == pytest.approx(
        np.abs(values).max(axis=0) / 254, rel=0.1
    )
    assert np.array_equal(packed["v_b"], values[0])


def test_thin_matrices_give_back_what_has_their_rank_and_come_near_to_more() -> None:
    chance = np.random.default_rng(0)
    full = chance.normal(0, 1, (40, 30)).astype(np.float32)
    left, right = thin(full, 12)
    assert (left.shape, right.shape) == ((40, 12), (12, 30))
    made = left @ right
    again = np.matmul(*thin(made, 12))
    assert np.abs(again - made).max() < 1e-4
    kept = np.linalg.svd(full, compute_uv=False)[12:]  # nothing of this rank comes nearer (Eckart and Young)
    assert np.linalg.norm(full - made) == pytest.approx(np.linalg.norm(kept), rel=1e-4)


def test_principal_axes_keep_what_lies_along_them_and_the_most_of_anything_else() -> None:
    chance = np.random.default_rng(0)
    along = chance.normal(0, 1, (40, 3)).astype(np.float32) @ chance.normal(0, 1, (3, 8)).astype(np.float32)
    axes = principal_axes(along, 3)
    assert np.abs(axes.T @ axes - np.eye(3)).max() < 1e-5
    assert np.abs(along @ axes @ axes.T - along).max() < 1e-3
    any_rows = chance.normal(0, 1, (40, 8)).astype(np.float32)
    best = principal_axes(any_rows, 3)
    assert np.linalg.norm(any_rows @ best) > np.linalg.norm(any_rows @ axes)


def test_a_long_text_is_cut_only_where_it_is_read(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[list[str]] = []

    class Words:
        """One piece a word."""

        split = staticmethod(str.split)

        def ids(self, words: list[str]) -> list[int]:
            cut.append(words)
            return [int(word) for word in words]

    monkeypatch.setattr(encoder, "words", Words())
    text = " ".join(map(str, range(90)))
    assert encoder.ids("request", text) == (*range(40), *range(68, 90))
    assert encoder.ids("pasted", text) == tuple(range(24))
    assert [len(words) for words in cut] == [62, 24]


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


def test_other_policies_than_the_one_it_learned_are_served_without_it() -> None:
    close = CloseReading(cast(SentenceEncoder, Fixed(9.0)), (0.0, 0.0, 1.0, 0.0))
    made = replace(look(0.0, close), slope=1.0, offset=0.25)
    features = extract("and what about this")
    one_heavy = np.array([float(task == "maths") for task in TASKS], np.float32)
    found = made.opinions(features, made.probabilities(features), one_heavy)
    assert len(found) == 1
    assert made.together(features, features, one_heavy) is None


def test_readings_are_found_again_by_the_text(tmp_path: Path, encoder: SentenceEncoder) -> None:
    one, other = (prompt for prompt in read_prompts() if prompt.id in ("analyst-001", "analyst-003"))
    kept = Readings(encoder.name, {"alone": {key_of(one.messages): -1.5}, "follows": {}})
    kept.save(tmp_path)
    found = shipped_readings(encoder, tmp_path)
    assert (found.of(one, "alone"), found.of(other, "alone"), found.of(one, "follows")) == (-1.5, None, None)
    assert (found.has("alone"), found.has("follows"), found.has("writer alone")) == (True, False, False)
    Readings("another", {"alone": {key_of(one.messages): -1.5}}).save(tmp_path)
    assert not shipped_readings(encoder, tmp_path).has("alone")
    (tmp_path / "readings.npz").write_bytes(b"PK")
    assert not shipped_readings(encoder, tmp_path).has("alone")


def test_readings_that_ship_are_of_prompts_that_may_be_learned_from(encoder: SentenceEncoder) -> None:
    readings, prompts = shipped_readings(encoder), read_prompts()
    held = [prompt for prompt in prompts if prompt.held_out]
    assert not [prompt.id for prompt in held if readings.of(prompt, "alone") is not None]
    heavy, found = [], []
    for prompt in prompts:
        if (number := readings.of(prompt, "alone")) is not None and "inherit" not in prompt.tags:
            heavy.append(load_policy().level_of(prompt.task) >= 0.5)
            found.append(number)
    assert len(found) > 3000
    assert 0.93 < (auc(np.array(found), np.array(heavy)) or 0) < 0.99  # what has learned them gives .99


def test_what_was_asked_before_leaves_out_small_talk() -> None:
    said = ["prove it", "a proof", "thanks!", "you're welcome", "and for three?"]
    messages = [
        Message(role="user" if at % 2 == 0 else "assistant", content=text) for at, text in enumerate(said)
    ]
    assert before(messages) == "prove it"
    assert before(messages[:1]) == ""


def test_weights_of_another_encoder_do_without_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(weights_file, "shipped_encoder", lambda: Fixed(0.0))
    assert weights_file.load().close is None
    assert "beside another close reading" in caplog.text


def test_the_network_that_learns_is_the_one_that_decides(encoder: SentenceEncoder) -> None:
    torch = pytest.importorskip("torch", reason="only whoever trains the encoder has it")
    from router.encoder_network import Network

    parts = {name: value for name, value in encoder.part.items() if not name.startswith(("mix_", "head_"))}
    texts = [
        {"request": "prove it", "pasted": "", "before": "n is even"},
        {"request": "hi", "pasted": "a, b"},
    ]
    rows = [tuple(encoder.ids(name, text.get(name, "")) for name in READ) for text in texts]
    network = Network(parts, encoder.looked_up(np.arange(1 + max(chain(*chain(*rows))))), 1, 0.5).eval()
    assert network(rows).tolist() == [[0, 0], [0, 0]]
    assert set(network.learned()) == {name for name in encoder.part if name != "eps"}
    with torch.no_grad():
        for name in MIXED:
            network.parts[f"mix_{name}"].copy_(torch.tensor(encoder.part[f"mix_{name}"]))
        network.head.weight[0] = torch.tensor(encoder.part["head_w"])
        network.head.bias[0] = float(encoder.part["head_b"])
        answers = network(rows)[:, 0].tolist()
    assert answers == pytest.approx([encoder.read(**text) for text in texts], abs=0.05)  # memory has 8 bits


@pytest.mark.parametrize(("width", "before"), WINDOWS)
def test_a_convolution_by_words_is_that_by_windows(width: int, before: int) -> None:
    chance = np.random.default_rng(width)
    weights = chance.normal(0, 1, (width * WIDTH, 7)).astype(np.float32)
    for count in (1, 2, 7):
        rows = chance.normal(0, 1, (count, WIDTH)).astype(np.float32)
        padded = np.pad(rows, ((before, width - 1 - before), (0, 0)))
        windows = np.stack([padded[at : at + width].ravel() for at in range(count)])
        found = _convolved(rows @ _side_by_side(weights, width), width, before)
        assert np.abs(found - windows @ weights).max() < 1e-3
