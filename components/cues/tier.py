"""The tier cue: which model answered, how soon, and behind it why. From Routed, FellBack, TextDelta."""

from __future__ import annotations

import streamlit as st

from components.cues import progress
from components.cues.cue import Cue
from components.safe_markdown import plain
from data.answers import Answer
from data.records import Decision
from router.reasons import without_words

# Below this the score says little; the share of heavy work at a score is measured (router's card).
SURE_FROM = 0.65
VERY_SURE_FROM = 0.9
ICONS = {"fast": ":material/bolt:", "heavy": ":material/psychology:"}


def label(answer: Answer) -> str:
    """The words on the badge: tier, model and seconds to the first words. Short: phones are narrow."""
    parts = [(answer.tier or "").capitalize(), plain(answer.model_label)]
    if answer.first_content_ms is not None:
        parts.append(f"{answer.first_content_ms / 1000:.1f} s")
    return " · ".join(parts)


def reasons(answer: Answer) -> list[str]:
    """Why this tier, in plain words, one sentence each."""
    decision = answer.decision
    if decision is None:
        return []
    whole = without_words(decision.reasons)
    said = [reason.removeprefix("says ") for reason in decision.reasons if reason not in whole]
    lines = [plain(reason[:1].upper() + reason[1:]) for reason in whole]
    if said:
        lines.append(f"Words that weighed in: {plain(', '.join(said))}")
    lines += [plain(note) for note in answer.notes]
    if answer.tier != decision.tier:
        lines.append(f"The {decision.tier} model was chosen; the {answer.tier} model answered in its place.")
    return lines


def certainty(decision: Decision) -> list[str]:
    """How sure the router was that this is light or heavy work, in words and as its calibrated score says."""
    heavy = decision.score >= 0.5
    share = decision.score if heavy else 1 - decision.score
    kind = "heavy" if heavy else "light"
    lines = ["Judged together with the messages before it"] if decision.inherited else []
    if share < SURE_FROM:
        lines.append(f"Could have been either ({share:.0%} {kind} work)".replace("%", " %"))
        if not decision.overridden:
            lines.append("If this answer does not do, ask the other model with the button under the answer")
        return lines
    sure = "very sure" if share >= VERY_SURE_FROM else "fairly sure"
    lines.append(f"{kind.capitalize()} work, {sure} ({share:.0%})".replace("%", " %"))
    elsewhere = {"fast": heavy, "heavy": not heavy}.get(decision.tier, False)
    if elsewhere and not decision.overridden:
        lines.append(f"The {decision.tier} model all the same: that is where the settings draw the line")
    return lines


def _draw(answer: Answer) -> None:
    decision = answer.decision
    if decision is None or answer.tier is None:
        return
    # One element for all of it: the page draws this for each turn, and elements are what makes it slow.
    with st.popover(label(answer), type="tertiary", icon=ICONS.get(answer.tier, ":material/network_node:")):
        st.markdown(details(answer, decision))


def details(answer: Answer, decision: Decision) -> str:
    """Reasons, task and score, and what happened when."""
    lines = [f"**Why the {plain(decision.tier)} model**", ""]
    lines += [f"- {line}" for line in reasons(answer)]
    lines += [f"- {line}" for line in certainty(decision)]
    lines.append(f"- Task: {plain(decision.task)}; score {decision.score:.2f} (0 is light work, 1 is heavy)")
    lines += ["", "**What happened**", ""]
    lines += [f"1. {step}" for step in progress.steps(answer)]
    return "\n".join(lines)


CUE = Cue(name="tier", log_field="turns.tier", draw=_draw)
