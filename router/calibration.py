"""From the heads' logits to scores that mean something: Platt's slopes and offsets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.classifier import Classifier


def calibrate(raw: NDArray[np.float64], heavy: NDArray[np.bool_]) -> tuple[float, ...]:
    """Platt's slopes and offset for out-of-fold logits (prompts,) or (prompts, heads), by Newton's method.

    Platt 1999; targets are smoothed as he does, so that a perfect separation does not run away.
    """
    design = np.column_stack([raw, np.ones(len(raw))])
    yes, no = heavy.sum(), (~heavy).sum()
    target = np.where(heavy, (yes + 1) / (yes + 2), 1 / (no + 2))
    found = np.zeros(design.shape[1])
    for _ in range(50):
        guess = 1 / (1 + np.exp(-design @ found))
        slope = design.T @ (guess - target)
        curve = (design * (guess * (1 - guess))[:, None]).T @ design + 1e-6 * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return tuple(round(float(number), 4) for number in found)


def first_looks(raw: NDArray[np.float64], blend: Sequence[float]) -> NDArray[np.float64]:
    """The calibrated logits of a first look: (prompts,)."""
    return np.asarray(raw[:, :2] @ np.array(blend[:2]) + blend[2])


def judged(raw: NDArray[np.float64], found: Classifier) -> NDArray[np.float64]:
    """The calibrated logits that `found` makes of its heads' logits, as Classifier.opinions: (prompts,)."""
    assert found.head is not None
    if found.close is None:
        return first_looks(raw, found.head.blend)
    return np.asarray(raw @ np.array(found.close.blend[:-1]) + found.close.blend[-1])
