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
        st.markdown(details(answer))


def details(answer: Answer) -> str:
    """Each passage with its place, whether the answer names it, and its text."""
    parts = []
    for number, passage in enumerate(answer.passages, 1):
        use = "cited in the answer" if number in answer.cited else "consulted, not cited"
        parts.append(f"**\\[{number}\\] {place(passage)}** · {use}\n\n{clean(passage.text)}")
    if answer.removed_citations:
        marks = "1 mark" if answer.removed_citations == 1 else f"{answer.removed_citations} marks"
        parts.append(f"Removed from the answer: {marks} that named no passage.")
    return "\n\n".join(parts)


CUE = Cue(name="sources", log_field="turns.source_count, turns.cited_count", draw=_draw)
