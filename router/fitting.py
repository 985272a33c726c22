"""Fits everything that the router knows: the task head, the heavy head, their calibration, follow-ups.

Needs scikit-learn (a development requirement); deciding does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.policy import TASKS, Policy
from router.classifier import Classifier, CloseReading, FollowUps, HeavyHead, logit, meaningful
from router.decide import Decider
from router.extra_prompts import Extra
from router.features import IGNORED, Features, extract, size
from router.kernel_fit import KernelRows, Vectors, fit_dense
from router.pieces import Vocabulary
from router.prompts import Prompt
from router.sentence_encoder import SentenceEncoder

FOLDS = 5
STRENGTH = 30.0
"""Inverse of the L2 penalty; chosen by cross-validation on the training prompts."""
READ_CLOSELY = 0.33
"""Share of the training prompts that a first look leaves unsure: so few that the median stays fast."""


def fit(
    features: Sequence[Features], tasks: Sequence[str], weights: Sequence[float], strength: float = STRENGTH
) -> Classifier:
    """A classifier for all of TASKS; a task without examples gets probability near 0."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    starts = np.cumsum([0] + [len(row.index) for row in features])
    matrix = csr_matrix(
        (
            np.concatenate([row.value for row in features]),
            np.concatenate([row.index for row in features]),
            starts,
        ),
        shape=(len(features), size()),
    )
    used = np.unique(matrix.indices)
    model = LogisticRegression(C=strength, max_iter=200, tol=1e-3)
    model.fit(matrix[:, used], list(tasks), sample_weight=np.asarray(weights))
    full = np.zeros((size(), len(TASKS)), np.float32)
    bias = np.full(len(TASKS), -20.0, np.float32)
    columns = [TASKS.index(task) for task in model.classes_]
    full[used[:, None], columns] = model.coef_.T
    bias[columns] = model.intercept_
    return Classifier(TASKS, full, bias)


