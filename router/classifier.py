"""The task classifier: multinomial logistic regression over hashed features, in numpy alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.config import ConfigError
from data.paths import shipped
from router.features import Features, extract, size

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Classifier:
    """`weights` is (features, tasks), `bias` (tasks,); `slope` and `offset` calibrate a raw score.

    Calibration is Platt's: sigmoid(slope · logit(raw) + offset), fitted on out-of-fold scores.
    """

    tasks: tuple[str, ...]
    weights: Vector
    bias: Vector
    slope: float = 1.0
    offset: float = 0.0

    def probabilities(self, features: Features) -> Vector:
        """How likely each task is: (tasks,), sums to 1."""
        logits = features.value @ self.weights[features.index] + self.bias
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum(), np.float32)

    def of_text(self, text: str) -> Vector:
        """`probabilities` of a message's text."""
        return self.probabilities(extract(text))

    def calibrated(self, raw: float) -> float:
        """A raw share of heavy tasks (0..1) as a probability that heavy work is asked for."""
        raw = min(max(raw, 1e-4), 1 - 1e-4)
        return float(1 / (1 + np.exp(-(self.slope * np.log(raw / (1 - raw)) + self.offset))))

    def evidence(self, features: Features, chosen: Vector) -> list[tuple[float, str]]:
        """What spoke for the tasks, weighted by `chosen` (tasks,): (share, plain words), best first."""
        shares = features.value * (self.weights[features.index] @ chosen)
        total = float(np.abs(shares).sum()) or 1.0
        named = [
            (float(share) / total, features.names[int(at)])
            for at, share in zip(features.index, shares, strict=True)
            if int(at) in features.names
        ]
        return sorted(named, reverse=True)


def save(classifier: Classifier, folder: Path, card: dict[str, Any]) -> None:
    """Write weights.npz (rows that are not zero, 16 bits) and card.json."""
    folder.mkdir(parents=True, exist_ok=True)
    used = np.flatnonzero(np.abs(classifier.weights).max(axis=1) > 1e-4)
    np.savez_compressed(
        folder / "weights.npz",
        rows=used.astype(np.int32),
        values=classifier.weights[used].astype(np.float16),
        bias=classifier.bias.astype(np.float32),
    )
    card = {
        **card,
        "tasks": list(classifier.tasks),
        "features": size(),
        "calibration": {"slope": classifier.slope, "offset": classifier.offset},
    }
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load(folder: Path | None = None) -> Classifier:
    """Read the weights that ship, or those in `folder`. Raises ConfigError."""
    folder = folder or shipped("router_weights")
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz") as file:
            rows, values, bias = file["rows"], file["values"], file["bias"]
        if card["features"] != size():
            raise ConfigError(
                f"{folder}: the weights are for {card['features']} features, this version has {size()}: "
                "train them again (python -m router train)"
            )
        weights = np.zeros((size(), len(card["tasks"])), np.float32)
        weights[rows] = values
        calibration = card["calibration"]
        return Classifier(
            tuple(card["tasks"]), weights, bias, float(calibration["slope"]), float(calibration["offset"])
        )
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{folder}: the router's weights cannot be read ({error}); "
            "train them again (python -m router train)"
        ) from error
