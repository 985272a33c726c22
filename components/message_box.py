"""The box that messages are written in: what is sent, what is refused, and what a suggestion does with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import streamlit as st

from components import uploads
from components.page_settings import PageSettings
from components.safe_markdown import plain
from components.visit import Visit
from data.product import Suggestion
from data.records import InputOrigin
from router.prompt import longest_message_characters
from router.runtime import Runtime
from router.steering import split_command

KEY = "chat"


class Ask(Protocol):
    """Sends a message with its origin, suggestion and files; False if the page may not send now."""

    def __call__(
        self, text: str, origin: InputOrigin, suggestion_id: str | None, files: Sequence[uploads.File] = ()
    ) -> bool:
        """Send it."""


class Attach(Protocol):
    """Keeps files for the conversation, without a message; what to say about it."""

    def __call__(self, files: Sequence[uploads.File]) -> str:
        """Keep them."""


class MessageBox:
    """The input at the foot of the page; `limit` is the longest message in characters."""

    def __init__(
        self, runtime: Runtime, settings: PageSettings, ask: Ask, attach: Attach, visit: Visit
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._ask = ask
        self._attach = attach
        self._visit = visit
        self._product = runtime.services.product
        self.limit = longest_message_characters(self._product.system_prompt, runtime.preset)

    def draw(self) -> None:
        """The input itself."""
        st.chat_input(f"Ask about {self._product.name}", key=KEY, on_submit=self._submit, **uploads.INPUT)

    def notice(self) -> None:
        """What the person must know about what they just did; shown once."""
        notice = st.session_state.pop("notice", None)
        if notice:
            st.warning(notice, icon=":material/info:")
        trouble = self._runtime.log.health.message
        if trouble:
            st.caption(f":material/warning: {plain(trouble)}")

    def refusal(self, text: str) -> str | None:
        """Why a message cannot be sent, and what to do; None if it can."""
        command, question = split_command(text, self._runtime.preset.tier_names)
        if not _readable(text):
            return "There is nothing to send yet: the message is blank. Write a question first."
        if command and not _readable(question):
            return f"There is nothing to send yet. Write a question behind /{command}."
        if len(text) > self.limit:
            return (
                f"This message has {len(text):,} characters; at most {self.limit:,} can be read at once. "
                "It is still in the box: shorten it, or send it in parts."
            )
        return None

    # Callbacks: they run before the page is drawn.

    def pick(self, suggestion: Suggestion, origin: InputOrigin = "suggestion") -> None:
        """A suggestion or a follow-up was pressed."""
        if self._settings.suggestions == "send":
            self._ask(suggestion.prompt, origin, suggestion.id)
        else:
            st.session_state[KEY] = suggestion.prompt
            st.session_state["filled"] = (suggestion.prompt, origin, suggestion.id)

    def _submit(self) -> None:
        text, files = uploads.submitted(st.session_state.get(KEY))
        refusal = uploads.refusal(self._visit.conversation, files)
        if refusal is None and files and not _readable(text):
            refusal = self._attach(files)
        refusal = refusal or self.refusal(text)
        if refusal is not None:
            st.session_state["notice"] = refusal
        elif self._ask(text, *self._origin(text), files):
            st.session_state.pop("filled", None)
            return
        st.session_state[KEY] = text

    def _origin(self, text: str) -> tuple[InputOrigin, str | None]:
        """A text that a suggestion had filled in and that nobody changed is that suggestion."""
        prompt, origin, suggestion_id = st.session_state.get("filled", (None, "typed", None))
        return (origin, suggestion_id) if text == prompt else ("typed", None)


def _readable(text: str) -> bool:
    """Whether a message has anything but white space and control characters."""
    return any(character.isprintable() and not character.isspace() for character in text)
