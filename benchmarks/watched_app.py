"""The app, noting in the file `UPSHIFT_BENCH_READY` when each of its parts was ready, and its processes.

The lines are JSON: `{"part", "at_s"}` with seconds since the epoch, and first `{"app", "at_s"}`, the
server's process number. Nothing else is different from app.py.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from app import PARTS
from router import runtime
from router.backends import LocalBackend
from router.runtime import Runtime

LOOK_S = 0.02


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """The app's own, with somebody who watches."""
    async with PARTS["lifespan"](app):
        threading.Thread(target=watch, args=(runtime.current(),), daemon=True).start()
        yield


def watch(current: Runtime) -> None:
    """Write a line for each part when it is ready."""
    say({"app": os.getpid()})
    backend, litellm = current.services.backend, current.services.gateway.litellm
    waiting = {*current.preset.tier_names, "litellm"}
    while waiting:
        for part in sorted(waiting):
            ready = litellm.ready if part == "litellm" else backend.wait(part, 0) is None
            if ready:
                waiting.remove(part)
                say({"part": part})
        time.sleep(LOOK_S)
    if isinstance(backend, LocalBackend):
        say({"models": backend.models.pid})


def say(what: dict[str, object]) -> None:
    """Add a line to the file."""
    with Path(os.environ["UPSHIFT_BENCH_READY"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(what | {"at_s": time.time()}) + "\n")


app = st.App(**PARTS | {"lifespan": lifespan})
