"""A study's findings in the words of somebody who has to decide and reads no statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from data.studies import Study
from data.study_metrics import Kind, Metric

if TYPE_CHECKING:
    from data.study_review import Compared, Power, State


def missing(study: Study, finished: int, today: date, uneven: bool) -> tuple[str, ...]:
    """What is still missing before there may be a verdict; nothing once there may."""
    lines = []
    if finished < study.participants and today <= study.ends:
        more = study.participants - finished
        people = "1 more person" if more == 1 else f"{more} more people"
        lines.append(f"{people} of the planned {study.participants}, or the last day ({study.ends:%d %B %Y})")
    if uneven:
        lines.append(
            "an explanation why the groups do not have the sizes that they were dealt: something keeps "
            "people of one group away, or loses their data"
        )
    return tuple(lines)


def sentence(
    state: State,
    success: Compared,
    worse: Sequence[Compared],
    guardrails: Sequence[Compared],
    missing: Sequence[str],
    fewest: int,
) -> str:
    """The verdict on one variant, in one or two sentences."""
    name = f"“{success.variant}”"
    if state == "not decided yet":
        if missing:
            return f"Not decided yet. Missing: {'; '.join(missing)}."
        return f"Not decided: fewer than {fewest} people gave what is needed, too few to say anything."
    found = what_was_found(success)
    if state == "keep":
        safe = " None of the guardrails got clearly worse." if guardrails else ""
        return f"Keep {name}: {found}{safe}"
    if state == "drop":
        if success.verdict == "worse":
            return f"Drop {name}: {found}"
        costs = " ".join(what_was_found(each) for each in worse)
        return f"Drop {name}: whatever it gains, it costs too much elsewhere. {found} {costs}"
    return (
        f"No difference found for {name}: {found} This does not show that there is none; "
        "it shows that it is no larger than that."
    )


def what_was_found(compared: Compared) -> str:
    """Both variants' values, the difference and how sure it is."""
    found, metric = compared.difference, compared.metric
    if found is None:
        return f"too few people for {metric.label}."
    first = next(name for person in compared.values for name in person.arm if name != compared.variant)
    before, after = typical(compared, first), typical(compared, compared.variant)
    values = f"{metric.label} is {after} instead of {before}" if before and after else metric.label
    low, high = sorted((found.low, found.high))
    return (
        f"{values}; that is {signed(found.estimate, metric)}, and likely between {signed(low, metric)} "
        f"and {signed(high, metric)}."
    )


def typical(compared: Compared, variant: str) -> str:
    """A person's usual value under a variant, with its unit; empty if nobody has one."""
    values = [person.values[variant] for person in compared.values if variant in person.values]
    if not values:
        return ""
    if compared.metric.kind == "time":
        mean = math.exp(sum(math.log(max(value, 1.0)) for value in values) / len(values))
    else:
        mean = sum(values) / len(values)
    return shown(mean, compared.metric.kind)


def shown(value: float, kind: Kind) -> str:
    """A value of a person: seconds, points of 7, or percent."""
    if kind == "time":
        return f"{value / 1000:.2f} s" if value < 10_000 else f"{value / 1000:.1f} s"
    return f"{100 * value:.0f} %" if kind == "share" else f"{value:.1f} of 7"


def signed(amount: float, metric: Metric) -> str:
    """A difference with its sign and unit."""
    if metric.kind == "time":
        return f"{amount:+.0f} %"
    if metric.kind == "share":
        return f"{amount:+.0f} percentage points"
    return f"{amount:+.1f} points"


def percent(level: float) -> str:
    """How often an interval holds, in percent: `95 %`, `97.5 %`."""
    return f"{100 * level:.1f}".removesuffix(".0") + " %"


def level_words(study: Study, level: float) -> str:
    """Why intervals are wider with several variants; empty with one to compare."""
    others = len(study.variants) - 1
    if others == 1:
        return ""
    return (
        f"Each interval is a {percent(level)} one, so that all {others} comparisons of a measure hold "
        "together at least 95 times in 100."
    )


def power_words(power: Power, study: Study) -> str:
    """What the planned number of people can find."""
    metric = study.measure()
    unit = " %" if metric.unit == "%" else f" {metric.unit}"
    of_worth = " point" if metric.kind == "rating" and power.worth == 1 else unit
    basis = (
        "people differ as much as they did so far" if power.measured else "people differ as much as expected"
    )
    least = (
        "It cannot be relied on to find any difference"
        if power.detectable is None
        else f"What it finds in 8 of 10 such studies is {power.detectable:.{_digits(metric)}f}{unit}"
    )
    return (
        f"With {study.participants} people and if {basis}, a difference of {power.worth:g}{of_worth} in "
        f"{metric.label} is found with a chance of {100 * power.chance:.0f} %. {least}."
    )


def _digits(metric: Metric) -> int:
    return 1 if metric.kind == "rating" else 0
