# messages and expectations side by side
"""Training repeats itself, the split holds, and what ships is good enough on prompts that it never saw."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data.config import ConfigError
from data.policy import TASKS, load_policy
from router import weights_file
from router.decide import Decider
from router.features import extract, size
from router.figures import quality
from router.fitting import calibrate, train, trainable
from router.measures import auc, calibration_error, heavy_recall, reliability
from router.prompts import Prompt, read_prompts
from router.train import digest


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    return read_prompts()


def grams(text: str) -> set[str]:
    text = " ".join(text.lower().split())[:200]
    return {text[i : i + 5] for i in range(max(1, len(text) - 4))}


def test_ids_are_unique_and_every_task_has_examples(prompts: list[Prompt]) -> None:
    assert len({prompt.id for prompt in prompts}) == len(prompts) >= 600
    count = Counter(prompt.task for prompt in prompts)
    assert set(count) == set(TASKS)
    assert all(prompt.messages[-1].role == "user" and prompt.tags and prompt.reason for prompt in prompts)
    assert min(count.values()) >= 10, count.most_common()[-3:]


def test_about_a_fifth_is_kept_aside_and_never_trained_on(prompts: list[Prompt]) -> None:
    held = [prompt for prompt in prompts if prompt.held_out]
    assert 0.15 < len(held) / len(prompts) < 0.25
    assert not {prompt.id for prompt in held} & {prompt.id for prompt in trainable(prompts)}


def test_near_duplicates_do_not_straddle_the_split(prompts: list[Prompt]) -> None:
    # Of two words only, two people may well write the same ("dark mode?").
    single = [p for p in prompts if len(p.messages) == 1 and len(p.messages[0].content.split()) > 2]
    inside = [(p, grams(p.messages[0].content)) for p in single if not p.held_out]
    close = [
        (held.id, other.id)
        for held in single
        if held.held_out
        for mine in (grams(held.messages[0].content),)
        for other, theirs in inside
        if len(mine & theirs) > 0.6 * len(mine | theirs)
    ]
    assert close == []


def test_variants_stay_on_one_side() -> None:
    made = [Prompt(id=f"voice-7{letter}", messages=(), task="lookup") for letter in "abc"]
    assert len({prompt.group for prompt in made}) == 1


def test_training_twice_gives_the_same_weights(prompts: list[Prompt]) -> None:
    pytest.importorskip("sklearn", reason="training needs the development requirements")
    few = trainable(prompts)[::8]
    first, second = (train(few, [], load_policy()) for _ in range(2))
    assert np.array_equal(first.weights, second.weights)
    assert (first.slope, first.offset) == (second.slope, second.offset)
    assert first.slope > 0
    probabilities = first.of_text("translate this to French")
    assert probabilities.shape == (len(TASKS),)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    made = weights_file.load()
    weights_file.save(made, tmp_path, {"what": "a copy"})
    again = weights_file.load(tmp_path)
    assert np.array_equal(made.weights, again.weights)
    assert np.array_equal(made.bias, again.bias)
    assert (made.slope, made.offset) == (again.slope, again.offset)
    assert made.head
    assert again.head
    assert made.follow_ups
    assert again.follow_ups
    assert made.close
    assert made.close == again.close
    assert made.head.vocabulary.pieces == again.head.vocabulary.pieces
    for text in ("prove it", "traduis « bonjour »", "why?"):
        one = extract(text)
        assert made.head.logit(one) == again.head.logit(one)
        assert made.follow_ups.leaning(one) == again.follow_ups.leaning(one)
    assert (tmp_path / "weights.npz").stat().st_size < 25_000_000


def test_unusable_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="python -m router train"):
        weights_file.load(tmp_path)
    weights_file.save(weights_file.load(), tmp_path, {})
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "features": 3}))
    with pytest.raises(ConfigError, match=f"3 features, this version has {size()}"):
        weights_file.load(tmp_path)
    (tmp_path / "weights.npz").write_bytes(b"not an archive")
    with pytest.raises(ConfigError, match="python -m router train"):
        weights_file.load(tmp_path)


def test_the_card_belongs_to_the_prompts_that_ship(prompts: list[Prompt]) -> None:
    card = json.loads((Path(weights_file.__file__).parents[1] / "data/router_weights/card.json").read_text())
    assert card["data"]["own_prompts"] == len(prompts)
    assert card["data"]["fingerprint"] == digest(prompts)


def test_the_shipped_router_is_good_on_what_it_never_saw(prompts: list[Prompt]) -> None:
    held = [prompt for prompt in prompts if prompt.held_out]
    figures = quality(Decider.load(), held, every=6)
    assert figures["auc"] > 0.96  # without the close reading it is .94
    assert figures["heavy_recall"] > 0.88
    assert figures["fast_recall"] > 0.88
    assert figures["follow_ups"]["accuracy"] > 0.9
    # a quarter of these are in languages that its encoder does not know
    assert figures["not_english"]["auc"] > 0.93
    assert figures["steering"]["unchanged"] > 0.998
    assert figures["calibration_error"] < 0.04


def test_features_are_numbers_of_the_text_alone() -> None:
    first, second = extract("Prove that √2 is irrational"), extract("Prove that √2 is irrational")
    assert np.array_equal(first.index, second.index)
    assert np.array_equal(first.value, second.value)
    assert len(np.unique(first.index)) == len(first.index)
    assert first.index.max() < size()
    assert first.names


@pytest.mark.parametrize(
    "text", ["", "\x00", "a", "\ud800", "🎉" * 5000, "א" * 3000, "```", "\n" * 4000, '"' * 999, "/fast"]
)
def test_features_of_odd_text(text: str) -> None:
    found = extract(text)
    assert np.isfinite(found.value).all()
    assert (np.diff(found.index) > 0).all()  # the reasons are looked up in it
    assert (found.index.dtype, found.value.dtype) == (np.int64, np.float32)


def test_measures() -> None:
    scores, heavy = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auc(scores, heavy) == 0.75
    assert auc(np.zeros(4), heavy) == 0.5
    assert auc(scores, np.ones(4, bool)) is None
    assert heavy_recall(scores, heavy) == 0.5
    assert calibration_error(np.array([0.0, 0.0, 1.0, 1.0]), heavy) == 0
    assert calibration_error(np.array([1.0, 1.0, 0.0, 0.0]), heavy) == 1
    assert reliability(scores, heavy) == [
        {"from": 0.1, "n": 1, "score": 0.1, "heavy": 0.0},
        {"from": 0.3, "n": 1, "score": 0.35, "heavy": 1.0},
        {"from": 0.4, "n": 1, "score": 0.4, "heavy": 0.0},
        {"from": 0.8, "n": 1, "score": 0.8, "heavy": 1.0},
    ]


def test_calibration_finds_the_slope_it_was_given() -> None:
    rng = np.random.default_rng(5)
    raw = rng.uniform(0.02, 0.98, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(2.0 * np.log(raw / (1 - raw)) - 0.7)))
    slope, offset = calibrate(np.log(raw / (1 - raw)), truth)
    assert slope == pytest.approx(2.0, abs=0.1)
    assert offset == pytest.approx(-0.7, abs=0.1)


def test_a_bad_prompt_names_file_and_line(tmp_path: Path) -> None:
    row = {"id": "x-1", "messages": [{"role": "user", "content": "hi"}], "task": "cooking"}
    (tmp_path / "mine.jsonl").write_text(
        json.dumps({**row, "task": "lookup"}) + "\n" + json.dumps(row) + "\n"
    )
    with pytest.raises(ConfigError, match=r"(?s)mine.jsonl, line 2: .*unknown task 'cooking'") as caught:
        read_prompts(tmp_path)
    assert "known: lookup" in str(caught.value)
