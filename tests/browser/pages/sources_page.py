"""Every hostile text as title, heading and text of a passage: in the sources cue and in the source view."""

from __future__ import annotations

import json
import os
from pathlib import Path

import streamlit as st

from components import source_view
from components.cues import sources
from data.answers import Answer
from data.events import SourcesFound
from data.records import Passage

TEXTS = json.loads(Path(os.environ["TEXTS"]).read_text(encoding="utf-8"))


def passage(number: int, text: str) -> Passage:
    """A passage of which every second one was left out of what the model read."""
    left_out = ((0, len(text)),) if number % 2 else ()
    return Passage(
        passage_id=f"a#{number}",
        source_id="a",
        source_title=text,
        heading=(text, text),
        text=text,
        start=0,
        end=len(text),
        left_out=left_out,
    )


passages = [passage(number, text) for number, text in enumerate(TEXTS)]
for number, one in enumerate(passages):
    found = SourcesFound(passages=(one,), searched_passages=1, searched_documents=1, search_ms=0)
    with st.container(key=f"case-{number}"):
        st.markdown(sources.details(Answer(turn_id="t", sources=found)))
everything = passage(1, "\n\n".join(TEXTS))
with st.container(key="case-view"):
    source_view.draw(everything, None)
st.container(key="all-drawn").write("drawn")
