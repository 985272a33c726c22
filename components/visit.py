"""One person's visit to the page: who it is in the log, and which conversation they are in.

The conversation's id is in the URL, so that a reload or a second tab finds it again.
"""

from __future__ import annotations

import streamlit as st

from data.enrolment import Enrolment
from data.records import new_id
from data.store import LogUnavailable
from router.conversations import Conversation
from router.runtime import APP_VERSION, Runtime

FIRST_SHOWN_TURNS = 10
NOT_READ = (
    "The conversation of this address could not be read from the log just now. What the log had of it, "
    "it has still: reload this page in a moment."
)


class Visit:
    """What the session knows, under names of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @classmethod
    def of_this_page(cls, runtime: Runtime) -> Visit:
        """The visit that this page run belongs to; begins one at the first run."""
        visit = cls(runtime)
        if "session_id" not in st.session_state:
            st.session_state["session_id"] = new_id()
            user_agent = st.context.headers.get("User-Agent") or ""
            runtime.journal.session(visit.session_id, runtime.purpose, user_agent, APP_VERSION)
            visit._find(st.query_params.get("c"))
        visit._show_in_url()
        return visit

    @property
    def session_id(self) -> str:
        """The visit's id in the log."""
        return str(st.session_state["session_id"])

    @property
    def conversation(self) -> Conversation | None:
        """The conversation that the person is in, if it has begun."""
        return self._runtime.conversations.get(st.session_state.get("conversation_id"))

    def begin(self, title: str) -> Conversation:
        """Start a new conversation and go there."""
        conversation = self._runtime.conversations.new()
        st.session_state["conversation_id"] = conversation.conversation_id
        st.session_state.pop("shown_turns", None)
        st.session_state.pop("first_place", None)
        self._runtime.journal.conversation(
            conversation.conversation_id, self.session_id, conversation.started_at, title[:60]
        )
        return conversation

    def leave(self) -> None:
        """Go back to the empty page; the conversation stays under its address."""
        st.session_state["conversation_id"] = None
        st.session_state.pop("unread_conversation", None)

    @property
    def shown_turns(self) -> int:
        """How many of the last turns are drawn."""
        return int(st.session_state.get("shown_turns", FIRST_SHOWN_TURNS))

    @shown_turns.setter
    def shown_turns(self, count: int) -> None:
        st.session_state["shown_turns"] = count

    def _find(self, conversation_id: str | None) -> None:
        """Go to the conversation that the address names. If the log cannot be read, the address stays."""
        st.session_state["conversation_id"] = None
        try:
            found = _open(self._runtime, conversation_id)
        except LogUnavailable:
            st.session_state["unread_conversation"] = conversation_id
            st.session_state["notice"] = NOT_READ
            return
        st.session_state["conversation_id"] = found.conversation_id if found else None

    def _show_in_url(self) -> None:
        """Keep the address in step with the conversation."""
        conversation = self.conversation
        if conversation is None:
            unread = st.session_state.get("unread_conversation")
            if "c" in st.query_params and st.query_params["c"] != unread:
                del st.query_params["c"]
        elif st.query_params.get("c") != conversation.conversation_id:
            st.query_params["c"] = conversation.conversation_id


def _open(runtime: Runtime, conversation_id: str | None) -> Conversation | None:
    """The conversation that an address names; never a study participant's, which is theirs alone.

    Raises LogUnavailable.
    """
    if not conversation_id:
        return None
    known = runtime.conversations.get(conversation_id)
    if known is not None:
        return known if known.study is None else None
    theirs = Enrolment(runtime.log.path).belongs_to_a_study(conversation_id)
    return None if theirs else runtime.find_conversation(conversation_id)
