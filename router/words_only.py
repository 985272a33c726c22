"""Routing by key words alone, for when the weights cannot be read: a decision must never fail."""

from __future__ import annotations

import numpy as np

from data.policy import TASKS
from router.classifier import Classifier
from router.cues import cue_names
from router.features import FIRST_CUE, size

# Hand-set: what a key word says about the task, and once more if it is among the first six words.
_ANYWHERE, _EARLY = 1.0, 1.0
_TASK_OF = {"prove": "maths", "why": "reasoning", "reason": "reasoning"}
_USUAL = {"lookup": 1.0, "draft": 0.3, "analysis": 0.3}


def by_words() -> Classifier:
    """A classifier that knows the cue words of data/routing_words.toml and nothing else."""
    weights = np.zeros((size(), len(TASKS)), np.float32)
    for at, kind in enumerate(cue_names()):
        task = TASKS.index(_TASK_OF.get(kind, kind))
        weights[FIRST_CUE + at, task] = _ANYWHERE
        weights[FIRST_CUE + len(cue_names()) + at, task] = _EARLY
    bias = np.array([_USUAL.get(task, 0.0) for task in TASKS], np.float32)
    return Classifier(TASKS, weights, bias)
