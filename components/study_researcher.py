"""The researcher's key: what opens the page of studies, and in research everything but the links."""

from __future__ import annotations

import streamlit as st

from components.safe_markdown import plain
from data.study_links import Links
from router.runtime import Runtime

COOKIE = "upshift_researcher"


def is_known(runtime: Runtime) -> bool:
    """Whether whoever looks at this page has given the key, in this tab or (a cookie) in this browser."""
    given = st.session_state.get("researcher_key") or st.context.cookies.get(COOKIE)
    try:
        return isinstance(given, str) and Links(runtime.log.path).is_researcher(given)
    except OSError:  # where the secret cannot be read nobody can prove anything
        return False


def ask(runtime: Runtime, why: str) -> None:
    """Ask for the key, saying where it is found."""
    with st.container(key="researcher"):
        st.info(plain(why))
        st.text_input(
            "Researcher's key",
            key="key-typed",
            type="password",
            help="`python -m data study key` prints it, where Upshift runs.",
            on_change=_take,
        )
        if st.session_state.pop("key-wrong", False):
            st.error("That is not the key.")
    if st.session_state.get("researcher_key") and not is_known(runtime):
        del st.session_state["researcher_key"]
        st.session_state["key-wrong"] = True
        st.rerun()


def _take() -> None:
    st.session_state["researcher_key"] = (st.session_state.get("key-typed") or "").strip()
