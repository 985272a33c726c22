"""The sources cue: which passages the answer names, which it was only given. From SourcesFound, Finished."""

from __future__ import annotations

import streamlit as st

from components.cues.cue import Cue
from components.passage_text import drawn, remark
from components.safe_markdown import clean, plain
from data.answers import Answer
from data.records import Passage

NONE_USED = "No sources used: from the model's own knowledge"
WITHDRAWN = "Taken back: an answer that its sources do not support"
NOTHING_SAID = "No sources used: the documents say nothing about this"


def label(answer: Answer) -> str:
    """The words on the button: how many sources, and how many of them the answer stands on."""
    count, quoted = len(answer.passages), len(answer.cited)
    matched = len(set(answer.matched) - set(answer.cited))
    sources = "1 source" if count == 1 else f"{count} sources"
    if not quoted and not matched:
        return f"{sources} consulted, none quoted"
    uses = [(quoted, "quoted"), (matched, "matched"), (count - quoted - matched, "only consulted")]
    return f"{sources}: " + ", ".join(f"{n} {use}" for n, use in uses if n)


def place(passage: Passage) -> str:
    """Document and heading of a passage."""
    return " › ".join(plain(part) for part in (passage.source_title, *passage.heading[-1:]))


def _draw(answer: Answer) -> None:
    if answer.withdrawn:
        with st.popover(WITHDRAWN, type="tertiary", icon=":material/undo:"):
            st.caption("What the model wrote. Nothing in its sources supports it.")
            st.markdown(clean(answer.withdrawn))
    if not answer.passages:
        words = NOTHING_SAID if answer.nothing_said else NONE_USED
        st.caption(f":material/menu_book: {words}", width="content")
        return
    with st.popover(label(answer), type="tertiary", icon=":material/menu_book:"):
        st.markdown(details(answer))


def details(answer: Answer) -> str:
    """Each passage with its place, whether the answer names it, and its text."""
    parts = []
    for number, passage in enumerate(answer.passages, 1):
        link = f"[Open in the document](#source-{answer.turn_id}-{number})"
        head = f"**\\[{number}\\] {place(passage)}** · {_use(answer, number)}"
        parts.append("\n\n".join(filter(None, (head, remark(passage), drawn(passage), link))))
    return "\n\n".join(parts + _remarks(answer))


def _use(answer: Answer, number: int) -> str:
    if number in answer.cited:
        return "quoted in the answer"
    if number in answer.matched:
        return "matched by Upshift: the answer says the same, but named no source"
    return "only consulted"


def _remarks(answer: Answer) -> list[str]:
    """What did not hold when the answer was checked against its passages."""
    missing = sum(not quote.found for quote in answer.quotes)
    found = [
        (answer.removed_citations, "Removed from the answer: {} that named no passage.", "mark"),
        (missing, "{} in the answer could not be found in the sources.", "quotation"),
        (len(answer.unsupported), "{} with a source that does not seem to say so.", "sentence"),
    ]
    return [words.format(f"{n} {noun}" + ("s" if n != 1 else "")) for n, words, noun in found if n]


CUE = Cue(name="sources", log_field="turns.source_count, turns.cited_count", draw=_draw)
