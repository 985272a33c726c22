"""Comparing two variants by people: the difference, an interval that holds what it promises, and power.

One value for each person and variant comes in, never one for each turn: turns of one person are alike,
and a test that takes them for independent finds differences that are not there. Times are compared by
their logarithms, so a difference is in percent; ratings in points; shares in percentage points.

Within people the differences are freed of practice: whoever has a variant second has it with more
practice, and counterbalancing alone would leave that in the spread (and the interval too wide). A column
for each place in the order takes it out: for two variants this is the analysis of the 2 x 2 crossover
(J. E. Grizzle, Biometrics 21, 1965, 467-480). Between people it is Welch's t interval (B. L. Welch,
Biometrika 34, 1947, 28-35). A bootstrap of medians does not hold its 95 % among so few.

Ratings and shares move in steps, which few people do not smooth out; a continuity correction widens their
intervals by half a step (F. Yates, Supplement to the Journal of the Royal Statistical Society 1, 1934,
217-235). Where hardly anybody does what a share counts, they then hold more often than they promise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.assignment import Arm
from data.distributions import normal_cdf, t_cdf, t_quantile
from data.study_metrics import Kind, Metric

LEVEL = 0.95
_SHORTEST_MS = 1.0
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PersonValues:
    """One person: their order of variants, and their value under each that they have one of."""

    participant: str
    arm: Arm
    values: Mapping[str, float]


@dataclass(frozen=True)
class Difference:
    """The second variant minus the first, in the metric's unit (percent, points, percentage points).

    `low` and `high` are the interval; `p` is the probability of a difference at least as large where
    there is none. `spread` is the standard deviation that `power` takes, in the unit of the analysis
    (logarithms for times), and `n` the people behind it, for each variant. `level` is how often such an
    interval holds: 0.95, or more where several comparisons share one chance to be wrong.
    """

    estimate: float
    low: float
    high: float
    p: float
    spread: float
    n: tuple[int, int]
    level: float = LEVEL

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def compare(
    people: Sequence[PersonValues], first: str, second: str, kind: Kind, design: str, level: float = LEVEL
) -> Difference | None:
    """How `second` differs from `first`; None where there are too few people to say anything."""
    found = (
        _within(people, first, second, kind) if design == "within" else _between(people, first, second, kind)
    )
    if found is None:
        return None
    estimate, error, df, spread, n = found
    step = _half_step(people, first, second, kind, design, n)
    beyond = max(0.0, abs(estimate) - step)
    if error == 0:
        half, p = step, float(beyond == 0)
    else:
        half = t_quantile((1 + level) / 2, df) * error + step
        p = 2 * (1 - t_cdf(beyond / error, df))
    low, high = as_unit(estimate - half, kind), as_unit(estimate + half, kind)
    return Difference(as_unit(estimate, kind), low, high, p, spread, n, level)


def _half_step(
    people: Sequence[PersonValues], first: str, second: str, kind: Kind, design: str, n: tuple[int, int]
) -> float:
    """Half of the steps in which a difference can move among so few people; 0 for times, which do not.

    Ratings move by 1 a person. Shares by whatever a person's turns or conversations make possible: the
    smallest distance between two values that occurred (1 if all are alike). Of two groups both move.
    """
    if kind == "time":
        return 0.0
    if kind == "rating":
        return 0.5 / min(n)
    values = sorted({p.values[name] for p in people for name in (first, second) if name in p.values})
    apart = min((b - a for a, b in pairwise(values) if b - a > 1e-9), default=1.0)
    return apart * 0.5 * (1 / n[0] if design == "within" else 1 / n[0] + 1 / n[1])


def power(
    effect: float, spread: float, people: int, design: str, arms: int = 2, level: float = LEVEL
) -> float:
    """The chance (0..1) that a difference of `effect` is found by so many people, both analysis units.

    That of the t test: the noncentral t distribution, as the mean over the estimated spread of the
    normal probability beyond the critical value.
    """
    if design == "within":
        df, error = people - arms, spread / math.sqrt(max(1, people))
    else:
        each = people / arms
        df, error = int(2 * each) - 2, spread * math.sqrt(2 / max(0.5, each))
    if df < 1:
        return 0.0
    if error == 0:
        return float(effect != 0)
    critical, shift = t_quantile((1 + level) / 2, df), abs(effect) / error
    grid = np.linspace(max(0.0, 1 - 8 / math.sqrt(2 * df)), 1 + 8 / math.sqrt(2 * df), 801)[1:]
    # The estimated spread over the true one is chi / sqrt(df): its density, up to a factor.
    weights = np.exp((df - 1) * np.log(grid) - df * grid**2 / 2 + df / 2)
    found = [normal_cdf(shift - critical * s) + normal_cdf(-shift - critical * s) for s in grid]
    return float(np.sum(weights * np.array(found)) / np.sum(weights))


def detectable(
    spread: float, people: int, design: str, arms: int = 2, level: float = LEVEL, wanted: float = 0.8
) -> float | None:
    """The smallest difference (analysis unit) that is found with probability `wanted`; None if none is."""
    low, high = 0.0, spread
    if power(1e6 * max(spread, 1e-9), spread, people, design, arms, level) < wanted:
        return None
    while power(high, spread, people, design, arms, level) < wanted:
        low, high = high, 2 * max(high, 1e-9)
    for _ in range(40):
        middle = (low + high) / 2
        enough = power(middle, spread, people, design, arms, level) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def as_unit(value: float, kind: Kind) -> float:
    """A difference of the analysis (of logarithms, points, shares) in the metric's unit."""
    if kind == "time":
        return 100 * math.expm1(min(value, 50.0))
    return 100 * value if kind == "share" else value


