"""The figures of `make bench-routing`, from outcomes whose figures can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from benchmarks.routing import __main__ as bench
from benchmarks.routing import asking, deciders
from benchmarks.routing.asking import TierAnswer, key_of, order_of, read_answers, write_answers
from benchmarks.routing.strategies import Outcomes, Sample, best, describe, difference, quantile, top
from benchmarks.routing.tasks import read_tasks

TIERS = ("fast", "heavy")


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


@pytest.fixture
def sample() -> Sample:
    """Four tasks: both right, only heavy right (twice), only fast right. Heavy takes 1 s more."""
    fast = Outcomes(column(1, 0, 0, 1), column(100, 200, 300, 400), column(1000, 2000, 3000, 4000))
    heavy = Outcomes(column(1, 1, 1, 0), column(200, 300, 400, 500), column(2000, 3000, 4000, 5000))
    return Sample.of(fast, heavy)


def test_a_way_of_choosing_gets_what_the_chosen_tiers_answered(sample: Sample) -> None:
    routed = describe(sample, column(0, 1, 1, 0))
    assert (routed["correct"], routed["share_heavy"]) == (1.0, 0.5)
    assert routed["done_ms"]["p50"] == 3500  # of 1000, 3000, 4000 and 4000
    assert routed["first_text_ms"]["p50"] == 350
    assert routed["gap_recovered"] == 2.0
    fast, heavy = (describe(sample, np.full(4, to)) for to in (0.0, 1.0))
    assert (fast["correct"], heavy["correct"]) == (0.5, 0.75)
    assert (fast["gap_recovered"], heavy["gap_recovered"]) == (0.0, 1.0)
    assert fast["correct_interval"][0] <= 0.5 <= fast["correct_interval"][1]
    assert np.array_equal(best(sample), column(0, 1, 1, 0))


def test_chance_at_a_share_is_the_expected_value(sample: Sample) -> None:
    half = describe(sample, np.full(4, 0.5))
    assert half["correct"] == pytest.approx(0.625)
    assert half["gap_recovered"] == pytest.approx(0.5)


def test_differences_are_paired_and_the_same_way_differs_by_nothing(sample: Sample) -> None:
    heavy, fast = np.ones(4), np.zeros(4)
    found = difference(sample, heavy, fast)
    assert (found["correct"], found["tasks_better"], found["tasks_worse"]) == (0.25, 2, 1)
    assert found["correct_ratio"] == 1.5
    assert found["median_done_ratio"] == pytest.approx(3500 / 2500, abs=1e-4)
    same = difference(sample, heavy, heavy)
    assert (same["correct"], same["interval"], same["median_done_ratio_interval"]) == (0, [0, 0], [1, 1])


def test_a_wide_gap_over_many_tasks_has_an_interval_above_zero() -> None:
    n = 120
    right = column(*([0] * 40 + [1] * 80))
    times = np.full(n, 1000.0)
    found = difference(
        Sample.of(Outcomes(right, times, times), Outcomes(np.ones(n), times, times)), np.ones(n), np.zeros(n)
    )
    low, high = found["interval"]
    assert 0.24 < low < 1 / 3 < high < 0.43


def test_quantiles_with_weights_of_one_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).random(31)
    for share in (0.05, 0.5, 0.95):
        assert quantile(values, np.ones(31), share) == pytest.approx(np.quantile(values, share))
    assert quantile(column(1, 2, 3), column(1, 0, 1), 0.5) == pytest.approx(2.0)
    assert quantile(column(1, 9), column(1, 0), 0.95) == 1


def test_the_highest_scores_go_to_heavy_and_equal_ones_share_the_chance() -> None:
    assert top([0.1, 0.9, 0.5], 1).tolist() == [0, 1, 0]
    assert top([0.5, 0.9, 0.5], 2).tolist() == [0.5, 1, 0.5]
    assert top([0.0, 0.0, 0.0, 0.0], 1).tolist() == [0.25] * 4


def answer(task_id: str, digest: str, tier: str, text: str, done_ms: float) -> TierAnswer:
    return TierAnswer(
        task_id=task_id, digest=digest, tier=tier, repeat=0, text=text, status="ok", first_text_ms=100.0,
        done_ms=done_ms, input_tokens=20, cache_read_tokens=10, output_tokens=5, sources=0,
    )  # fmt: skip


def test_the_order_mixes_tasks_and_takes_the_tiers_in_turns() -> None:
    tasks = read_tasks()
    order = order_of(tasks, TIERS, 2)
    assert order == order_of(tasks, TIERS, 2)
    assert {(task.id, tier, repeat) for task, tier, repeat in order} == {
        (task.id, tier, repeat) for task in tasks for tier in TIERS for repeat in (0, 1)
    }
    first = [tier for _, tier, _ in order[: 2 * len(tasks)] if _ is not None][::2]
    assert first[:4] == ["heavy", "fast", "heavy", "fast"]
    assert [task.id for task, _, _ in order[:20:2]] != [task.id for task in tasks[:10]]


def test_answers_in_a_file_are_not_asked_again_unless_the_task_changed(tmp_path: Path) -> None:
    task = read_tasks()[0]
    kept = {key_of(a): a for a in (answer(task.id, task.digest, tier, "x", 1.0) for tier in TIERS)}
    file = tmp_path / "answers.json"
    write_answers(file, kept)
    assert read_answers(file) == kept
    assert read_answers(tmp_path / "none.json") == {}
    with mock.patch.object(asking, "app", side_effect=AssertionError("a model was asked")):
        assert asking.ask_all([task], TIERS, 1, read_answers(file), file) == kept
        changed = task.model_copy(update={"ask": "Something else?"})
        with pytest.raises(AssertionError, match="a model was asked"):
            asking.ask_all([changed], TIERS, 1, read_answers(file), file)


def test_the_whole_bench_from_kept_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fast is right on what the policy calls light, heavy on everything; no model is asked."""
    tasks = read_tasks()
    routed = deciders.ours(tasks)
    answers = {}
    for task, heavy in zip(tasks, routed, strict=True):
        for tier in TIERS:
            right = tier == "heavy" or not heavy
            text = (task.right if right else task.wrong)[0]
            made = answer(task.id, task.digest, tier, text, 1000.0 if tier == "fast" else 3000.0)
            answers[key_of(made)] = made
    file, figures = tmp_path / "answers.json", tmp_path / "routing.json"
    write_answers(file, answers)
    assert bench.main(["--tier-answers", str(file), "--no-turns", "--json", str(figures)]) == 0
    found = json.loads(figures.read_text(encoding="utf-8"))["figures"]["routing"]
    ways = found["ways"]
    assert ways["always heavy"]["correct"] == 1.0
    assert ways["routed"]["correct"] == 1.0
    assert ways["routed"]["gap_recovered"] == 1.0
    assert ways["always fast"]["correct"] == pytest.approx(1 - routed.mean(), abs=1e-3)
    assert ways["random at our share"]["correct"] < 1
    assert ways["litellm at our share"]["share_heavy"] == pytest.approx(routed.mean(), abs=1e-3)
    assert found["differences"]["routed − random at our share"]["interval"][0] > 0
    assert found["goal"]["met"]["correct"]
    assert len(found["answers"]) == 2 * len(tasks)
    assert sum(kind["n"] for kind in found["kinds"]) == len(tasks)
    assert "Goal: at least 95% of heavy's correct answers: 100%" in capsys.readouterr().out


def test_an_answer_that_failed_is_wrong_whatever_it_says() -> None:
    task = read_tasks()[0]
    good = answer(task.id, task.digest, "heavy", task.right[0], 1.0)
    failed = good.model_copy(update={"status": "error", "repeat": 1})
    [outcomes] = bench.checked([task], [good, failed]).values()
    assert [right for _, right in outcomes] == [True, False]
