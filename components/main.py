"""What people see. Streamlit runs this file from the top for every action on the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from components import pages, study_gate
from components.page_settings import PageSettings
from data.config import ConfigError
from router import runtime

# Our own file: an icon by name would be fetched from another host.
ICON = Path(__file__).parent / "icon.svg"
STYLE = Path(__file__).parent / "page.css"


def main() -> None:
    """Draw the page; a mistake in a configuration file is shown in words instead."""
    try:
        current = runtime.current()
        settings = PageSettings.from_environment()
    except ConfigError as error:
        st.set_page_config(page_title="Upshift", layout="centered")
        st.error("Upshift cannot start, because a setting is wrong:", icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)
        st.caption("Mend it and reload this page.")
        return
    name = current.services.product.name
    st.set_page_config(page_title=name, page_icon=str(ICON), layout="centered")
    st.html(STYLE)
    if study_gate.draw(current):
        return
    pages.draw(current, settings)


main()
