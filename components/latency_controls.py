"""The latency page's filters and switches, kept in step with its address."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from components.latency_pictures import MEASURES, name
from data.latency_turns import DIMENSIONS, LEFT_OUT, NO_NAME, Turns
from data.latency_view import CHOSEN_BY, View, from_query

_WRITTEN = "latency-query"
_SWITCHES = {
    "cold": "Cold: waited for a model or a library to load",
    "cached": "Cached: the answer came from a cache",
    "warmed": "Warmed: the model had read the message in advance",
    "joined": "Joined: shared an answer that was already under way",
    "hidden": "Hidden: the page was in the background meanwhile",
}


def draw(turns: Turns) -> tuple[View, list[str]]:
    """The controls; gives the view that they show, and what of the address means nothing here."""
    unknown: list[str] = st.session_state.get("latency-unknown", [])
    query = {name_: st.query_params.get_all(name_) for name_ in st.query_params}
    if st.session_state.get(_WRITTEN) != query or "latency-measure" not in st.session_state:
        wanted, unknown = from_query(query, turns)
        _set(wanted)
        st.session_state["latency-unknown"] = unknown
    with st.container(key="latency-controls", horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "Measure", MEASURES, format_func=MEASURES.__getitem__, key="latency-measure", required=True
        )
        by = st.selectbox("Compare by", DIMENSIONS, key="latency-by", width=160)
        with st.popover("Which turns", icon=":material/filter_alt:", key="latency-filters"):
            chosen, since, until = _filters(turns)
            include = _switches(turns)
    view = View(
        measure=measure or View.measure,
        by=by,
        chosen=chosen,
        include=include,
        since=since,
        until=until,
        turn=st.session_state.get("latency-turn-wanted"),
    )
    return view, unknown


def remember(view: View) -> None:
    """Write the view into the address, so that it can be sent to somebody."""
    query = view.to_query()
    st.session_state[_WRITTEN] = query
    if {name_: st.query_params.get_all(name_) for name_ in st.query_params} != query:
        st.query_params.from_dict(query)


def reset() -> None:
    """Back to all turns, nothing included that is left out by default; measure and comparison stay."""
    measure, by = (st.session_state.get(f"latency-{name_}") for name_ in ("measure", "by"))
    _set(View(measure=measure or View.measure, by=by or View.by))
    st.session_state["latency-unknown"] = []


def in_words(view: View) -> str:
    """What narrows the view down, for the line above the charts; empty if nothing does."""
    parts = [f"{dimension}: {', '.join(map(name, names))}" for dimension, names in view.chosen.items()]
    parts += [f"from {view.since}"] if view.since else []
    parts += [f"to {view.until}"] if view.until else []
    parts += [f"with {', '.join(view.include)}"] if view.include else []
    return "; ".join(parts)


def _set(view: View) -> None:
    """Put a view into the controls; before they are drawn, or in a callback."""
    state: dict[str, Any] = {"measure": view.measure, "by": view.by, "since": view.since, "until": view.until}
    state |= {f"of-{dimension}": list(view.chosen.get(dimension, ())) for dimension in CHOSEN_BY}
    state |= {f"with-{reason}": reason in view.include for reason in LEFT_OUT}
    for key, value in state.items():
        st.session_state[f"latency-{key}"] = value
    st.session_state["latency-turn-wanted"] = view.turn


def _filters(turns: Turns) -> tuple[dict[str, tuple[str, ...]], date | None, date | None]:
    chosen = {}
    with st.container(horizontal=True):
        since = st.date_input("First day (UTC)", value=None, key="latency-since", width=150)
        until = st.date_input("Last day (UTC)", value=None, key="latency-until", width=150)
    for dimension in CHOSEN_BY:
        names = turns.words[dimension].names
        known = [found for found in names if found != NO_NAME]
        if not known:
            continue
        picked = st.multiselect(
            dimension.capitalize(),
            names,
            key=f"latency-of-{dimension}",
            format_func=name,  # options are no Markdown, so nothing to clean
            placeholder="all",
        )
        if picked:
            chosen[dimension] = tuple(picked)
    return chosen, since, until


def _switches(turns: Turns) -> tuple[str, ...]:
    st.markdown("**Also count**")
    return tuple(
        reason
        for reason, words in _SWITCHES.items()
        if st.checkbox(f"{words} ({int(turns.flags[reason].sum()):,})", key=f"latency-with-{reason}")
    )
