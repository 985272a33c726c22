"""A participant's visit: who they are, where they are in the study, and which conversation is theirs.

Everything is asked of the database at every run, and nothing of the address but the signed link: a
changed id or conversation in it leads nowhere.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from components.page_settings import PageSettings
from components.visit import Visit
from data.enrolment import Enrolment, Place
from data.records import StudyTerms, new_id, now_iso
from data.studies import Study
from data.study_admission import Participant
from router.conversations import Conversation
from router.runtime import APP_VERSION, Runtime

KEY = "participant_key"
# A study names cues as people do; `doubt` is what the code calls that of uncertainty.
_CUES = {"uncertainty": ("uncertainty", "doubt")}


def begin_session(runtime: Runtime, study: Study, participant: str) -> None:
    """Make this tab's session the participant's; whatever it was before is forgotten."""
    key = f"{study.name}/{participant}"
    if st.session_state.get(KEY) == key:
        return
    st.session_state.clear()
    st.session_state[KEY] = key
    st.session_state["session_id"] = new_id()


def end_session() -> None:
    """Forget a participant's session in this tab, if it was one."""
    if KEY in st.session_state:
        st.session_state.clear()


class ParticipantVisit(Visit):
    """The visit of somebody who agreed to take part, at one place of the study."""

    def __init__(self, runtime: Runtime, study: Study, person: Participant, place: Place) -> None:
        super().__init__(runtime)
        self.study, self.person, self.place = study, person, place
        self.enrolment = Enrolment(runtime.log.path)
        self._log_session()
        self._conversation = self._current()

    @property
    def terms(self) -> StudyTerms:
        """What the study sets for conversations at this place."""
        change = self.study.variant(self.place.variant).change
        return StudyTerms(
            study=self.study.name,
            variant=self.place.variant,
            task=self.place.task,
            routing=change.routing,
            threshold=change.threshold,
            text_mode=self.study.text,
            text_days=self.study.text_days,
        )

    @property
    def conversation(self) -> Conversation | None:
        """The participant's own conversation at this place, if it has begun."""
        return self._conversation

    def begin(self, title: str) -> Conversation:
        """Start the conversation of this place. Raises StudyClosed or LogUnavailable."""
        conversation_id = self.enrolment.begin_conversation(self.person, self.place, self.session_id)
        self._conversation = self._known(conversation_id)
        log = self._runtime.log
        self._runtime.journal.conversation(
            conversation_id, self.session_id, self._conversation.started_at, ""
        )
        log.put(
            "exposures",
            {
                "session_id": self.session_id,
                "experiment": f"{self.study.name}/{self.place.period}",
                "variant": self.place.variant,
                "unit_hash": self.person.unit_hash,
                "forced": self.person.forced,
                "exposed_at": now_iso(),
            },
            keep_first=True,
        )
        if self.place.task is not None:
            task = {"session_id": self.session_id, "task_id": self.place.task, "started_at": now_iso()}
            log.put("tasks", task, keep_first=True)
        return self._conversation

    def may_write(self) -> bool:
        """Whether this person may still send something: they take part, and the study is open."""
        now = self.enrolment.find(self.study.name, self.person.participant)
        return (
            now is not None
            and now.withdrawn_at is None
            and now.completed_at is None
            and self.study.is_open(today())
            and self._runtime.preset.stays_here()
        )

    def _current(self) -> Conversation | None:
        conversation_id = self.enrolment.conversation(self.person, self.place)
        return self._known(conversation_id) if conversation_id else None

    def _known(self, conversation_id: str) -> Conversation:
        """The conversation in this process, from the log, or (no text was kept) empty under its id."""
        found = self._runtime.find_conversation(conversation_id)
        conversation = found or self._runtime.conversations.new(conversation_id)
        conversation.study = self.terms
        st.session_state.setdefault("own_conversations", set()).add(conversation_id)
        return conversation

    def _log_session(self) -> None:
        if st.session_state.get("session_logged"):
            return
        st.session_state["session_logged"] = True
        self._runtime.log.put(
            "sessions",
            {
                "session_id": self.session_id,
                "started_at": now_iso(),
                "purpose": "research",
                "participant": self.person.participant,
                "study": self.study.name,
                "app_version": APP_VERSION,
                "text_mode": self.study.text,
                "consent_at": self.person.consent_at,
                "user_agent": (st.context.headers.get("User-Agent") or "")[:300],
            },
        )

    def _show_in_url(self) -> None:
        """A participant's conversation is never in the address: it is theirs by their link alone."""


def settings_of(study: Study, variant: str) -> PageSettings:
    """The page as a variant has it, with nothing on it but the chat."""
    change = study.variant(variant).change
    off = {name for cue in change.cues_off for name in _CUES.get(cue, (cue,))}
    return PageSettings(
        cues_off=frozenset(off),
        suggestions=change.suggestion_click,
        streaming=change.streaming == "on",
        overruling=False,
        ratings=False,
        switching=False,
        footer=False,
    )


def today() -> date:
    """The day by which studies open and close (UTC, as the log has it)."""
    return datetime.now(UTC).date()
