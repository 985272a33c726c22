"""A test server for the page of sources, without the security headers: only the cleaner protects it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

app = st.App(Path(__file__).parent / "sources_page.py")
