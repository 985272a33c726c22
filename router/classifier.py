"""The classifier: which task a message asks for, and whether that is heavy work. In numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.features import IGNORED, Features, extract
from router.pieces import Ids, Vocabulary
from router.sentence_encoder import SentenceEncoder

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class HeavyHead:
    """Heavy or not, learned apart from the task: `weights` (features,), `pieces` (pieces, segments).

    `heavy` are the tasks that counted as heavy; where the policy says otherwise, it is of no use.
    `blend` = (of the task head's logit, of this head's logit, offset): Platt's calibration of both.
    """

    heavy: frozenset[str]
    weights: Vector
    bias: float
    vocabulary: Vocabulary
    pieces: Vector
    blend: tuple[float, float, float]

    def logit(self, features: Features) -> float:
        """Above 0 if heavy work is likelier; not calibrated."""
        total = self.bias + float(features.value @ self.weights[features.index])
        cut: dict[str, Ids] = {}  # of a short message several segments are the same text
        for at, text in enumerate(features.segments if len(self.pieces) else ()):
            ids = cut[text] = self.vocabulary.ids(text) if text not in cut else cut[text]
            if len(ids):
                total += float(self.pieces[ids, at].sum()) / float(np.sqrt(len(ids)))
        return total


@dataclass(frozen=True)
class CloseReading:
    """A second opinion from what the request means as a whole.

    `blend` = (of the task head's logit, of the heavy head's, of this one's, offset), calibrated like the
    others.
    """

    encoder: SentenceEncoder
    blend: tuple[float, ...]

    def logit(self, features: Features, before: Features | None = None) -> float:
        """Above 0 if heavy work is likelier, `before` being what was asked before it; not calibrated."""
        return self.encoder.read(**heard(features, before))


def heard(features: Features, before: Features | None = None) -> dict[str, str]:
    """What a close reading reads: the texts for SentenceEncoder.read."""
    return {
        "request": meaningful(features),
        "pasted": _meaningful(features.segments[-1]) if features.segments else "",
        "before": meaningful(before) if before else "",
    }


def meaningful(features: Features) -> str:
    """The request without what it says about itself."""
    return _meaningful(features.segments[0]) if features.segments else ""


def _meaningful(text: str) -> str:
    return " ".join(word for word in text.split() if word.strip(_AROUND).lower() not in IGNORED)


_AROUND = ".,;:!?()[]\"'*"


@dataclass(frozen=True)
class FollowUps:
    """How a message and what came before it share in the score, learned from labelled conversations.

    `weights` (features,) and `bias`: does it lean on the conversation? `mix`: a slope for each of `signs`,
    and an offset; `closer`: the same for where both were read together.
    """

    weights: Vector
    bias: float
    mix: tuple[float, ...]
    closer: tuple[float, ...] = ()

    def leaning(self, features: Features) -> float:
        """How much of its meaning the message takes from the conversation (0..1)."""
        return sigmoid(self.bias + float(features.value @ self.weights[features.index]))

    def score(self, now: float, before: float, leaning: float, together: float | None = None) -> float:
        """The calibrated score (0..1) of a follow-up; `now` and `before` are such scores themselves.

        `together` is what a close reading says of both (a logit), if there was one.
        """
        together = together if self.closer else None
        signs = self.signs(logit(now), logit(before), leaning, together)
        return sigmoid(blended(self.mix if together is None else self.closer, *signs))

    @staticmethod
    def signs(now: float, before: float, leaning: float, together: float | None = None) -> tuple[float, ...]:
        """What the score of a follow-up is made of; `now`, `before` and `together` are logits.

        Hard work asked for is hard work after anything, and an easy beginning says little: quick to rise.
        """
        plain = (1 - leaning) * now, leaning * max(now, 0.0), leaning * min(max(before, -2.0), 2.0), leaning
        return plain if together is None else (*plain, together, leaning * together)


@dataclass(frozen=True)
class Classifier:
    """Multinomial logistic regression: `weights` is (features, tasks), `bias` (tasks,).

    `slope` and `offset` calibrate the share of heavy tasks, as Platt did: sigmoid(slope · logit(raw) +
    offset), fitted on out-of-fold scores. `head`, where there is one, has its say in the score too;
    without `follow_ups` a conversation counts by fixed shares.
    """

    tasks: tuple[str, ...]
    weights: Vector
    bias: Vector
    slope: float = 1.0
    offset: float = 0.0
    head: HeavyHead | None = None
    follow_ups: FollowUps | None = None
    close: CloseReading | None = None

    def probabilities(self, features: Features) -> Vector:
        """How likely each task is: (tasks,), sums to 1."""
        logits = features.value @ self.weights[features.index] + self.bias
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum(), np.float32)

    def of_text(self, text: str) -> Vector:
        """`probabilities` of a message's text."""
        return self.probabilities(extract(text))

    def score(self, features: Features, probabilities: Vector, levels: Vector) -> float:
        """How likely heavy work is asked for (0..1), calibrated; `levels` (tasks,) are the policy's."""
        return sigmoid(self.opinions(features, probabilities, levels)[-1])

    def opinions(
        self, features: Features, probabilities: Vector, levels: Vector, closely: bool = True
    ) -> tuple[float, ...]:
        """Calibrated logits: of a first look and of a close reading, if there is one; the last counts."""
        raw = logit(float(probabilities @ levels))
        if not self.head or not self._fits(levels):
            return (self.slope * raw + self.offset,)
        of_head = self.head.logit(features)
        first = blended(self.head.blend, raw, of_head)
        if not closely or not self.close:
            return (first,)
        return first, blended(self.close.blend, raw, of_head, self.close.logit(features))

    def together(self, features: Features, before: Features, levels: Vector) -> float | None:
        """What a close reading says of a message after another one: a logit; None if there can be none."""
        return self.close.logit(features, before) if self.close and self._fits(levels) else None

    def _fits(self, levels: Vector) -> bool:
        """Does the policy count as heavy what the heavy head learned as such?"""
        heavy = {task for task, level in zip(self.tasks, levels, strict=True) if level >= 0.5}
        return self.head is not None and self.head.heavy == heavy

    def evidence(self, features: Features, chosen: Vector, heavy: bool) -> list[tuple[float, str]]:
        """What spoke for the tasks, weighted by `chosen` (tasks,), and for their side: (share, words)."""
        towards = self.weights[features.index] @ chosen
        if self.head:
            towards = towards + self.head.weights[features.index] * (0.5 if heavy else -0.5)
        shares = features.value * towards
        total = float(np.abs(shares).sum()) or 1.0
        named = np.searchsorted(features.index, list(features.names))
        return sorted(
            zip((shares[named] / total).tolist(), features.names.values(), strict=True), reverse=True
        )


def blended(blend: tuple[float, ...], *logits: float) -> float:
    """Logits with their slopes, and the offset that comes last in `blend`."""
    return sum(slope * number for slope, number in zip(blend, (*logits, 1.0), strict=True))


def logit(raw: float) -> float:
    """log(p / (1 - p)), kept within ±9.2."""
    raw = min(max(raw, 1e-4), 1 - 1e-4)
    return float(np.log(raw / (1 - raw)))


def sigmoid(number: float) -> float:
    """The other way: 0..1."""
    return float(1 / (1 + np.exp(-min(max(number, -30.0), 30.0))))
