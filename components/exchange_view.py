"""One message on the page with its answer, or with several side by side."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from components.answer_actions import EDITING, AnswerActions
from components.answer_view import TurnView, snapshot
from components.page_settings import PageSettings
from components.safe_markdown import clean
from data.answers import Answer
from router.exchanges import Exchange
from router.running import RunningTurn

SHOWN_MESSAGE_CHARACTERS = 20_000

# Draws something more below an ended answer; told whether it is the last one of the conversation.
AfterAnswer = Callable[[RunningTurn, Answer, bool], None]
# Sends the changed question in the place of the old one, and says whether it was sent.
SendEdited = Callable[[RunningTurn, str], None]


class ExchangeView:
    """The two places that an exchange has among the messages: the person's and the answers'."""

    PLACES = 2

    def __init__(
        self,
        exchange: Exchange,
        settings: PageSettings,
        actions: AnswerActions,
        *,
        last: bool,
        after: AfterAnswer,
        send_edited: SendEdited,
    ) -> None:
        self._exchange, self._settings, self._actions = exchange, settings, actions
        self._last, self._after, self._send_edited = last, after, send_edited
        self._message()
        self._views = self._places()
        # Looked at once: an answer that ends right after this is still to be drawn.
        self._to_follow = [view for view in self._views if not view.running.ended]
        for view in self._views:
            if view not in self._to_follow:
                self.finish(view, snapshot(view.running))
        if not self._to_follow:
            self._ended()

    @property
    def live(self) -> TurnView | None:
        """The answer that was under way when this was drawn, if one was; it may have ended since."""
        return next(iter(self._to_follow), None)

    def finish(self, view: TurnView, answer: Answer) -> None:
        """Draw an ended answer with its cues and with what can be done with it."""
        running = view.running

        doubted = answer.doubt is not None and answer.doubt.shown and self._settings.shows("doubt")

        def buttons() -> None:
            self._actions.for_answer(running, answer, self._last)
            if self._alone:
                self._actions.for_message(self._exchange, doubted=doubted)

        view.finish(answer, buttons)
        with view.below:
            self._actions.reason(running)
            self._after(running, answer, self._last)

    def finish_live(self, view: TurnView, answer: Answer) -> None:
        """The same for an answer that has just ended under the eyes of the person."""
        self.finish(view, answer)
        self._ended()

    @property
    def _alone(self) -> bool:
        return len(self._exchange.turns) == 1

    def _message(self) -> None:
        turn = self._exchange.turns[0].turn
        with st.chat_message("user", avatar=":material/person:"):
            if (
                self._settings.editing
                and st.session_state.get(EDITING) == self._exchange.turns[-1].turn.turn_id
            ):
                self._editor()
            else:
                st.markdown(clean(turn.typed[:SHOWN_MESSAGE_CHARACTERS]))

    def _editor(self) -> None:
        """The question in a box in its own place; Cancel leaves everything as it was."""
        running = self._exchange.turns[-1]
        turn_id = running.turn.turn_id
        key = f"edit-text-{turn_id}"
        st.text_area("Your question", running.turn.typed, key=key, height="content")
        st.caption("It takes the place of the old question and of its answer.")
        with st.container(horizontal=True, gap="small"):
            with st.container(key=f"send-edit-{turn_id}", width="content"):
                st.button("Send", key=f"edit-send-{turn_id}", on_click=self._edited, args=(running, key))
            st.button("Cancel", key=f"edit-cancel-{turn_id}", type="tertiary", on_click=stop_editing)

    def _edited(self, running: RunningTurn, key: str) -> None:
        self._send_edited(running, str(st.session_state.get(key) or ""))

    def _places(self) -> list[TurnView]:
        """A place for each answer: one below the message, several side by side (below 640 px: stacked)."""
        turns = self._exchange.turns
        if self._alone:
            return [TurnView(turns[0], self._settings)]
        views = []
        with st.container(key=f"beside-{turns[0].turn.turn_id}"):
            columns = st.columns(len(turns), gap="small")
            for column, running in zip(columns, turns, strict=True):
                with column:
                    views.append(TurnView(running, self._settings))
            self._row = st.container(key=f"compared-{turns[0].turn.turn_id}", gap="small")
        return views

    def _ended(self) -> None:
        """Below answers side by side, once all have ended: the vote, and what belongs to the message."""
        if self._alone or not self._exchange.ended:
            return
        first, other = (running.tier or "" for running in self._exchange.turns[-2:])
        with self._row:
            self._actions.vote(self._exchange, (first, other))
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                self._actions.for_message(self._exchange)


def stop_editing() -> None:
    """The question stays as it was."""
    st.session_state.pop(EDITING, None)
