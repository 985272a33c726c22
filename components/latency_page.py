"""The latency page: how long people waited, for what, and whether it was worth it. For whoever runs the app.

Nobody's text is here: only times, counts and names that configuration gives. Nothing of this is imported
before somebody opens the page.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from components import (
    latency_answers,
    latency_charts,
    latency_controls,
    latency_pictures,
    latency_snapshot,
    latency_turn,
    study_researcher,
)
from components.latency_charts import Chart
from components.latency_scales import ms, share
from components.latency_scales import turns as so_many
from components.safe_markdown import plain
from data import latency_figures, latency_outcomes, latency_saved, latency_visits
from data.latency_figures import Curve
from data.latency_turns import Turns
from data.latency_view import Selection, View, select
from data.paths import studies_folder
from data.percentiles import summarise
from data.store import LogUnavailable
from router.runtime import Runtime


def draw(runtime: Runtime) -> None:
    """The whole page; where there is nothing to show, a sentence that says why."""
    if any(studies_folder().glob("*.toml")) and not study_researcher.is_known(runtime):
        study_researcher.ask(
            runtime, "There is a study on this server, so this page needs the researcher's key."
        )
        return
    _log_line(runtime)
    try:
        turns = latency_snapshot.turns(runtime.log.path)
    except LogUnavailable as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if not len(turns):
        st.info("No turns in the log yet. Ask the assistant something, then come back.")
        return
    view, unknown = latency_controls.draw(turns)
    if unknown:
        told = ", ".join(unknown[:5])
        st.caption(f"The address asks for what this log does not have; left out: {plain(told[:200])}")
    selection = select(turns, view)
    if not selection.fitting.any():
        st.info("No turn fits these filters.")
        st.button("Show all turns", key="latency-reset", on_click=latency_controls.reset)
    else:
        _basis(turns, view, selection)
        charts = latency_snapshot.charts(turns, view, lambda: _charts(turns, view, selection))
        latency_charts.mount(charts, key="latency-charts")
        view = latency_turn.draw(runtime.log.path, turns, view, selection.counted)
    latency_controls.remember(view)


def _log_line(runtime: Runtime) -> None:
    health = runtime.log.health
    if health.message:
        late = " The newest turns may be missing below." if not health.ok else ""
        st.warning(f"{plain(health.message)}{late}", icon=":material/warning:")


def _basis(turns: Turns, view: View, selection: Selection) -> None:
    """How many turns the times are from, which were left out, and how old all this is."""
    left = ", ".join(f"{n:,} {reason}" for reason, n in selection.left_out.items() if n)
    told = f"Times are from {so_many(int(selection.counted.sum()))}"
    told += f" of {int(selection.fitting.sum()):,}" if left else ""
    told += f"; left out: {left}" if left else ""
    narrowed = latency_controls.in_words(view)
    told += f". Narrowed down to {narrowed}" if narrowed else ""
    with st.container(key="latency-basis", horizontal=True, vertical_alignment="center"):
        st.caption(f"{plain(told)}. Read at {turns.read_at:%H:%M:%S} UTC; the address keeps this view.")
        if narrowed:
            st.button("Show all turns", key="latency-all", type="tertiary", on_click=latency_controls.reset)
        st.button("Read again", key="latency-again", type="tertiary", on_click=latency_snapshot.forget)


def _charts(turns: Turns, view: View, selection: Selection) -> list[Chart]:
    counted, fitting, measure = selection.counted, selection.fitting, view.measure
    what = latency_pictures.MEASURES[measure]
    groups = latency_figures.by_group(turns, counted, view.by, measure)
    days = groups if view.by == "day" else latency_figures.by_group(turns, counted, "day", measure)
    saved = latency_saved.saved(turns, counted, measure)
    endings = latency_outcomes.outcomes(turns, fitting, view.by)
    visits = _useful(turns, selection)
    charts = [
        _figures(turns, view, selection, saved, visits),
        *([] if view.by == "day" else [latency_pictures.compared(groups, what, view.by)]),
        latency_pictures.cumulative(
            latency_figures.cumulative(turns, counted, view.by, measure), what, view.by
        ),
        latency_pictures.distribution(
            latency_figures.distribution(turns, counted, view.by, measure), what, view.by
        ),
        latency_pictures.day_by_day(days, what),
        latency_answers.routed(latency_saved.fast_by_task(turns, counted), saved, what),
        latency_answers.doubted(latency_outcomes.doubt_and_thumbs(turns, fitting)),
        latency_answers.endings(endings, view.by),
        visits,
    ]
    return [chart if chart.get("series", True) else {**chart, "empty": True} for chart in charts]


def _figures(
    turns: Turns, view: View, selection: Selection, saved: latency_saved.Saved, visits: Chart
) -> Chart:
    """The few numbers that come first."""
    columns = latency_figures.MEASURES[view.measure]
    server, browser = (summarise(turns.times[column][selection.counted]) for column in columns)
    status = turns.words["status"]
    ended = selection.fitting & ~status.where(["open"])
    n = int(ended.sum())
    gone = int((ended & status.where(["stopped", "abandoned"])).sum())
    tiles = [
        ("felt, in the browser", ms(browser.p50_ms), f"{latency_pictures.p95(browser)} · n {browser.n:,}"),
        ("on the server", ms(server.p50_ms), f"{latency_pictures.p95(server)} · n {server.n:,}"),
        (
            "routed fast",
            share(saved.routed_fast, saved.routed),
            f"of {saved.routed:,} that the router decided",
        ),
        ("stopped or abandoned", share(gone, n), f"{gone:,} of {n:,} that ended"),
        ("first useful answer", visits["middle"], visits["basis"]),
    ]
    return {
        "id": "figures",
        "kind": "figures",
        "wide": True,
        "title": latency_pictures.MEASURES[view.measure],
        "says": "The large numbers are medians (p50) and shares; a p95 is given from 60 turns on.",
        "figures": [{"name": name, "value": value, "about": about} for name, value, about in tiles],
    }


def _useful(turns: Turns, selection: Selection) -> Chart:
    """First useful minute and return visits, with how they are counted."""
    visits, seconds = latency_visits.first_useful_s(turns, selection.fitting)
    again = latency_visits.returns(turns, selection.fitting)
    says = (
        "Until the first answer that was copied, exported, liked or kept (the person went on without"
        f" retrying, editing or asking another model): {len(seconds):,} of {visits:,} visits had one."
        f" On another day {again.conversations_again:,} of {again.conversations:,} conversations were"
        " taken up again"
    )
    if again.people:
        says += f", and {again.people_again:,} of {again.people:,} participants of studies came back"
    curve = None
    if len(seconds):
        shares = np.linspace(0, 1, 101)
        points = zip((np.quantile(seconds, shares) * 1000).tolist(), shares.tolist(), strict=True)
        curve = Curve("visits with a useful answer", "server", len(seconds), tuple(points))
    middle = ms(float(np.median(seconds)) * 1000) if len(seconds) else "–"
    chart = latency_pictures.useful(visits, curve, f"{says}.")
    return {
        **chart,
        "wide": True,
        "middle": middle,
        "basis": f"{len(seconds):,} of {visits:,} visits had one",
    }
