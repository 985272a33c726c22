"""Percentiles: one definition for reports, pages and views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

P95_FROM = 60  # below, fewer than three turns lie beyond it, and one slow turn would be the figure


@dataclass(frozen=True)
class Summary:
    """How many values, their median and 95th percentile in milliseconds; None where it says nothing."""

    n: int
    p50_ms: float | None
    p95_ms: float | None


def percentile(values: Sequence[float] | NDArray[np.float64], share: float) -> float:
    """The value below which `share` (0..1) of the values lie; raises ValueError if there are none.

    Linear interpolation between the two nearest ranks: with n sorted values x[0..n-1] and
    h = (n - 1) * share it is x[floor h] + (h - floor h) * (x[floor h + 1] - x[floor h]). That is
    type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician
    50 (1996) 361-365, and the default of numpy, R and spreadsheets (PERCENTILE.INC).
    """
    if len(values) == 0:
        raise ValueError("no values, so no percentile")
    return float(np.quantile(np.asarray(values, dtype=np.float64), share, method="linear"))


def summarise(values: NDArray[np.float64]) -> Summary:
    """Median and 95th percentile of the values that are numbers; the latter only from 60 values."""
    known = values[~np.isnan(values)]
    n = len(known)
    return Summary(
        n=n,
        p50_ms=percentile(known, 0.5) if n else None,
        p95_ms=percentile(known, 0.95) if n >= P95_FROM else None,
    )
