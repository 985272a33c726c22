"""The server: starts what a process has once, serves the page and the browser's marks, ends it all.

`streamlit run app.py`. The page itself is components/main.py.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from components import marks_route, start_up, study_routes
from components.security_headers import SecurityHeaders
from data.config import ConfigError
from router import runtime

# Loading models takes all processors. The first page comes first, if somebody opens it this soon.
MODELS_BEGIN_S = 3.0

SCRIPT = Path(__file__).resolve().parent / "components" / "main.py"
# Streamlit would put the script's folder on the path before each run and take it off behind it. An import
# in another thread that walks the path just then skips a folder, and does not find its module. Last, it
# hides nothing.
if str(SCRIPT.parent) not in sys.path:
    sys.path.append(str(SCRIPT.parent))


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Begin everything that takes time in the background; end it with the server."""
    try:
        current = runtime.current(begin=False)
    except ConfigError as error:
        # The page says it too, and a mended file is read when the page is opened again.
        start_up.say_mistake(error)
    else:
        start_up.say(current)
        threading.Thread(target=current.begin_when_drawn, args=(MODELS_BEGIN_S,), daemon=True).start()
    try:
        yield
    finally:
        runtime.shut_down()


# Apart from the app, so that measurements can serve the same parts under other conditions.
PARTS: dict[str, Any] = {
    "script_path": SCRIPT,
    "lifespan": lifespan,
    "routes": [*marks_route.routes(runtime.CurrentLog(), runtime.received_s), *study_routes.routes()],
    "middleware": [Middleware(SecurityHeaders)],
}
app = st.App(**PARTS)

if __name__ == "__main__":
    app.run()
