"""The doubt cue: that the answer may be wrong, and what to do about it. From Doubted.

Only where the signals are strong enough (`Doubted.shown`). What it says is in the first person, since it is
the assistant that is not sure; the button that asks another model stands in the row below it.
"""

from __future__ import annotations

import streamlit as st

from components.cues.cue import Cue
from components.safe_markdown import plain
from data.answers import Answer


def words(answer: Answer) -> str:
    """The line, with the way to the source if there is one; empty without a doubt that is shown."""
    doubt = answer.doubt
    if doubt is None or not doubt.shown or not doubt.words:
        return ""
    line = f":material/help: {plain(doubt.words)}"
    number = next(iter((*answer.cited, *answer.matched, *range(1, len(answer.passages) + 1))), None)
    if number is not None:
        line += f" [Open the source](#source-{answer.turn_id}-{number})"
    return line


def _draw(answer: Answer) -> None:
    line = words(answer)
    if line:
        st.markdown(line)


CUE = Cue(name="doubt", log_field="turns.uncertainty", draw=_draw, above=True)
