"""The document of a passage, opened at that place: the passage marked, with what stands around it."""

from __future__ import annotations

import streamlit as st

from components.passage_text import drawn, remark
from components.safe_markdown import clean, plain
from data.answers import fold
from data.knowledge_index import KnowledgeIndex
from data.records import Passage
from router.running import RunningTurn
from router.runtime import Runtime

# How much of the document is shown around the passage before somebody asks for all of it.
AROUND_CHARACTERS = 900


def show(runtime: Runtime, running: RunningTurn, number: int, files: KnowledgeIndex | None = None) -> None:
    """Open the document of passage `number` of a turn; does nothing if there is no such passage.

    `files` are those of the conversation.
    """
    passages = fold(running.events()).passages
    if not 1 <= number <= len(passages):
        return
    passage = passages[number - 1]
    try:
        document = runtime.services.retriever.document(passage.source_id, files)
        title, text = document.title, document.text
    except KeyError:
        title, text = passage.source_title, None
    st.dialog(plain(title), width="medium", icon=":material/menu_book:")(draw)(passage, text)


def draw(passage: Passage, text: str | None) -> None:
    """The passage in its surroundings; `text` is the whole document, None if it is gone."""
    st.caption(" › ".join(plain(part) for part in (passage.source_title, *passage.heading)))
    if text is None or text[passage.start : passage.end].strip() != passage.text.strip():
        st.warning(
            "The document has changed since, or is gone. This is the passage as the model was given it.",
            icon=":material/info:",
        )
        _highlighted(passage)
        return
    whole = st.toggle("Show the whole document", key="whole-document")
    before, after = text[: passage.start], text[passage.end :]
    if not whole:
        before, after = _end_of(before), _beginning_of(after)
    if before.strip():
        st.markdown(clean(before))
    _highlighted(passage)
    if after.strip():
        st.markdown(clean(after))


def _highlighted(passage: Passage) -> None:
    with st.container(key="source-passage"):
        st.caption("The passage that the model was given")
        if passage.left_out:
            st.markdown(remark(passage))
        st.markdown(drawn(passage))


def _end_of(text: str) -> str:
    """The last paragraphs, whole ones where there are any."""
    if len(text) <= AROUND_CHARACTERS:
        return text
    kept = text[-AROUND_CHARACTERS:]
    cut = kept.find("\n\n")
    return "…\n\n" + (kept[cut:].lstrip("\n") if cut >= 0 else kept)


def _beginning_of(text: str) -> str:
    if len(text) <= AROUND_CHARACTERS:
        return text
    kept = text[:AROUND_CHARACTERS]
    cut = kept.rfind("\n\n")
    return (kept[:cut] if cut > 0 else kept) + "\n\n…"
