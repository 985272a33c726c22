"""Fits how a follow-up and what came before it share in the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.policy import Policy
from router.calibration import calibrate, judged
from router.classifier import Classifier, FollowUps, logit
from router.decide import Decider
from router.features import extract
from router.fitting import FOLDS, Training, short
from router.kernel_fit import KernelRows
from router.prompts import Prompt


def learn_follow_ups(
    training: Training, raw: NDArray[np.float64], found: Classifier, prompts: Sequence[Prompt], policy: Policy
) -> Classifier:
    """`found` with what the conversations among `prompts` (those held out are skipped) teach."""
    talks = [prompt for prompt in prompts if not prompt.held_out and len(prompt.messages) > 2]
    leans = np.array(["inherit" in prompt.tags for prompt in talks], bool)
    if min(leans.sum(), (~leans).sum()) < 20:
        return found
    decider = Decider(found, policy)
    features = [extract(prompt.messages[-1].content) for prompt in talks]
    rows, weights = KernelRows(features, None), np.ones(len(talks), np.float32)
    leaning = np.zeros(len(talks))
    for fold in range(FOLDS):
        out = np.array([i for i, prompt in enumerate(talks) if prompt.fold(FOLDS) == fold], np.int64)
        kept = np.setdiff1d(np.arange(len(talks)), out)
        leaning[out] = rows.logits(rows.fit(kept, leans, weights), kept, out)
    leaning = 1 / (1 + np.exp(-leaning))
    # A message's own score must come from a model that had not seen it; those that inherit never trained one.
    blended = judged(raw, found)
    unseen = {prompt.id: float(blended[i]) for i, prompt in enumerate(training.prompts)}
    design, closer, heavy = [], [], []
    for prompt, lean in zip(talks, leaning, strict=True):
        last, asked = decider.reading(prompt.messages)
        if asked is not None:
            own = unseen[prompt.id] if prompt.id in unseen else training.alone(prompt, found, logit(last))
            both = own, logit(asked), float(lean)
            design.append(FollowUps.signs(*both))
            closer.append(FollowUps.signs(*both, training.together(prompt)))
            heavy.append(policy.level_of(prompt.task) >= 0.5)
    mix = calibrate(np.array(design), np.array(heavy, bool))
    both_read = calibrate(np.array(closer), np.array(heavy, bool)) if found.close else ()
    every = np.arange(len(talks))
    head = rows.collapse(rows.fit(every, leans, weights), every)
    used = np.abs(found.weights).max(axis=1) > 0
    return replace(
        found,
        follow_ups=FollowUps(short(head.weights) * used, round(head.bias, 5), mix, both_read),
    )
