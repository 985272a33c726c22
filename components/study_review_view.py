"""What a study says, on the page: the verdict in words, then everything that it rests on."""

from __future__ import annotations

from html import escape

import streamlit as st

from components.participant_visit import today
from components.safe_markdown import plain
from data import study_words
from data.percentiles import P95_FROM, percentile
from data.studies import Study
from data.study_data import read_study
from data.study_review import SRM_ALARM, Compared, Result, Review, review_of
from router.runtime import Runtime

_HOW = {"keep": st.success, "drop": st.error, "no difference found": st.info, "not decided yet": st.info}


def draw(runtime: Runtime, study: Study) -> None:
    """The whole review. Raises LogUnavailable."""
    runtime.log.flush(1.0)
    data = read_study(runtime.log.path, study.name)
    found = review_of(study, data, today())
    for result in found.results:
        with st.container(key=f"verdict-{result.variant}"):
            _HOW[result.state](plain(result.sentence))
    st.markdown(_people(found))
    for result in found.results:
        _result(found, result)
    if wider := study_words.level_words(study, found.level):
        st.caption(plain(wider))
    st.markdown("**Power**")
    st.caption(plain(study_words.power_words(found.power, study)))
    if not found.few:
        st.caption(_waits(study, {name: data.felt_ms(name) for name in study.variant_names}))


def _people(found: Review) -> str:
    lines = [
        "**People**",
        "",
        f"{found.finished} of {found.study.participants} planned came to the end; {found.agreed} agreed to "
        f"take part, {found.dropped_out} dropped out.",
        "",
        "| dealt | people | used it | came to the end | dropped out |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {plain(group.arm)} | {group.people} | {group.used} | {group.finished} | {group.left} |"
        for group in found.groups
    ]
    fair = (
        "as dealt"
        if found.srm_p >= SRM_ALARM
        else "**not as dealt: find out why before you believe anything**"
    )
    lines += ["", f"Sample ratio: the groups are {fair} (p = {found.srm_p:.3f})."]
    if found.forced:
        lines.append(f"{found.forced} with a variant fixed by their link are left out.")
    return "\n".join(lines)


def _result(found: Review, result: Result) -> None:
    first, level = found.study.variant_names[0], study_words.percent(found.level)
    lines = [
        f"**{plain(result.variant)} against {plain(first)}**",
        "",
        f"| measure | {plain(first)} | {plain(result.variant)} | difference | {level} interval | people |",
        "| --- | --- | --- | --- | --- | --- |",
        _row(first, result.success, "decides"),
        *(_row(first, each, "guardrail") for each in result.guardrails),
    ]
    st.markdown("\n".join(lines))
    if found.few and result.success.values:
        st.caption(f"Each line is a person: {plain(result.success.metric.label)}.")
        st.image(points_svg(result.success, first), width=480)
        st.markdown(_points(result.success, first))


def _row(first: str, compared: Compared, role: str) -> str:
    metric, difference = compared.metric, compared.difference
    cells = [f"{plain(metric.label)} ({role})"]
    cells += [study_words.typical(compared, name) or "–" for name in (first, compared.variant)]
    if difference is None:
        cells += ["too few people", "–", "–"]
    else:
        low, high = (study_words.signed(a, metric) for a in sorted((difference.low, difference.high)))
        n = " / ".join(str(count) for count in dict.fromkeys(difference.n))
        cells += [study_words.signed(difference.estimate, metric), f"{low} to {high}", n]
    return f"| {' | '.join(cells)} |"


def _waits(study: Study, felt_ms: dict[str, list[float]]) -> str:
    """p50 and p95 of single turns, where there are enough people for it."""
    parts = []
    for name in study.variant_names:
        times = felt_ms[name]
        if times:
            p95 = f", p95 {percentile(times, 0.95) / 1000:.2f} s" if len(times) >= P95_FROM else ""
            parts.append(
                f"{plain(name)}: p50 {percentile(times, 0.5) / 1000:.2f} s{p95} (n = {len(times)} turns)"
            )
    return f"Felt time to the first words of single turns. {'; '.join(parts)}" if parts else ""


def _points(compared: Compared, first: str) -> str:
    """The same as a table: for whoever does not see the picture, and to read off figures."""
    names = (first, compared.variant)
    lines = [f"| person | {plain(first)} | {plain(compared.variant)} |", "| --- | --- | --- |"]
    for person in compared.values:
        shown = [
            study_words.shown(person.values[name], compared.metric.kind) if name in person.values else "–"
            for name in names
        ]
        lines.append(f"| {plain(person.participant)} | {' | '.join(shown)} |")
    return "\n".join(lines)


def points_svg(compared: Compared, first: str) -> str:
    """Each person's values: a dot for each variant, and a line between them where a person has both.

    As a picture it does not know the theme: its grey can be read in both.
    """
    names = (first, compared.variant)
    values = [value for person in compared.values for name, value in person.values.items() if name in names]
    low, high = min(values), max(values)
    span = (high - low) or 1.0

    def y(value: float) -> float:
        return 150 - 130 * (value - low) / span

    shapes = []
    for person in compared.values:
        at = [(60 + 200 * names.index(n), y(v), v) for n, v in person.values.items() if n in names]
        at.sort()
        if len(at) == 2:
            (x1, y1, _), (x2, y2, _) = at
            shapes.append(f'<line x1="{x1}" y1="{y1:.1f}" x2="{x2}" y2="{y2:.1f}" opacity=".45"/>')
        for x, top, value in at:
            said = f"{person.participant}: {study_words.shown(value, compared.metric.kind)}"
            dot = f'<circle cx="{x}" cy="{top:.1f}" r="4" fill="#808080" opacity=".75">'
            shapes.append(f"{dot}<title>{escape(said)}</title></circle>")
    ends = [(low, 153), (high, 23)]
    words = [
        f'<text x="4" y="{top}">{escape(study_words.shown(value, compared.metric.kind))}</text>'
        for value, top in ends[: 1 if low == high else 2]
    ]
    words += [
        f'<text x="{60 + 200 * n}" y="176" text-anchor="middle">{escape(name)}</text>'
        for n, name in enumerate(names)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="368" viewBox="0 0 320 184" role="img" '
        'aria-label="Values of each person" font-family="sans-serif" stroke="#808080" fill="none" '
        'font-size="9"><g>'
        + "".join(shapes)
        + '</g><g stroke="none" fill="#808080">'
        + "".join(words)
        + "</g></svg>"
    )
