"""A test page, not the app: draws the texts of a file through the cleaner, and raw ones next to it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import streamlit as st

from components.safe_markdown import clean, plain

texts = json.loads(Path(os.environ["TEXTS"]).read_text(encoding="utf-8"))
way = st.query_params.get("way", "clean")
for n, text in enumerate(texts):
    with st.container(key=f"case-{n}", border=True):
        if way == "clean":
            st.markdown(clean(text))
        elif way == "plain":
            st.markdown(plain(text))
        elif way == "label":
            st.button(plain(text), key=f"b{n}")
        elif way == "partial":
            slot = st.empty()
            for end in range(0, len(text), max(1, len(text) // 6)):
                slot.markdown(clean(text[:end], finished=False))
            slot.markdown(clean(text, finished=False))
        else:
            st.markdown(text.encode("utf-8", "replace").decode())
st.container(key="all-drawn").caption("All drawn")
