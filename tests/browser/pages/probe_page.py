"""A test page, not the app: keeps the probe's contract with an answer that is made up and slow.

Query parameters: `history` (messages drawn before), `progress` (0: no progress texts), `first_ms`,
`token_ms`, `tokens`, `mode` (`normal`, `stopped`, `short`, `silent`: the message makes no turn; `deaf`: the
run takes 7 s).
"""

from __future__ import annotations

import secrets
import sys
import time
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parent))
from probe_state import RECEIVED

from components import probe

WORDS = "This is the first sentence of a made up answer. And more of it follows word by word until it ends"


def option(name: str, default: int) -> int:
    return int(st.query_params.get(name, default))


state = st.session_state
mode = st.query_params.get("mode", "normal")
if "turns" not in state:
    state.turns = []
    state.old = option("history", 0)


def begin(text: str) -> None:
    if mode == "silent":
        return
    turn_id = secrets.token_hex(16)
    RECEIVED[turn_id] = time.monotonic()
    state.turns.append({"id": turn_id, "text": text, "answer": "", "done": False})


def draw_end(turn: dict) -> None:
    if mode == "stopped":
        st.container(key=f"stopped-{turn['id']}").caption("Stopped")
    st.container(key=f"done-{turn['id']}").caption("Done in no time")


def answer(turn: dict) -> None:
    with st.chat_message("user"):
        st.text(turn["text"])
    with st.chat_message("assistant"), st.container(key=f"answer-{turn['id']}"):
        progress = st.empty()
        text = st.container(key=f"text-{turn['id']}").empty()
        if not turn["done"]:
            progress.caption("Received")
            time.sleep(option("first_ms", 300) / 1000)
            words = ["Four"] if mode == "short" else (WORDS.split() * 10)[: option("tokens", 20)]
            for word in words:
                turn["answer"] += word + " "
                text.markdown(turn["answer"])
                time.sleep(option("token_ms", 20) / 1000)
            turn["done"] = True
            progress.empty()
        text.markdown(turn["answer"])
        draw_end(turn)


typed = st.chat_input("Ask", key="chat", submit_mode="submit")
if mode == "deaf" and typed:
    time.sleep(7)
history = st.container(key="history")
if typed:
    begin(typed)
with history:
    for n in range(state.old):
        with st.chat_message("user" if n % 2 == 0 else "assistant"):
            st.markdown(f"Old message {n} with **some** words in it and a [link](https://example.org).")
if not state.turns:
    with st.container(key="empty-state"):
        st.button("Short label", key="send-suggestion-one", on_click=begin, args=("The full prompt of one",))
probe.mount(
    state.turns[-1]["id"] if state.turns else None,
    prompts={"send-suggestion-one": "The full prompt of one"},
    progress=bool(option("progress", 1)),
)
st.button("Something else", key="other")
with history:
    for turn in state.turns:
        answer(turn)
if state.turns:
    st.button("Follow up", key="send-followup-0", on_click=begin, args=("A follow-up question",))
