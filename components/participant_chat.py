"""The chat as a participant has it: the task above, ratings under the answers, nothing else around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from components import study_ratings
from components.chat_page import ChatPage
from components.participant_visit import ParticipantVisit, settings_of
from components.safe_markdown import clean, plain
from components.uploads import File
from data.answers import Answer
from data.store import LogUnavailable
from data.study_admission import StudyClosed
from router.running import RunningTurn
from router.runtime import Runtime

NOT_TAKEN = "The file could not be taken just now. Try again in a moment."
NOT_SENT = "This could not be sent just now; it is still in the box. Try again in a moment."


class ParticipantChat(ChatPage):
    """One run of a participant's page.

    `done` is called when they say that a task (without tasks, the study) is done; `leave` draws how to
    stop taking part.
    """

    def __init__(
        self,
        runtime: Runtime,
        visit: ParticipantVisit,
        done: Callable[[], None],
        leave: Callable[[], None],
    ) -> None:
        super().__init__(runtime, visit, settings_of(visit.study, visit.place.variant))
        self.participant = visit
        self._done, self._leave = done, leave
        offered = visit.study.variant(visit.place.variant).change.suggestions
        if offered is not None:
            chosen = tuple(item for item in self.product.suggestions if item.id in offered)
            self.product = self.product.model_copy(update={"suggestions": chosen})

    def _header(self) -> None:
        study, place = self.participant.study, self.participant.place
        index = next((n for n, task in enumerate(study.tasks) if task.id == place.task), None)
        with st.container(key="task", border=True):
            if index is not None:
                task = study.tasks[index]
                st.markdown(f"**Task {index + 1} of {len(study.tasks)}: {plain(task.title)}**")
                st.markdown(clean(task.instructions))
            with st.container(horizontal=True, horizontal_alignment="distribute"):
                label = "I have finished the study" if index is None else "I am done with this task"
                st.button(label, key="task-done", on_click=self._done)
                self._leave()

    def _after_answer(self, running: RunningTurn, answer: Answer, last: bool) -> None:
        if last and answer.text and self.participant.study.ratings.after == "answer":
            study_ratings.of_answer(self.runtime, self.participant, running.turn.turn_id)

    def _must_agree(self) -> bool:
        return not self._may_write()

    def _may_write(self) -> bool:
        try:
            return self.participant.may_write()
        except LogUnavailable:
            return False

    def _ask(self, *message: Any, **more: Any) -> bool:
        """As for everybody, but that what cannot be begun is told and stays in the box."""
        try:
            if super()._ask(*message, **more):
                return True
        except (LogUnavailable, StudyClosed):
            pass
        st.session_state["notice"] = NOT_SENT
        return False

    def _attach(self, files: Sequence[File]) -> str:
        """As for everybody, but only from somebody who takes part now."""
        try:
            if self._may_write():
                return super()._attach(files)
        except (LogUnavailable, StudyClosed):
            pass
        return NOT_TAKEN
