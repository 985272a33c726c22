"""The line under the input: which models answer, where the text goes, how long a message may be.

While models are still arriving it shows how far they are, and only then does it look again by itself.
"""

from __future__ import annotations

import streamlit as st

from components.cues.progress import amount
from components.safe_markdown import plain
from data.presets import TierModel
from router.errors import ModelError
from router.runtime import Runtime


def draw(runtime: Runtime, limit: int) -> None:
    """The preset's line, and what is not ready yet."""
    preset = runtime.preset
    models = ", ".join(f"{plain(model.tier)}: {plain(model.label)}" for model in preset.tiers)
    with st.container(key="footer", gap=None):
        if not_ready(runtime):
            _arriving(runtime)
        st.caption(
            f"**{plain(preset.title)}** ({models}). {plain(preset.where)} "
            f"Messages up to {limit:,} characters.",
            help=f"Log: {plain(str(runtime.log.path))}. `python -m data report` prints its figures.",
        )


def not_ready(runtime: Runtime) -> list[str]:
    """One line for each tier that cannot be asked yet, with what it waits for or what to do."""
    return [line for model in runtime.preset.tiers if (line := _state(runtime, model))]


@st.fragment(run_every=1.0)
def _arriving(runtime: Runtime) -> None:
    states = not_ready(runtime)
    if not states:
        # All there: one run of the whole page puts the plain footer in place and ends the looking.
        st.rerun()
    st.caption("  \n".join(states))


def _state(runtime: Runtime, model: TierModel) -> str:
    name = f"{plain(model.tier).capitalize()} model"
    try:
        waiting = runtime.services.backend.wait(model.tier, 0)
    except ModelError as error:
        return f":material/error: {name}: {plain(error.message)}"
    if waiting is None:
        return ""
    if waiting.reason == "download" and waiting.total_bytes:
        return f":material/download: {name} is arriving: {amount(waiting)}. You can ask already."
    if waiting.reason == "download":
        return f":material/download: {name} is arriving. You can ask already."
    return f":material/hourglass_top: {name} is loading. You can ask already."
