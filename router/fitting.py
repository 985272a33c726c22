"""Fits everything that the router knows: the task head, the heavy head, their calibration, follow-ups.

Needs scikit-learn (a development requirement); deciding does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.policy import TASKS, Policy
from router.calibration import calibrate, judged
from router.classifier import Classifier, CloseReading, HeavyHead, heard, logit
from router.encoder_examples import Readings, before, shipped_readings
from router.extra_prompts import Extra
from router.features import IGNORED, Features, extract, size
from router.kernel_fit import KernelRows, Vectors
from router.pieces import Vocabulary
from router.prompts import Prompt
from router.sentence_encoder import SentenceEncoder

FOLDS = 5
STRENGTH = 30.0
"""Inverse of the L2 penalty; chosen by cross-validation on the training prompts."""


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
        self.readings = shipped_readings(encoder) if encoder else Readings("", {})
        self._read = self.read_apart("alone") if self.readings.has("alone") else self._read_now()

    def _read_now(self) -> NDArray[np.float64] | None:
        if self._encoder is None:
            return None
        rows = self._features[: len(self.prompts)]
        return np.array([self._encoder.read(**heard(row)) for row in rows])

    def read_apart(self, kind: str) -> NDArray[np.float64] | None:
        """What encoders made of each prompt that had not learned from it, if that was kept: (prompts,)."""
        if self._encoder is None or not self.readings.has(kind):
            return None
        known = [self.readings.of(prompt, kind) for prompt in self.prompts]
        return np.array(
            [
                self._encoder.read(**heard(row)) if number is None else number
                for number, row in zip(known, self._features, strict=False)
            ]
        )

    def logits(self, out: Sequence[int], read: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The heads' logits for the prompts `out`, fitted on the others: (out, 2), or 3 with an encoder.

        `read` are close readings of all prompts, if not the usual ones.
        """
        left = set(out)
        kept = [i for i in range(len(self._features)) if i not in left]
        part = self._task_head(kept)
        at, dual = np.array(kept), self._rows.fit(np.array(kept), self.heavy, self._weights)
        shares = [float(part.probabilities(self._features[i]) @ self._levels) for i in out]
        columns = [np.array([logit(share) for share in shares]), self._rows.logits(dual, at, np.array(out))]
        read = self._read if read is None else read
        if read is not None:
            columns.append(read[np.array(out)])
        return np.column_stack(columns).astype(np.float64)

    def alone(self, prompt: Prompt, found: Classifier, otherwise: float) -> float:
        """The logit that `found` would give to a prompt that only its encoder has learned from."""
        known = self.readings.of(prompt, "alone")
        if known is None or not found.head:
            return otherwise
        features = extract(prompt.messages[-1].content)
        share = logit(float(found.probabilities(features) @ self._levels))
        return float(judged(np.array([[share, found.head.logit(features), known]]), found)[0])

    def together(self, prompt: Prompt) -> float | None:
        """What an encoder makes of a prompt after what came before it that had not learned from it."""
        if self._encoder is None:
            return None
        known = self.readings.of(prompt, "follows")
        if known is not None:
            return known
        asked = extract(before(prompt.messages))
        return self._encoder.read(**heard(extract(prompt.messages[-1].content), asked))

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
        weights = short(whole.weights)
        used = np.abs(weights).max(axis=1) > 1e-4
        weights[~used] = 0
        head = self._rows.collapse(self._rows.fit(rows, self.heavy, self._weights), rows)
        vocabulary = self._vectors.vocabulary if self._vectors else Vocabulary((), IGNORED)
        made = HeavyHead(
            self._heavy_tasks,
            short(head.weights) * used,
            round(head.bias, 5),
            vocabulary,
            short(head.pieces),
            (of_task, of_head, both),
        )
        close = self._close(raw)
        return Classifier(TASKS, weights, whole.bias, slope, offset, made, close=close)

    def _close(self, raw: NDArray[np.float64]) -> CloseReading | None:
        if self._read is None or self._encoder is None:
            return None
        return CloseReading(self._encoder, calibrate(raw, self.heavy[: len(self.prompts)]))

    def _task_head(self, kept: Sequence[int]) -> Classifier:
        return fit(
            [self._features[i] for i in kept],
            [self._tasks[i] for i in kept],
            [float(self._weights[i]) for i in kept],
            self._strength,
        )


def short(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """To 16 bits and back, so that what is measured is what ships."""
    return numbers.astype(np.float16).astype(np.float32)


def train(
    prompts: Sequence[Prompt],
    extra: Sequence[Extra],
    policy: Policy,
    vectors: Vectors | None = None,
    encoder: SentenceEncoder | None = None,
) -> Classifier:
    """Fit on what is not held out; calibrated on scores from models that had not seen the prompt."""
    from router.follow_fitting import learn_follow_ups

    training = Training(trainable(prompts), extra, policy, vectors, encoder=encoder)
    raw = training.out_of_fold()
    return learn_follow_ups(training, raw, training.classifier(raw), prompts, policy)
