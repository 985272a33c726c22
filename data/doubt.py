"""The weights of the doubt: how much each signal says about an answer being wrong. From data/doubt.toml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

from pydantic import Field

from data.config import load_toml
from data.paths import shipped
from data.records import Record

DOUBT_FILE = "doubt.toml"


class SignalWeight(Record):
    """What one signal adds to the log-odds of a wrong answer: `weight` × (value − `mean`) / `scale`.

    `absent` is added in its place where there is no value.
    """

    weight: float
    mean: float
    scale: float = Field(gt=0)
    absent: float = 0.0


class DoubtWeights(Record):
    """A logistic model, fitted by `make bench-sources ARGS=--fit`.

    A doubt is shown from `threshold` on, a probability in 0..1.
    """

    threshold: float = Field(gt=0, lt=1)
    intercept: float
    signals: dict[str, SignalWeight]

    def added(self, signals: Mapping[str, float | None]) -> dict[str, float]:
        """What each signal adds to the log-odds. Signals that the weights do not know add nothing."""
        return {
            name: known.absent
            if (value := signals.get(name)) is None
            else known.weight * (value - known.mean) / known.scale
            for name, known in self.signals.items()
        }

    def score(self, signals: Mapping[str, float | None]) -> float:
        """The estimated probability, 0..1, that an answer with these signals is wrong or unsupported."""
        logit = self.intercept + sum(self.added(signals).values())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


@cache
def load_doubt() -> DoubtWeights:
    """The weights that ship. Raises ConfigError."""
    return load_toml(shipped(DOUBT_FILE), DoubtWeights)
