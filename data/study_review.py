"""What a study says: nothing until it has what it was planned to have, then keep, drop or no difference.

Looking again and again until something is found finds something: so there is no verdict before the
planned number of people or the last day, whatever the figures say meanwhile.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from data import study_words
from data.assignment import arm_name, arms_of
from data.distributions import chi_square_tail, even_split_p
from data.statistics import (
    LEVEL,
    Difference,
    PersonValues,
    as_unit,
    compare,
    detectable,
    expected_spread,
    from_unit,
    power,
)
from data.studies import Study
from data.study_data import StudyData, read_study
from data.study_metrics import Metric

State = Literal["not decided yet", "keep", "drop", "no difference found"]
# Fewer people than this show each person's points; a p95 of so few would be one person.
POINTS_BELOW = 20
# With fewer, an interval says more about the formula than about people.
FEWEST = 6
# Groups as uneven as this come about by chance once in a hundred studies.
SRM_ALARM = 0.01


@dataclass(frozen=True)
class Compared:
    """One measure, one variant against the first: `difference` is None with too few people."""

    metric: Metric
    variant: str
    values: tuple[PersonValues, ...]
    difference: Difference | None

    @property
    def verdict(self) -> Literal["better", "worse", "open"]:
        """What the interval says of the variant, in the measure's good direction."""
        found = self.difference
        if found is None or not found.clear:
            return "open"
        return "better" if (found.low > 0) == self.metric.higher_is_better else "worse"


@dataclass(frozen=True)
class Group:
    """One arm: how many were dealt it, used the app, came to the end, left."""

    arm: str
    people: int
    used: int
    finished: int
    left: int


@dataclass(frozen=True)
class Result:
    """One variant against the first."""

    variant: str
    state: State
    sentence: str
    success: Compared
    guardrails: tuple[Compared, ...]


@dataclass(frozen=True)
class Power:
    """What the planned size can find: `worth` is what would matter, found with probability `chance`."""

    worth: float
    chance: float
    detectable: float | None
    measured: bool


@dataclass(frozen=True)
class Review:
    """All that is known of a study on one day.

    `level` is that of each interval: with several variants to compare, all of them hold together 95 times
    in 100, and each of them more often.
    """

    study: Study
    today: date
    finished: int
    agreed: int
    forced: int
    groups: tuple[Group, ...]
    srm_p: float
    missing: tuple[str, ...]
    results: tuple[Result, ...]
    power: Power
    level: float
    markers: int
    turns: int

    @property
    def few(self) -> bool:
        """Whether each person is shown, and no p95."""
        return self.agreed < POINTS_BELOW

    @property
    def dropped_out(self) -> int:
        """People who used the app and left, or (once it is over) did not come to the end."""
        return sum(group.left for group in self.groups)


def review(log: Path, study: Study, today: date) -> Review:
    """Review a study as it is in the log. Raises LogUnavailable."""
    return review_of(study, read_study(log, study.name), today)


def review_of(study: Study, data: StudyData, today: date) -> Review:
    """Review a study with these data."""
    over = today > study.ends
    groups = _groups(study, data, over)
    finished = sum(group.finished for group in groups)
    srm_p = sample_ratio_p([group.used for group in groups])
    missing = study_words.missing(study, finished, today, srm_p < SRM_ALARM)
    first, *others = study.variant_names
    level = 1 - (1 - LEVEL) / len(others)  # Bonferroni: several chances to be wrong share one
    results = tuple(_result(study, data, first, other, level, missing) for other in others)
    return Review(
        study=study,
        today=today,
        finished=finished,
        agreed=len(data.dealt),
        forced=len(data.people) - len(data.dealt),
        groups=groups,
        srm_p=srm_p,
        missing=missing,
        results=results,
        power=_power(study, results[0].success.difference, level),
        level=level,
        markers=data.markers,
        turns=len(data.turns),
    )


def sample_ratio_p(used: list[int]) -> float:
    """How likely groups dealt evenly are at least as uneven as these: exact for two, chi-square for more."""
    if len(used) == 2:
        return even_split_p(*used)
    expected = sum(used) / len(used)
    if not expected:
        return 1.0
    return chi_square_tail(sum((n - expected) ** 2 for n in used) / expected, len(used) - 1)


def _groups(study: Study, data: StudyData, over: bool) -> tuple[Group, ...]:
    names = [arm_name(arm) for arm in arms_of(study.variant_names, study.design)]
    counts = {name: Counter[str]() for name in names}
    for person in data.dealt:
        count = counts.setdefault(person.arm_name, Counter())
        left = person.completed_at is None and (person.withdrawn_at is not None or over)
        count.update(people=1, used=person.used, finished=person.completed_at is not None, left=left)
    return tuple(
        Group(name, count["people"], count["used"], count["finished"], count["left"])
        for name, count in counts.items()
    )


def _result(
    study: Study, data: StudyData, first: str, other: str, level: float, missing: tuple[str, ...]
) -> Result:
    success = _compared(study, data, study.metric, first, other, level)
    guardrails = tuple(_compared(study, data, name, first, other, level) for name in study.guardrails)
    worse = [each for each in guardrails if each.verdict == "worse"]
    state: State
    if missing or success.difference is None or _people_in(success) < FEWEST:
        state = "not decided yet"
    elif success.verdict == "worse" or worse:
        state = "drop"
    else:
        state = "keep" if success.verdict == "better" else "no difference found"
    sentence = study_words.sentence(state, success, worse, guardrails, missing, FEWEST)
    return Result(other, state, sentence, success, guardrails)


def _people_in(compared: Compared) -> int:
    found = compared.difference
    if found is None:
        return 0
    return found.n[0] if any(len(person.arm) > 1 for person in compared.values) else sum(found.n)


def _compared(study: Study, data: StudyData, name: str, first: str, other: str, level: float) -> Compared:
    metric, values = study.measure(name), data.values(name)
    return Compared(
        metric, other, tuple(values), compare(values, first, other, metric.kind, study.design, level)
    )


def _power(study: Study, found: Difference | None, level: float) -> Power:
    """At the planned size: by the spread that was measured, from six people on, else by the expected one."""
    metric, arms = study.measure(), len(study.variants)
    measured = found is not None and sum(found.n) >= 2 * FEWEST and found.spread > 0
    spread = found.spread if measured and found else expected_spread(metric, study.expected_spread)
    worth = study.worth_finding if study.worth_finding is not None else metric.worth
    least = detectable(spread, study.participants, study.design, arms, level)
    return Power(
        worth=worth,
        chance=power(from_unit(worth, metric.kind), spread, study.participants, study.design, arms, level),
        detectable=None if least is None else as_unit(least, metric.kind),
        measured=measured,
    )
