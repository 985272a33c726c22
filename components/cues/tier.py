"""The tier cue: which model answered, how soon, and behind it why. From Routed, FellBack, TextDelta."""

from __future__ import annotations

import streamlit as st

from components.cues.cue import Cue
from components.safe_markdown import plain
from data.answers import Answer

ICONS = {"fast": ":material/bolt:", "heavy": ":material/psychology:"}


def label(answer: Answer) -> str:
    """The words on the badge: tier, model and seconds to the first words."""
    parts = [f"{(answer.tier or '').capitalize()} model", plain(answer.model_label)]
    if answer.first_content_ms is not None:
        parts.append(f"first words in {answer.first_content_ms / 1000:.1f} s")
    return " · ".join(parts)


def reasons(answer: Answer) -> list[str]:
    """Why this tier, in plain words, one sentence each."""
    decision = answer.decision
    if decision is None:
        return []
    lines = [plain(reason).capitalize() for reason in decision.reasons]
    lines += [plain(note) for note in answer.notes]
    if answer.tier != decision.tier:
        lines.append(f"The {decision.tier} model was chosen; the {answer.tier} model answered in its place.")
    return lines


def _draw(answer: Answer) -> None:
    decision = answer.decision
    if decision is None or answer.tier is None:
        return
    with st.popover(label(answer), type="tertiary", icon=ICONS.get(answer.tier, ":material/network_node:")):
        st.markdown(f"**Why the {decision.tier} model**")
        st.markdown("\n".join(f"- {line}" for line in reasons(answer)))
        certainty = f"Score {decision.score:.2f} of 1 (0 is light work, 1 is heavy)"
        st.caption(f"Task: {plain(decision.task)} · {certainty} · decided in {decision.decide_ms:.1f} ms")


CUE = Cue(name="tier", log_field="turns.tier", draw=_draw)
