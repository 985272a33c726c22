"""A test server: the probe's test page with the real routes and headers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import streamlit as st
from probe_state import RECEIVED, ROWS, KeptRows
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from components import marks_route
from components.security_headers import SecurityHeaders


async def rows(_request: Request) -> JSONResponse:
    return JSONResponse(ROWS)


app = st.App(
    Path(__file__).parent / "probe_page.py",
    routes=[*marks_route.routes(KeptRows(), RECEIVED.get), Route("/test/rows", rows)],
    middleware=[Middleware(SecurityHeaders)],
)
