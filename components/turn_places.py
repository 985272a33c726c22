"""Which turns of a conversation are on the page, and the places that they have there.

Drawing old messages is what makes a page slow, so only the last turns are shown, and more on request. A turn
that is no longer shown leaves its place empty: if the others moved up, each place would get another turn's
text, and the browser would draw all of them again while somebody waits for an answer.
"""

from __future__ import annotations

import streamlit as st

from components.exchange_view import ExchangeView

MORE_TURNS = 10
MOST_EMPTY_TURNS = 50
"""So many places stay empty before the turns do move up."""


def leave_empty(hidden: int) -> int:
    """Empty the places of turns that were shown before; gives the first of all turns that has a place."""
    first = first_with_place(st.session_state.get("first_place"), hidden)
    st.session_state["first_place"] = first
    for _ in range(ExchangeView.PLACES * (hidden - first)):
        st.empty()
    return first


def first_with_place(before: int | None, hidden: int) -> int:
    """The first turn that keeps its place, if `before` was the first and the first `hidden` are not shown."""
    if before is None or not 0 <= hidden - before <= MOST_EMPTY_TURNS:
        return hidden
    return before


def clear_behind(places: int) -> None:
    """Empty the places behind the last turn that the page's last run drew and this one does not.

    Streamlit would leave them there, greyed, until this run ends: below an answer being written.
    """
    for _ in range(ExchangeView.PLACES * max(0, st.session_state.get("turn_places", 0) - places)):
        st.empty()
    st.session_state["turn_places"] = places
