"""A review as text for a terminal; the page draws the same in its own way."""

from __future__ import annotations

from data import study_words
from data.study_review import Compared, Review


def as_text(review: Review) -> str:
    """All of a review: verdicts first, then what they rest on."""
    study = review.study
    lines = [study.question, ""]
    lines += [result.sentence for result in review.results]
    lines += [
        "",
        f"{review.finished} of {study.participants} planned people have done it; {review.agreed} began",
    ]
    lines += [
        f"  {group.arm}: {group.people} dealt, {group.used} used it, {group.finished} done, {group.left} left"
        for group in review.groups
    ]
    lines.append(f"groups as dealt: p = {review.srm_p:.3f} (below 0.01 something keeps people away)")
    if review.forced:
        lines.append(f"{review.forced} with a forced variant are left out")
    for result in review.results:
        lines += ["", f"{result.variant} against {study.variant_names[0]}"]
        lines += [_measure(each) for each in (result.success, *result.guardrails)]
        if review.few and result.success.values:
            lines += ["", *points(result.success)]
    lines += ["", study_words.level_words(study, review.level)] if len(review.results) > 1 else []
    lines += ["", study_words.power_words(review.power, study)]
    return "\n".join(lines)


def _measure(compared: Compared) -> str:
    found = compared.difference
    if found is None:
        return f"  {compared.metric.label}: too few people"
    low, high = (study_words.signed(amount, compared.metric) for amount in sorted((found.low, found.high)))
    n = f"n = {found.n[0]}" if found.n[0] == found.n[1] else f"n = {found.n[0]} and {found.n[1]}"
    return (
        f"  {compared.metric.label}: {study_words.signed(found.estimate, compared.metric)}"
        f" ({study_words.percent(found.level)}: {low} to {high}; {n})"
    )


def points(compared: Compared) -> list[str]:
    """Each person's value under each variant: a summary of so few would hide them."""
    return [
        f"  {person.participant:20} "
        + "   ".join(
            f"{variant}: {study_words.shown(value, compared.metric.kind)}"
            for variant, value in sorted(person.values.items())
        )
        for person in compared.values
    ]
