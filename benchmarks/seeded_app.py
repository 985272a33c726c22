"""The app with conversations of given lengths already in it, for measuring long ones.

`UPSHIFT_BENCH_TURNS` lists how many turns each has; their ids go to the file `UPSHIFT_BENCH_IDS`.
The old answers come from the scripted provider like all others, only without its pauses.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import streamlit as st

from app import PARTS
from data.records import new_id
from router import runtime


def seed() -> None:
    """Make the conversations and write down their ids, by number of turns."""
    current = runtime.current()
    ids = {}
    for count in map(int, os.environ["UPSHIFT_BENCH_TURNS"].split(",")):
        conversation = current.conversations.new()
        for number in range(count):
            turn = conversation.ask(current.running, f"seed {number}", new_id())
            while not turn.ended:
                turn.events(after=10**9, timeout_s=30)
        ids[count] = conversation.conversation_id
    Path(os.environ["UPSHIFT_BENCH_IDS"]).write_text(json.dumps(ids), encoding="utf-8")


seed()
app = st.App(**PARTS)
