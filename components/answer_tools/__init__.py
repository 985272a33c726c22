"""What only the browser can do with an answer: show a passage at its mark, open it, copy the text.

A Streamlit component (v2, no iframe), mounted once for each run of the page; it draws nothing by
itself. The page keeps to this contract:

- a mark of a source is a link to `#source-<turn_id>-<n>`, or `#matched-<turn_id>-<n>` where Upshift
  found the passage and the model named none (components/answer_text.py writes both);
- a button that copies has the key `copy-<turn_id>`; one that opens an editor has `edit-<turn_id>`, and
  the editor's text box `edit-text-<turn_id>`.

Pointing at a mark, or moving the keyboard's focus to it, shows the passage beside it (Escape hides it);
pressing it asks the server for the document, which `opened` then names. The texts come from documents
and models, so they only ever become text nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from data.answers import Answer, fold
from router.running import RunningTurn

# Not "answer-…": that is what the answers themselves are called.
KEY = "tools-for-answers"
_OPENED = "opened_source"
_FOLDER = Path(__file__).parent
_HTML = """<div class="passage" role="tooltip" popover="manual">
  <div class="passage-place"></div>
  <div class="passage-note" hidden></div>
  <div class="passage-text"></div>
  <div class="passage-hint">Press the mark to see it in its document.</div>
</div>
<div class="copied" popover="manual"></div>
<div class="spoken" role="status" aria-live="polite"></div>"""
_JS = "\n".join(
    (_FOLDER / name).read_text(encoding="utf-8") for name in ("passages.js", "copying.js", "answer_tools.js")
)
_CSS = (_FOLDER / "answer_tools.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Opened:
    """The mark that was pressed: passage `number` (from 1) of a turn's answer."""

    turn_id: str
    number: int


def mount(ended: Sequence[RunningTurn]) -> None:
    """Put the tools on the page, for the answers of these turns; once in each run."""
    data = {running.turn.turn_id: _of(fold(running.events())) for running in ended}
    _component()(key=KEY, data={"turns": data}, height="content", on_open_change=_note)


def opened() -> Opened | None:
    """The mark that was pressed since it was last asked."""
    found = st.session_state.pop(_OPENED, None)
    return found if isinstance(found, Opened) else None


def markdown(answer: Answer) -> str:
    """The answer to take along: its own text, and below it the places that its marks name."""
    named = [number for number in answer.cited if 1 <= number <= len(answer.passages)]
    places = [f"[{number}] {_place(answer, number)}" for number in sorted(named)]
    return "\n\n".join(filter(None, (answer.text.strip(), "  \n".join(places))))


def _of(answer: Answer) -> dict[str, Any]:
    passages = enumerate(answer.passages, 1)
    return {
        "text": markdown(answer),
        "passages": [{"place": _place(answer, number), "text": passage.text} for number, passage in passages],
    }


def _place(answer: Answer, number: int) -> str:
    passage = answer.passages[number - 1]
    return " › ".join(dict.fromkeys((passage.source_title, *passage.heading)))


def _note() -> None:
    """Keep what the browser says was pressed. It could say anything, so it is checked."""
    said = getattr(st.session_state.get(KEY), "open", None)
    turn_id, number = (said.get("turn_id"), said.get("number")) if isinstance(said, dict) else (None, None)
    if isinstance(turn_id, str) and isinstance(number, int):
        st.session_state[_OPENED] = Opened(turn_id, number)


@cache
def _component() -> ComponentRenderer:
    """Registered at the first mount: importing this module needs no running Streamlit."""
    return st.components.v2.component("upshift_answer_tools", html=_HTML, css=_CSS, js=_JS)
