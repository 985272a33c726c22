"""What each way of choosing a tier would have given, from what each tier answered to each task.

Every task was asked of both tiers, so a way of choosing is a column of chances: how likely task i goes
to the heavy tier (0 or 1, unless chance decides). Intervals are percentile bootstraps over tasks (Efron
1979), the same draws for all ways, so that their differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 5000
SEED = 7
INTERVAL = (2.5, 97.5)

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """What a tier made of each task, (tasks,): share of its answers that were right, times in ms."""

    correct: Column
    first_text_ms: Column
    done_ms: Column


@dataclass(frozen=True)
class Sample:
    """Both tiers' outcomes, and the bootstrap's draws of tasks, (draws, tasks)."""

    fast: Outcomes
    heavy: Outcomes
    draws: NDArray[np.int64]

    @classmethod
    def of(cls, fast: Outcomes, heavy: Outcomes, draws: int = DRAWS) -> Sample:
        """With a fixed seed: the same outcomes give the same intervals."""
        n = len(fast.correct)
        return cls(fast, heavy, np.random.default_rng(SEED).integers(0, n, (draws, n)))

    def correct(self, to_heavy: Column) -> Column:
        """How likely each task is answered right: (tasks,)."""
        return to_heavy * self.heavy.correct + (1 - to_heavy) * self.fast.correct

    def times(self, to_heavy: Column, name: str) -> tuple[Column, Column]:
        """All times that can occur and how likely each is: (2 · tasks,) each."""
        values = np.concatenate([getattr(self.fast, name), getattr(self.heavy, name)])
        return values, np.concatenate([1 - to_heavy, to_heavy])


def quantile(values: Column, weights: Column, share: float) -> float:
    """The value below which `share` of the weight lies; between two values by linear interpolation.

    With weights of 0 and 1 it is type 7 of Hyndman and Fan 1996, as numpy's: each value stands in the
    middle of the ranks that it takes, the lowest at 0 and the highest at 1.
    """
    kept = weights > 0
    order = np.argsort(values[kept], kind="stable")
    value, weight = values[kept][order], weights[kept][order]
    below = np.cumsum(weight) - weight
    span = max(float(weight.sum() - weight[-1]), 1e-12)
    return float(np.interp(share, below / span, value))


def describe(sample: Sample, to_heavy: Column) -> dict[str, Any]:
    """The figures of one way: share correct, times and share heavy, with 95 % intervals."""
    right = sample.correct(to_heavy)
    gap = gap_recovered(sample, to_heavy)
    return {
        "correct": round(float(right.mean()), 4),
        "correct_interval": _interval(right[sample.draws].mean(axis=1)),
        "share_heavy": round(float(to_heavy.mean()), 4),
        "first_text_ms": _spread(sample, to_heavy, "first_text_ms"),
        "done_ms": _spread(sample, to_heavy, "done_ms"),
        "gap_recovered": gap[0],
        "gap_recovered_interval": gap[1],
    }


def _spread(sample: Sample, to_heavy: Column, name: str) -> dict[str, Any]:
    values, weights = sample.times(to_heavy, name)
    return {
        "p50": round(quantile(values, weights, 0.5), 1),
        "p50_interval": _interval(medians(sample, to_heavy, name)),
        "p95": round(quantile(values, weights, 0.95), 1),
    }


def medians(sample: Sample, to_heavy: Column, name: str) -> Column:
    """The median time in each draw of the bootstrap; where chance decides, it does so anew in each."""
    fast, heavy = getattr(sample.fast, name), getattr(sample.heavy, name)
    chance = np.random.default_rng(SEED + 1).random(sample.draws.shape)
    times = np.where(chance < to_heavy[sample.draws], heavy[sample.draws], fast[sample.draws])
    return np.asarray(np.median(times, axis=1), np.float64)


def gap_recovered(sample: Sample, to_heavy: Column) -> tuple[float | None, list[float] | None]:
    """(this way − always fast) / (always heavy − always fast) in share correct, and its interval.

    None where heavy is no better than fast: then there is no gap to recover.
    """
    right = sample.correct(to_heavy)
    fast, heavy = sample.fast.correct, sample.heavy.correct
    whole = float(heavy.mean() - fast.mean())
    if whole <= 0:
        return None, None
    drawn = heavy[sample.draws].mean(axis=1) - fast[sample.draws].mean(axis=1)
    ours = right[sample.draws].mean(axis=1) - fast[sample.draws].mean(axis=1)
    usable = drawn > 0
    return round(float(right.mean() - fast.mean()) / whole, 4), _interval(ours[usable] / drawn[usable])


def difference(sample: Sample, one: Column, other: Column) -> dict[str, Any]:
    """Share correct of `one` less that of `other`, paired, with interval; and the ratio of median times."""
    ours, theirs = sample.correct(one), sample.correct(other)
    apart = ours - theirs
    ratio = medians(sample, one, "done_ms") / medians(sample, other, "done_ms")
    exact = [quantile(*sample.times(way, "done_ms"), 0.5) for way in (one, other)]
    return {
        "correct": round(float(apart.mean()), 4),
        "interval": _interval(apart[sample.draws].mean(axis=1)),
        "tasks_better": int((apart > 0).sum()),
        "tasks_worse": int((apart < 0).sum()),
        "median_done_ratio": round(exact[0] / exact[1], 4),
        "median_done_ratio_interval": _interval(ratio),
        "correct_ratio": round(float(ours.mean() / theirs.mean()), 4) if theirs.any() else None,
        "correct_ratio_interval": _ratio_interval(sample, ours, theirs),
    }


def _ratio_interval(sample: Sample, ours: Column, theirs: Column) -> list[float] | None:
    below = theirs[sample.draws].mean(axis=1)
    return _interval((ours[sample.draws].mean(axis=1)[below > 0]) / below[below > 0]) if below.any() else None


def top(scores: Sequence[float], count: float) -> Column:
    """The `count` tasks with the highest scores go to the heavy tier; equal scores share their chance."""
    found = np.zeros(len(scores))
    left = count
    values = np.asarray(scores, np.float64)
    for value in np.unique(values)[::-1]:
        here = values == value
        chance = min(1.0, max(0.0, left / here.sum()))
        found[here] = chance
        left -= here.sum() * chance
    return found


def best(sample: Sample) -> Column:
    """Heavy exactly where it is more often right than fast: what no router can beat."""
    return np.asarray(sample.heavy.correct > sample.fast.correct, np.float64)


def _interval(values: Column) -> list[float]:
    low, high = np.percentile(values, INTERVAL)
    return [round(float(low), 4), round(float(high), 4)]
