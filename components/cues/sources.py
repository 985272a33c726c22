"""The sources cue: which passages the answer names, which it was only given. From SourcesFound, Finished."""

from __future__ import annotations

import streamlit as st

from components.cues.cue import Cue
from components.safe_markdown import clean, plain
from data.answers import Answer
from data.records import Passage

NONE_USED = "No sources used: from the model's own knowledge"


def label(answer: Answer) -> str:
    """The words on the button: how many sources, and whether the answer names them."""
    count = len(answer.passages)
    sources = "1 source" if count == 1 else f"{count} sources"
    cited = len(answer.cited)
    return f"{sources}, {cited} cited" if cited else f"{sources} consulted, none cited"


def place(passage: Passage) -> str:
    """Document and heading of a passage."""
    return " › ".join(plain(part) for part in (passage.source_title, *passage.heading[-1:]))


def _draw(answer: Answer) -> None:
    if not answer.passages:
        st.caption(f":material/menu_book: {NONE_USED}", width="content")
        return
    with st.popover(label(answer), type="tertiary", icon=":material/menu_book:"):
        for number, passage in enumerate(answer.passages, 1):
            use = "cited in the answer" if number in answer.cited else "consulted"
            st.markdown(f"**\\[{number}\\] {place(passage)}** · {use}")
            st.markdown(clean(passage.text))
        if answer.removed_citations:
            st.caption(f"{answer.removed_citations} citation(s) named no passage and were removed.")


CUE = Cue(name="sources", log_field="turns.source_count, turns.cited_count", draw=_draw)
