"""What a study needs in the browser: the facilitator's key, and that the browser remembers its study.

A press of the key drops a marker with its time, and changes nothing on the page. It goes straight from
the browser to `/api/marker` (see components.study_routes), because a run of the page, which any Streamlit
widget causes, would disturb the very wait that is being measured.
"""

from __future__ import annotations

from functools import cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from components.study_cookie import COOKIE

# A dot for the facilitator, in the corner, for as long as a glance takes.
_CSS = """
.marked { position: fixed; right: 6px; bottom: 6px; width: 6px; height: 6px; border-radius: 3px;
  background: currentColor; opacity: 0; }
.marked.seen { opacity: .6; }
"""
_JS = """
// Streamlit imports this once for each page load, but takes the component down and puts it up again at every
// run of the page: what is pressed in between counts, too. Only for good does the key go.
const GONE_AFTER_MS = 1000;
let here = null; // what is mounted, or was a moment ago

function press(event) {
  if (!here || event.key !== here.data.key) return;
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const body = JSON.stringify({ query: location.search.slice(1) });
  const sent = fetch("/api/marker", {
    method: "POST", body, keepalive: true, headers: { "Content-Type": "application/json" },
  });
  sent.then((answer) => {
    const dot = here?.parentElement.querySelector(".marked");
    if (!answer.ok || !dot) return;
    dot.classList.add("seen");
    setTimeout(() => dot.classList.remove("seen"), 700);
  }).catch(() => {});
}
document.addEventListener("keydown", press, true);

export default function (component) {
  here = component;
  const { cookie, link } = component.data;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (link) document.cookie = `${cookie}=${encodeURIComponent(link)}; path=/; samesite=lax${secure}`;
  return () => {
    setTimeout(() => { if (here === component) here = null; }, GONE_AFTER_MS);
  };
}
"""


def mount(key: str, link: str) -> None:
    """Listen for the key (`F8` …) on this page, and remember `link` unless it is empty."""
    with st.container(key="marker"):
        data = {"key": key, "cookie": COOKIE, "link": link}
        _component()(key="study-marker", data=data, height="content")


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component("upshift_marker", html='<div class="marked"></div>', css=_CSS, js=_JS)
