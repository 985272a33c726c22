"""The app's pages and their addresses. A page's code is imported when somebody opens it, not before."""

from __future__ import annotations

import streamlit as st

from components import chat_page
from components.page_settings import PageSettings
from router.runtime import Runtime

LATENCY = "latency"
STUDIES = "studies"


def draw(runtime: Runtime, settings: PageSettings) -> None:
    """Draw the page that the address names; the chat if it names none."""

    def chat() -> None:
        chat_page.draw(runtime, settings)

    def latency() -> None:
        _latency(runtime)

    def studies() -> None:
        _studies(runtime)

    name = runtime.services.product.name
    pages = [
        st.Page(chat, title=name, default=True),
        st.Page(latency, title="Latency", url_path=LATENCY),
        st.Page(studies, title="Studies", url_path=STUDIES),
    ]
    st.navigation(pages, position="hidden").run()


def _latency(runtime: Runtime) -> None:
    from components import latency_page

    st.set_page_config(page_title="Latency", layout="wide")
    with st.container(key="latency"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown("#### Latency", width="content")
            st.link_button("Back to the chat", "./", type="tertiary", icon=":material/chat:")
        latency_page.draw(runtime)


def _studies(runtime: Runtime) -> None:
    from components import study_page

    with st.container(key="studies"):
        study_page.draw(runtime)
