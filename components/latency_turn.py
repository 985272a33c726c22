"""One turn of the latency page: which one, and its waterfall."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import streamlit as st

from components import latency_answers, latency_charts
from components.latency_scales import ms
from components.safe_markdown import plain
from data import waterfall
from data.latency_turns import MEASURES, Bools, Codes, Turns
from data.latency_view import View
from data.store import LogUnavailable

OFFERED = 10
_KINDS = {"typical": "Typical", "slowest": "Slowest", "latest": "Latest"}


def draw(log: Path, turns: Turns, view: View, counted: Bools) -> View:
    """A choice of turns and the waterfall of the chosen one; gives the view with it."""
    with st.container(key="latency-turn-choice", horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "One turn",
            _KINDS,
            format_func=_KINDS.__getitem__,
            key="latency-kind",
            required=True,
            default="typical",
        )
        offered = _offered(turns, view, counted, kind or "typical")
        try:
            ids = waterfall.turn_ids(log, [int(turns.rowid[place]) for place in offered])
        except LogUnavailable as error:
            st.error(plain(str(error)))
            return view
        labels = {
            ids[rowid]: _label(turns, int(place), view.measure)
            for place in offered
            if (rowid := int(turns.rowid[place])) in ids
        }
        wanted = view.turn
        if wanted and wanted not in labels:
            labels = {wanted: "the turn of this address", **labels}
        if not labels:
            st.caption("No turn with this time among those that count.")
            return view
        options = list(labels)
        if st.session_state.get("latency-turn") not in options:
            st.session_state["latency-turn"] = wanted or options[0]
        chosen = st.selectbox(
            "Turn",
            options,
            key="latency-turn",
            format_func=labels.__getitem__,
            on_change=_picked,
        )
    _picture(log, chosen)
    return replace(view, turn=st.session_state.get("latency-turn-wanted"))


def _picked() -> None:
    st.session_state["latency-turn-wanted"] = st.session_state.get("latency-turn")


def _picture(log: Path, turn_id: str) -> None:
    try:
        found = waterfall.waterfall(log, turn_id)
    except LogUnavailable as error:
        st.error(plain(str(error)))
        return
    if found is None:
        st.info("This turn is not in the log, or not any more.")
        return
    latency_charts.mount([latency_answers.one_turn(found)], key="latency-waterfall")


def _offered(turns: Turns, view: View, counted: Bools, kind: str) -> Codes:
    """Places of up to ten turns: nearest to the median, slowest, or latest."""
    server, browser = (turns.times[column] for column in MEASURES[view.measure])
    felt = np.where(np.isnan(browser), server, browser)
    places = np.flatnonzero(counted & ~np.isnan(felt))
    if not len(places):
        return places
    values = {
        "typical": np.abs(felt[places] - np.median(felt[places])),
        "slowest": -felt[places],
        "latest": -np.nan_to_num(turns.submitted_ms[places]),
    }[kind]
    return places[np.argsort(values, kind="stable")[:OFFERED]]


def _label(turns: Turns, place: int, measure: str) -> str:
    when = turns.submitted_ms[place]
    day = "" if np.isnan(when) else f"{datetime.fromtimestamp(when / 1000, UTC):%d %b %H:%M:%S}"
    server, browser = (turns.times[column][place] for column in MEASURES[measure])
    names = [turns.words[word].names[turns.words[word].codes[place]] for word in ("tier", "task")]
    time = ms(float(server)) + " on the server" if np.isnan(browser) else ms(float(browser))
    return " · ".join(filter(None, (day, *names, time)))