def trainable(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Prompts whose last message shows its task by itself, outside the fifth that is kept aside."""
    return [prompt for prompt in prompts if not prompt.held_out and "inherit" not in prompt.tags]


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
    first = first_looks(raw, found.head.blend)
    if found.close is None:
        return first
    second = raw @ np.array(found.close.blend[:-1]) + found.close.blend[-1]
    return np.where(np.abs(first) < found.close.within, second, first)


class Training:
    """Prompts and extra rows with their features; fits both heads on all of them or on some."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        extra: Sequence[Extra],
        policy: Policy,
        vectors: Vectors | None = None,
        strength: float = STRENGTH,
        encoder: SentenceEncoder | None = None,
    ) -> None:
        self.prompts, self._strength, self._vectors = list(prompts), strength, vectors
        self._features = [extract(prompt.messages[-1].content) for prompt in prompts]
        self._features += [extract(row.text) for row in extra]
        self._tasks = [prompt.task for prompt in prompts] + [row.task for row in extra]
        self._weights = np.array([1.0] * len(prompts) + [row.weight for row in extra], np.float32)
        self._levels = np.array([policy.level_of(task) for task in TASKS], np.float32)
        self._heavy_tasks = frozenset(task for task in TASKS if policy.level_of(task) >= 0.5)
        self.heavy = np.array([task in self._heavy_tasks for task in self._tasks], bool)
        self._rows = KernelRows(self._features, vectors)
        self._encoder = encoder
        self._read = (
            np.array([encoder.encode(meaningful(row)) for row in self._features]) if encoder else None
        )

    def logits(self, out: Sequence[int]) -> NDArray[np.float64]:
        """The heads' logits for the prompts `out`, fitted on the others: (out, 2), or 3 with an encoder."""
        left = set(out)
        kept = [i for i in range(len(self._features)) if i not in left]
        part = self._task_head(kept)
        at, dual = np.array(kept), self._rows.fit(np.array(kept), self.heavy, self._weights)
        shares = [float(part.probabilities(self._features[i]) @ self._levels) for i in out]
        columns = [np.array([logit(share) for share in shares]), self._rows.logits(dual, at, np.array(out))]
        if self._read is not None:
            weights, bias = fit_dense(self._read[at], self.heavy[at], self._weights[at])
            columns.append(self._read[np.array(out)] @ weights + bias)
        return np.column_stack(columns).astype(np.float64)

    def out_of_fold(self) -> NDArray[np.float64]:
        """The heads' logits for every prompt, from models that had not seen it: (prompts, heads)."""
        raw = np.zeros((len(self.prompts), 2 if self._read is None else 3))
        for fold in range(FOLDS):
            out = [i for i, prompt in enumerate(self.prompts) if prompt.fold(FOLDS) == fold]
            raw[out] = self.logits(out)
        return raw

    def classifier(self, raw: NDArray[np.float64]) -> Classifier:
        """Fitted on everything, calibrated on the out-of-fold logits `raw`, rounded as the file will be."""
        heavy = self.heavy[: len(self.prompts)]
        slope, offset = calibrate(raw[:, 0], heavy)
        of_task, of_head, both = calibrate(raw[:, :2], heavy)
        rows = np.arange(len(self._features))
        whole = self._task_head(list(rows))
        weights = _short(whole.weights)
        used = np.abs(weights).max(axis=1) > 1e-4
        weights[~used] = 0
        head = self._rows.collapse(self._rows.fit(rows, self.heavy, self._weights), rows)
        vocabulary = self._vectors.vocabulary if self._vectors else Vocabulary((), IGNORED)
        made = HeavyHead(
            self._heavy_tasks,
            _short(head.weights) * used,
            round(head.bias, 5),
            vocabulary,
            _short(head.pieces),
            (of_task, of_head, both),
        )
        close = self._close(raw, first_looks(raw, made.blend))
        return Classifier(TASKS, weights, whole.bias, slope, offset, made, close=close)

    def _close(self, raw: NDArray[np.float64], first: NDArray[np.float64]) -> CloseReading | None:
        """Fitted on everything, calibrated on the prompts where it will be asked."""
        if self._read is None or self._encoder is None:
            return None
        within = round(float(np.quantile(np.abs(first), READ_CLOSELY)), 4)
        asked = np.abs(first) < within
        weights, bias = fit_dense(self._read, self.heavy, self._weights)
        blend = calibrate(raw[asked], self.heavy[: len(self.prompts)][asked])
        return CloseReading(self._encoder, weights, round(bias, 5), blend, within)

    def _task_head(self, kept: Sequence[int]) -> Classifier:
        return fit(
            [self._features[i] for i in kept],
            [self._tasks[i] for i in kept],
            [float(self._weights[i]) for i in kept],
            self._strength,
        )


def _short(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """To 16 bits and back, so that what is measured is what ships."""
    return numbers.astype(np.float16).astype(np.float32)


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
    design, heavy = [], []
    for prompt, lean in zip(talks, leaning, strict=True):
        last, before = decider.reading(prompt.messages)
        if before is not None:
            own = unseen.get(prompt.id, logit(last))
            design.append(FollowUps.signs(own, logit(before), float(lean)))
            heavy.append(policy.level_of(prompt.task) >= 0.5)
    mix = calibrate(np.array(design), np.array(heavy, bool))
    every = np.arange(len(talks))
    head = rows.collapse(rows.fit(every, leans, weights), every)
    used = np.abs(found.weights).max(axis=1) > 0
    return replace(
        found,
        follow_ups=FollowUps(_short(head.weights) * used, round(head.bias, 5), mix),
    )


def train(
    prompts: Sequence[Prompt],
    extra: Sequence[Extra],
    policy: Policy,
    vectors: Vectors | None = None,
    encoder: SentenceEncoder | None = None,
) -> Classifier:
    """Fit on what is not held out; calibrated on scores from models that had not seen the prompt."""
    training = Training(trainable(prompts), extra, policy, vectors, encoder=encoder)
    raw = training.out_of_fold()
    return learn_follow_ups(training, raw, training.classifier(raw), prompts, policy)
