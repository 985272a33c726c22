"""The probe: sees a press in the browser, answers it at once, and measures what the person sees.

It is a Streamlit component (v2, no iframe) that is mounted once on every script run and draws
nothing of its own until something is sent. The page keeps to this contract:

- the chat input has `key="chat"`; a button that sends something has a key that begins with `send-`
  (`send-suggestion-<id>`, `send-followup-<i>`); with `send-retry-`, `send-edit-` or `send-beside-`
  the answer comes at a place of its own, so the button itself says "Sending…";
- each answer is in a container with `key=f"answer-{turn_id}"`, its text inside
  `key=f"text-{turn_id}"`, and when it has ended there is a `key=f"done-{turn_id}"` in the answer,
  together with `key=f"stopped-{turn_id}"` or `key=f"failed-{turn_id}"` where that is how it ended.
  Something must be drawn in each, else Streamlit leaves the container out;
- what has no place beside a new message (suggestions, follow-ups) is in a container with
  `key="empty-state"` or `key="followups"`: the probe hides these from the press until the answer
  has ended, as Streamlit would keep showing the old ones until then;
- `mount` stands at a fixed place right after the container of all messages, so that Streamlit
  does not take it down when a message is added (if it does, the probe carries on).

What is measured, in milliseconds from the press (`event.timeStamp`): the first visible change, the
first progress text (the probe's own "Sending…" counts), the first text of the answer, readable (a
first sentence or 120 characters), done. A moment counts when it is painted: the frame after the
change has been handed over (requestAnimationFrame, then a MessageChannel post). The marks go to
`/api/marks` by `sendBeacon`, once for a turn: at its end, or when the page is left or something
else is sent. `client_hidden` says that the page was in the background at some moment meanwhile, and
`client_left_ms` that it was left before the end (tab closed, reloaded, another page), and when.

**Clock.** After loading (and after an answer, at most once a minute) the probe asks `/api/clock`
five times, and takes the round trip that was fastest: server clock = browser clock + offset, with
an error of at most half that round trip. It reports the press on the server's clock and that
error; the server makes `clock_offset_ms` of it (see `components.marks_route`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).parent
_HTML = """<div class="probe-cue" hidden>
  <div class="probe-echo">
    <span class="probe-avatar" aria-hidden="true">person</span><div class="probe-words"></div>
  </div>
  <div class="probe-progress"></div>
</div>
<div class="probe-status" role="status" aria-live="polite"></div>"""
# One module, as inline components have it: the helpers first.
_JS = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("follow.js", "probe.js"))
_CSS = (_FOLDER / "probe.css").read_text(encoding="utf-8")
_runs = count(1)


def mount(
    turn_id: str | None,
    *,
    status_text: str = "",
    prompts: Mapping[str, str] | None = None,
    progress: bool = True,
    key: str = "probe",
) -> None:
    """Put the probe on the page; call it on every script run, at the same place.

    `turn_id` is the turn that is being answered or was answered last. `prompts` maps the key of a
    `send-…` button to the message that a press on it sends, for the echo (else the button's own
    words are shown). `status_text`, when it changes, is spoken by screen readers in place of the
    probe's own "Writing an answer", "Answer complete", "Answer stopped". Without `progress` the message
    is echoed, and nothing says that it is being sent (unless that takes five seconds).
    """
    data = {"turn_id": turn_id, "status_text": status_text, "prompts": dict(prompts or {})}
    data["progress"] = progress
    _component()(key=key, data=data | {"run": next(_runs)}, height="content")


@cache
def _component() -> ComponentRenderer:
    """Registered at the first mount: importing this module needs no running Streamlit."""
    return st.components.v2.component("upshift_probe", html=_HTML, css=_CSS, js=_JS)
