"""The classifier: which task a message asks for, and whether that is heavy work. In numpy alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.config import ConfigError
from data.paths import shipped
from router.features import IGNORED, Features, extract, size
from router.pieces import SEGMENTS, Vocabulary

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
        for at, text in enumerate(features.segments if len(self.pieces) else ()):
            ids = self.vocabulary.ids(text)
            if len(ids):
                total += float(self.pieces[ids, at].sum()) / float(np.sqrt(len(ids)))
        return total


@dataclass(frozen=True)
class FollowUps:
    """How a message and what came before it share in the score, learned from labelled conversations.

    `weights` (features,) and `bias`: does it lean on the conversation? `mix`: a slope for each of `signs`,
    and an offset.
    """

    weights: Vector
    bias: float
    mix: tuple[float, ...]

    def leaning(self, features: Features) -> float:
        """How much of its meaning the message takes from the conversation (0..1)."""
        return sigmoid(self.bias + float(features.value @ self.weights[features.index]))

    def score(self, now: float, before: float, leaning: float) -> float:
        """The calibrated score (0..1) of a follow-up; `now` and `before` are such scores themselves."""
        signs = self.signs(logit(now), logit(before), leaning)
        return sigmoid(sum(m * x for m, x in zip(self.mix, (*signs, 1.0), strict=True)))

    @staticmethod
    def signs(now: float, before: float, leaning: float) -> tuple[float, ...]:
        """What the score of a follow-up is made of; `now` and `before` are logits.

        Hard work asked for is hard work after anything, and an easy beginning says little: quick to rise.
        """
        return (1 - leaning) * now, leaning * max(now, 0.0), leaning * min(max(before, -2.0), 2.0), leaning


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
        raw = logit(float(probabilities @ levels))
        if self.head and self.head.heavy == {
            t for t, level in zip(self.tasks, levels, strict=True) if level >= 0.5
        }:
            of_task, of_head, offset = self.head.blend
            return sigmoid(of_task * raw + of_head * self.head.logit(features) + offset)
        return sigmoid(self.slope * raw + self.offset)

    def evidence(self, features: Features, chosen: Vector, heavy: bool) -> list[tuple[float, str]]:
        """What spoke for the tasks, weighted by `chosen` (tasks,), and for their side: (share, words)."""
        towards = self.weights[features.index] @ chosen
        if self.head:
            towards = towards + self.head.weights[features.index] * (0.5 if heavy else -0.5)
        shares = features.value * towards
        total = float(np.abs(shares).sum()) or 1.0
        named = [
            (float(share) / total, features.names[int(at)])
            for at, share in zip(features.index, shares, strict=True)
            if int(at) in features.names
        ]
        return sorted(named, reverse=True)


def logit(raw: float) -> float:
    """log(p / (1 - p)), kept within ±9.2."""
    raw = min(max(raw, 1e-4), 1 - 1e-4)
    return float(np.log(raw / (1 - raw)))


def sigmoid(number: float) -> float:
    """The other way: 0..1."""
    return float(1 / (1 + np.exp(-min(max(number, -30.0), 30.0))))


def save(classifier: Classifier, folder: Path, card: dict[str, Any]) -> None:
    """Write weights.npz (rows that are not zero, 16 bits) and card.json."""
    folder.mkdir(parents=True, exist_ok=True)
    used = np.flatnonzero(np.abs(classifier.weights).max(axis=1) > 1e-4)
    arrays = {
        "rows": used.astype(np.int32),
        "values": classifier.weights[used].astype(np.float16),
        "bias": classifier.bias.astype(np.float32),
    }
    card = {
        **card,
        "tasks": list(classifier.tasks),
        "features": size(),
        "calibration": {"slope": classifier.slope, "offset": classifier.offset},
    }
    if head := classifier.head:
        text = "\n".join(head.vocabulary.pieces).encode()
        arrays["heavy"] = head.weights[used].astype(np.float16)
        arrays["pieces"] = head.pieces.astype(np.float16)
        arrays["vocabulary"] = np.frombuffer(text, np.uint8)
        card["heavy_head"] = {"heavy": sorted(head.heavy), "bias": head.bias, "blend": list(head.blend)}
    if follow_ups := classifier.follow_ups:
        arrays["leaning"] = follow_ups.weights[used].astype(np.float16)
        card["follow_ups"] = {"bias": follow_ups.bias, "mix": list(follow_ups.mix)}
    np.savez_compressed(folder / "weights.npz", **arrays)  # type: ignore[arg-type]
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load(folder: Path | None = None) -> Classifier:
    """Read the weights that ship, or those in `folder`. Raises ConfigError."""
    folder = folder or shipped("router_weights")
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        if card["features"] != size():
            raise ConfigError(
                f"{folder}: the weights are for {card['features']} features, this version has {size()}: "
                "train them again (python -m router train)"
            )
        with np.load(folder / "weights.npz") as file:
            weights = np.zeros((size(), len(card["tasks"])), np.float32)
            weights[file["rows"]] = file["values"]
            head = _head(card["heavy_head"], file) if "heavy_head" in card else None
            follow_ups = _follow_ups(card["follow_ups"], file) if "follow_ups" in card else None
            slope, offset = (float(card["calibration"][name]) for name in ("slope", "offset"))
            return Classifier(tuple(card["tasks"]), weights, file["bias"], slope, offset, head, follow_ups)
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{folder}: the router's weights cannot be read ({error}); "
            "train them again (python -m router train)"
        ) from error


def _head(card: dict[str, Any], file: Any) -> HeavyHead:
    weights = np.zeros(size(), np.float32)
    weights[file["rows"]] = file["heavy"]
    text = file["vocabulary"].tobytes().decode()
    pieces = file["pieces"].astype(np.float32).reshape(-1, len(SEGMENTS))
    of_task, of_head, offset = (float(number) for number in card["blend"])
    vocabulary = Vocabulary(text.split("\n") if text else (), IGNORED)
    return HeavyHead(
        frozenset(card["heavy"]), weights, float(card["bias"]), vocabulary, pieces, (of_task, of_head, offset)
    )


def _follow_ups(card: dict[str, Any], file: Any) -> FollowUps:
    weights = np.zeros(size(), np.float32)
    weights[file["rows"]] = file["leaning"]
    return FollowUps(weights, float(card["bias"]), tuple(float(number) for number in card["mix"]))
