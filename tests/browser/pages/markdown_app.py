"""A test server for the cleaner's page; without the security headers unless HEADERS=1."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from components.security_headers import SecurityHeaders

app = st.App(
    Path(__file__).parent / "markdown_page.py",
    middleware=[Middleware(SecurityHeaders)] if os.environ.get("HEADERS") else [],
)
