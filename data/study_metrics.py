"""What a study can measure: the success metric and the guardrails are chosen from this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["time", "rating", "share"]

# What is asked, from 1 to 7, with the words at both ends.
SCALES: dict[str, tuple[str, str, str]] = {
    "satisfaction_time": (
        "How satisfied are you with the time this took?",
        "not at all satisfied",
        "very satisfied",
    ),
    "ease": ("How easy was it to get what you needed?", "very difficult", "very easy"),
    "trust": ("How much do you trust what it said?", "not at all", "completely"),
}
POINTS = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Metric:
    """One measure of a person under a variant.

    `kind` says how people are compared: a `time` by its logarithm (the difference is in percent), a
    `rating` in points, a `share` (0..1) in percentage points. `higher_is_better` is which way is good;
    `spread` is a first guess of how much persons' differences vary (a standard deviation), in percent,
    points or percentage points, where a study has none of its own. `between_only`: it belongs to the
    person as a whole, so one person cannot have it twice.
    """

    name: str
    label: str
    kind: Kind
    higher_is_better: bool
    spread: float
    worth: float
    between_only: bool = False

    @property
    def unit(self) -> str:
        """Of a difference."""
        return {"time": "%", "rating": "points", "share": "percentage points"}[self.kind]


_LIST = (
    Metric("felt_first_words", "felt time to the first words", "time", False, 40, 20),
    Metric("satisfaction_time", "satisfaction with the time taken", "rating", True, 1.2, 1),
    Metric("ease", "ease", "rating", True, 1.2, 1),
    Metric("trust", "trust", "rating", True, 1.2, 1),
    Metric("stopped", "answers stopped or abandoned", "share", False, 15, 10),
    Metric("suggestion_taken", "conversations in which a suggestion was taken", "share", True, 35, 20),
    Metric("second_message", "conversations with a second message", "share", True, 35, 20),
    Metric("copied", "answers that were copied or exported", "share", True, 25, 15),
    Metric("came_back", "people who came back on another day", "share", True, 50, 25, between_only=True),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _LIST}
