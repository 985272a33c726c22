"""Studies: a question, what is varied, what is measured, who takes part. One TOML file each.

The file's name is the study's name: it stands in links and in the log, and never changes.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from data.config import ConfigError, load_toml
from data.paths import studies_folder
from data.records import Record
from data.study_metrics import METRICS, SCALES, Metric

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Below, each person uses every variant: between groups so small, people differ more than variants do.
WITHIN_BELOW = 40
SUGGESTED_DAYS = (7, 14)

Name = Annotated[str, StringConstraints(pattern=rf"^{NAME.pattern}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=6000)]
Cue = Literal["progress", "tier", "sources", "uncertainty"]
Design = Literal["within", "between"]
Scale = Literal["satisfaction_time", "ease", "trust"]
Switch = Literal["on", "off"]


class Changes(Record):
    """What a variant changes in the app; what is not named stays as it is.

    `routing`: `auto`, always `fast` or `heavy`, or `threshold` (then `threshold` is the score, 0..1,
    from which a message is heavy). `suggestions` names those of the product that are offered.
    """

    routing: Literal["auto", "fast", "heavy", "threshold"] = "auto"
    threshold: float | None = Field(default=None, gt=0, lt=1)
    cues_off: tuple[Cue, ...] = ()
    suggestions: tuple[Name, ...] | None = Field(default=None, max_length=5)
    suggestion_click: Literal["send", "fill"] = "send"
    streaming: Switch = "on"

    @model_validator(mode="after")
    def _threshold_has_its_routing(self) -> Changes:
        if (self.routing == "threshold") != (self.threshold is not None):
            raise ValueError("'threshold' (a score from 0 to 1) goes with routing = \"threshold\"")
        return self


class Variant(Record):
    """One version of the app. The first one of a study is what the others are compared with."""

    name: Name
    change: Changes = Changes()


class Task(Record):
    """Something that participants are asked to do, in a conversation of its own."""

    id: Name
    title: Line
    instructions: Text


class Ratings(Record):
    """What is asked, from 1 to 7, and when: after each answer or after each task."""

    after: Literal["answer", "task"] = "answer"
    ask: tuple[Scale, ...] = ("satisfaction_time",)


class Study(Record):
    """One study, as its file says.

    `participants`: how many people are planned. `design`: `within` (each person uses every variant, in
    counterbalanced order) or `between` (one variant each); without it, by that number. `worth_finding`
    is the smallest difference that would matter, in the metric's own unit (percent or points), and
    `expected_spread` how much people are thought to differ, in the same unit: the two give the power at
    the planned size. `text`: what is kept of what people write, for `text_days` days; `records_days`:
    for how long after the end the figures are kept (without it, until somebody deletes them).
    """

    name: Name
    question: Line
    starts: date
    ends: date
    participants: int = Field(ge=2, le=10_000)
    design: Design = "within"
    metric: str
    guardrails: tuple[str, ...] = ()
    worth_finding: float | None = Field(default=None, gt=0)
    expected_spread: float | None = Field(default=None, gt=0)
    variants: tuple[Variant, ...] = Field(min_length=2, max_length=4)
    tasks: tuple[Task, ...] = Field(default=(), max_length=40)
    ratings: Ratings = Ratings()
    consent: Text
    text: Literal["none", "full"] = "none"
    text_days: int | None = Field(default=None, ge=1, le=3650)
    records_days: int | None = Field(default=None, ge=1, le=3650)
    completion_code: Line | None = None
    marker_key: str = Field(default="F8", pattern=r"^F([1-9]|1[0-2])$")

    @model_validator(mode="before")
    @classmethod
    def _design_by_size(cls, raw: object) -> object:
        if isinstance(raw, dict) and "design" not in raw and isinstance(raw.get("participants"), int):
            return raw | {"design": "within" if raw["participants"] < WITHIN_BELOW else "between"}
        return raw

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, name: str) -> str:
        return _known(name)

    @field_validator("guardrails")
    @classmethod
    def _guardrails_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a guardrail is named twice")
        return tuple(_known(name) for name in names)

    @field_validator("variants", "tasks")
    @classmethod
    def _names_differ(cls, items: tuple[Variant | Task, ...]) -> tuple[Variant | Task, ...]:
        names = [item.name if isinstance(item, Variant) else item.id for item in items]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each name must be used once, but {', '.join(twice)} is used again")
        return items

    @model_validator(mode="after")
    def _dates_in_order(self) -> Study:
        if self.ends < self.starts:
            raise ValueError("'ends' lies before 'starts'")
        return self

    @model_validator(mode="after")
    def _text_has_its_days(self) -> Study:
        if (self.text == "full") != (self.text_days is not None):
            raise ValueError("'text_days' (how long text is kept) goes with text = \"full\"")
        return self

    @model_validator(mode="after")
    def _measures_fit(self) -> Study:
        if self.metric in self.guardrails:
            raise ValueError(f"'{self.metric}' is the metric and cannot be a guardrail as well")
        if len({variant.change.model_dump_json() for variant in self.variants}) < len(self.variants):
            raise ValueError("two variants change the same things: there would be nothing to compare")
        for name in (self.metric, *self.guardrails):
            if name in SCALES and name not in self.ratings.ask:
                raise ValueError(f"'{name}' is a rating, so it must stand in ratings.ask")
            if METRICS[name].between_only and self.design == "within":
                raise ValueError(
                    f"'{name}' is of a whole person, not of a variant: it needs design = 'between'"
                )

        return self

    @model_validator(mode="after")
    def _tasks_can_be_dealt(self) -> Study:
        if self.design == "within" and len(self.tasks) % len(self.variants):
            raise ValueError(
                f"each person does as many tasks with every variant, so the number of tasks "
                f"({len(self.tasks)}) must be a multiple of that of the variants ({len(self.variants)})"
            )
        if not self.tasks and self.ratings.after == "task":
            raise ValueError('ratings.after = "task" needs tasks')
        return self

    @property
    def days(self) -> int:
        """How many days it runs, both ends included."""
        return (self.ends - self.starts).days + 1

    def is_open(self, today: date) -> bool:
        """Whether people may take part on this day."""
        return self.starts <= today <= self.ends

    def measure(self, name: str | None = None) -> Metric:
        """The success metric, or the measure with this name."""
        return METRICS[name or self.metric]

    def variant(self, name: str) -> Variant:
        """The variant with this name. Raises KeyError."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(name)

    @property
    def variant_names(self) -> tuple[str, ...]:
        """The variants in order; the first is what the others are compared with."""
        return tuple(variant.name for variant in self.variants)

    def advice(self) -> list[str]:
        """What is allowed and still unwise, one sentence each."""
        least, most = SUGGESTED_DAYS
        lines = []
        if not self.tasks and not least <= self.days <= most:
            lines.append(
                f"It runs {self.days} days; {least} to {most} are usual: a whole week, and no season."
            )
        if self.design == "between" and self.participants < WITHIN_BELOW:
            lines.append(
                f'With {self.participants} people, let each use every variant (design = "within"): '
                "between so few, people differ more than variants."
            )
        if not self.guardrails:
            lines.append("It has no guardrail: nothing would show what a gain had cost.")
        return lines


def _known(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"unknown measure '{name}'; known: {', '.join(METRICS)}")
    return name


def study_path(name: str, folder: Path | None = None) -> Path:
    """The file of the study `name`. Raises ConfigError for what can be no name."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a study: small letters, digits and hyphens, at most 40")
    return (folder or studies_folder()) / f"{name}.toml"


def load_study(name: str, folder: Path | None = None) -> Study:
    """Read a study. Raises ConfigError, which names file, key and what would be right."""
    path = study_path(name, folder)
    study = load_toml(path, Study)
    if study.name != name:
        raise ConfigError(
            f"{path}: key 'name': must be the file's own name, \"{name}\" (found {study.name!r})"
        )
    return study


def study_names(folder: Path | None = None) -> list[str]:
    """The studies that have a file."""
    where = folder or studies_folder()
    return sorted(path.stem for path in where.glob("*.toml") if NAME.fullmatch(path.stem))


def default_dates(today: date) -> tuple[date, date]:
    """A fortnight from tomorrow."""
    return today + timedelta(days=1), today + timedelta(days=SUGGESTED_DAYS[1])
