"""Which tier does which task, and where the line is drawn: data/policy.toml, checked."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator, model_validator

from data.config import load_toml
from data.paths import shipped
from data.records import Record

TASKS = (
    *("lookup", "rewrite", "translate", "summarise", "extract", "classify"),
    *("title", "draft", "chitchat", "syntax", "arithmetic"),
    *("maths", "reasoning", "code", "debug", "design", "analysis"),
    *("plan", "strategy", "stats", "synthesis", "advice"),
)
"""The kinds of work that the classifier tells apart. Which of them are heavy is the policy's business."""


class Policy(Record):
    """Task → tier, and the numbers of the decision.

    `tiers` is in order, lightest first, and names every task once. `threshold` and the bands are on
    the calibrated score (0..1). `inherit` is the share of the last substantive message in the score
    of a follow-up.
    """

    tiers: dict[str, tuple[str, ...]] = Field(min_length=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    band: float = Field(default=0.08, ge=0, le=0.5)
    unsure_band: float = Field(default=0.15, ge=0, le=0.5)
    careful_band: float = Field(default=0.12, ge=0, le=0.5)
    careful: tuple[str, ...] = ()
    inherit: float = Field(default=0.7, ge=0, le=1)

    @field_validator("careful")
    @classmethod
    def _careful_is_known(cls, careful: tuple[str, ...]) -> tuple[str, ...]:
        _reject_unknown(careful)
        return careful

    @field_validator("tiers")
    @classmethod
    def _tasks_are_known(cls, tiers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for tasks in tiers.values():
            _reject_unknown(tasks)
        return tiers

    @model_validator(mode="after")
    def _each_task_once(self) -> Policy:
        listed = [task for tasks in self.tiers.values() for task in tasks]
        twice = sorted({task for task in listed if listed.count(task) > 1})
        if twice:
            raise ValueError(f"these tasks stand in more than one tier: {', '.join(twice)}")
        missing = [task for task in TASKS if task not in listed]
        if missing:
            raise ValueError(f"these tasks stand in no tier: {', '.join(missing)}")
        return self

    @property
    def tier_names(self) -> tuple[str, ...]:
        """The tiers, lightest first."""
        return tuple(self.tiers)

    def tier_of(self, task: str) -> str:
        """The tier that the table gives to `task`. Raises KeyError for a task that is none."""
        for tier, tasks in self.tiers.items():
            if task in tasks:
                return tier
        raise KeyError(task)

    def level_of(self, task: str) -> float:
        """Where the task's tier stands: 0 for the lightest, 1 for the heaviest."""
        names = self.tier_names
        return names.index(self.tier_of(task)) / max(1, len(names) - 1)


def load_policy(path: Path | None = None) -> Policy:
    """Read `path`, or the policy that ships. Raises ConfigError."""
    return load_toml(path or shipped("policy.toml"), Policy)


def _reject_unknown(tasks: tuple[str, ...]) -> None:
    unknown = [task for task in tasks if task not in TASKS]
    if unknown:
        raise ValueError(f"unknown task {', '.join(map(repr, unknown))}; known: {', '.join(TASKS)}")