def from_unit(amount: float, kind: Kind) -> float:
    """A size in the metric's unit (20 % more) as the analysis has it; always above 0."""
    if kind == "time":
        return math.log1p(amount / 100)
    return amount / 100 if kind == "share" else amount


def expected_spread(metric: Metric, own: float | None) -> float:
    """How much people are thought to differ, in the analysis' unit: a study's own guess or the list's."""
    return from_unit(own if own is not None else metric.spread, metric.kind)


_Found = tuple[float, float, float, float, tuple[int, int]]


def _within(people: Sequence[PersonValues], first: str, second: str, kind: Kind) -> _Found | None:
    both = [person for person in people if first in person.values and second in person.values]
    if not both:
        return None
    differences = _scaled([p.values[second] for p in both], kind) - _scaled(
        [p.values[first] for p in both], kind
    )
    columns = _places(both, first, second)
    columns = columns[:, columns.any(axis=0)]
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        columns = columns[:, :1]  # everybody had the same order: practice cannot be told from the variant
    df = len(both) - columns.shape[1]
    if df < 1:
        return None
    inverse = np.linalg.inv(columns.T @ columns)
    coefficients = inverse @ columns.T @ differences
    left = differences - columns @ coefficients
    variance = float(left @ left) / df
    if variance < 1e-18:
        variance = 0.0
    error = math.sqrt(variance * float(inverse[0, 0]))
    return float(coefficients[0]), error, df, math.sqrt(variance), (len(both), len(both))


def _places(people: Sequence[PersonValues], first: str, second: str) -> Numbers:
    """A row for each person: 1 for the difference itself, and where in their order the two stood."""
    longest = max(len(person.arm) for person in people)
    rows = np.zeros((len(people), longest))
    rows[:, 0] = 1
    for row, person in zip(rows, people, strict=True):
        for name, sign in ((second, 1.0), (first, -1.0)):
            place = person.arm.index(name) if name in person.arm else 0
            if place:
                row[place] += sign
    return rows


def _between(people: Sequence[PersonValues], first: str, second: str, kind: Kind) -> _Found | None:
    groups = [_scaled([p.values[name] for p in people if name in p.values], kind) for name in (first, second)]
    n = len(groups[0]), len(groups[1])
    if min(n) < 2:
        return None
    variances = [float(group.var(ddof=1)) for group in groups]
    pooled = sum(variance * (count - 1) for variance, count in zip(variances, n, strict=True)) / (sum(n) - 2)
    estimate = float(groups[1].mean() - groups[0].mean())
    df = float(sum(n) - 2)
    if pooled < 1e-18:
        return estimate, 0.0, df, 0.0, n
    if abs(n[0] - n[1]) <= 1:
        return estimate, math.sqrt(pooled * (1 / n[0] + 1 / n[1])), df, math.sqrt(pooled), n
    squares = [variance / count for variance, count in zip(variances, n, strict=True)]
    df = sum(squares) ** 2 / sum(s**2 / (count - 1) for s, count in zip(squares, n, strict=True))
    return estimate, math.sqrt(sum(squares)), df, math.sqrt(pooled), n


def _scaled(values: Sequence[float], kind: Kind) -> Numbers:
    numbers = np.asarray(values, dtype=np.float64)
    return np.log(np.maximum(numbers, _SHORTEST_MS)) if kind == "time" else numbers
