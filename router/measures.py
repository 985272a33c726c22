"""What the router is measured by, from scores (0..1) and the truth (heavy work or not)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]


def auc(scores: Scores, heavy: Truth) -> float | None:
    """Area under the ROC curve by ranks (Mann–Whitney), ties counted half; None with one class only."""
    yes, no = scores[heavy], scores[~heavy]
    if not len(yes) or not len(no):
        return None
    ordered = np.sort(no)
    below = np.searchsorted(ordered, yes, "left")
    up_to = np.searchsorted(ordered, yes, "right")
    return round(float((below + up_to).mean() / 2 / len(no)), 4)


def heavy_recall(scores: Scores, heavy: Truth, fast_recall: float = 0.9) -> float | None:
    """The most heavy prompts caught by any threshold that keeps `fast_recall` of the fast ones."""
    if heavy.all() or not heavy.any():
        return None
    best = 0.0
    for cut in np.unique(scores):
        if (scores[~heavy] < cut).mean() >= fast_recall:
            best = max(best, float((scores[heavy] >= cut).mean()))
    return round(best, 4)


def calibration_error(scores: Scores, heavy: Truth, bins: int = 10) -> float:
    """Expected calibration error over `bins` bins of equal width (Naeini et al. 2015)."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        abs(scores[which == b].mean() - heavy[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return round(float(sum(gaps)), 4)


def reliability(scores: Scores, heavy: Truth, bins: int = 10) -> list[dict[str, Any]]:
    """For each bin of equal width that is not empty: from, n, mean score, share that was heavy."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        {
            "from": b / bins,
            "n": int((which == b).sum()),
            "score": round(float(scores[which == b].mean()), 3),
            "heavy": round(float(heavy[which == b].mean()), 3),
        }
        for b in range(bins)
        if (which == b).any()
    ]


def share(yes: Truth) -> float | None:
    """How many of `yes` are true, None of none."""
    return round(float(yes.mean()), 4) if len(yes) else None
