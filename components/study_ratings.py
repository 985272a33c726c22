"""Ratings from 1 to 7: under an answer, or after a task."""

from __future__ import annotations

import streamlit as st

from components.participant_visit import ParticipantVisit
from data.records import now_iso
from data.study_metrics import POINTS, SCALES
from router.runtime import Runtime


def of_answer(runtime: Runtime, visit: ParticipantVisit, turn_id: str) -> None:
    """The study's questions about one answer; each is kept when it is answered, and may be changed."""
    with st.container(key=f"ratings-{turn_id}"):
        for scale in visit.study.ratings.ask:
            _draw(scale, f"rate-{scale}-{turn_id}", lambda scale=scale: _keep(runtime, visit, scale, turn_id))


def of_task(runtime: Runtime, visit: ParticipantVisit) -> bool:
    """The study's questions about the task that was just done; whether all are answered."""
    keys = {scale: f"rate-{scale}-{visit.place.task}" for scale in visit.study.ratings.ask}
    for scale, key in keys.items():
        _draw(scale, key, lambda scale=scale: _keep(runtime, visit, scale, None))
    return all(st.session_state.get(key) is not None for key in keys.values())


def _draw(scale: str, key: str, keep: object) -> None:
    question, low, high = SCALES[scale]
    st.segmented_control(
        f"{question} 1: {low}, 7: {high}",
        POINTS,
        key=key,
        on_change=keep,  # type: ignore[arg-type]
        label_visibility="visible",
    )


def _keep(runtime: Runtime, visit: ParticipantVisit, scale: str, turn_id: str | None) -> None:
    about = turn_id or visit.place.task
    value = st.session_state.get(f"rate-{scale}-{about}")
    conversation = visit.conversation
    person = visit.person
    runtime.log.put(
        "ratings",
        {
            # Said again, it takes the row's place. Random or keyed: the id tells nothing about the person.
            "rating_id": f"{turn_id or f'{person.unit_hash}-{about}'}-{scale}",
            "study": visit.study.name,
            "participant": person.participant,
            "session_id": visit.session_id,
            "conversation_id": conversation.conversation_id if conversation else None,
            "turn_id": turn_id,
            "study_task": visit.place.task,
            "variant": visit.place.variant,
            "scale": scale,
            "value": value,
            "at": now_iso(),
        },
    )
