"""One answer on the page, while it is written and afterwards.

The places are made in the same order for both, so that nothing moves when an answer ends.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components import answer_text, cues
from components.cues import progress
from components.page_settings import PageSettings
from components.safe_markdown import plain
from data.answers import Answer, fold
from router.running import RunningTurn

# How long a page waits for news before it looks whether it is still wanted.
LOOK_S = 0.1


class TurnView:
    """The places on the page that one answer has."""

    def __init__(self, running: RunningTurn, settings: PageSettings) -> None:
        self.running = running
        self.settings = settings
        self._turn_id = running.turn.turn_id
        with st.chat_message("assistant", avatar=":material/bolt:"):
            self._answer = st.container(key=f"answer-{self._turn_id}")
        with self._answer:
            self._progress = st.empty()
            with st.container(key=f"text-{self._turn_id}"):
                self._text = st.empty()

    def follow(
        self,
        cue_shown: Callable[[], None],
        usual_s: Callable[[str], float | None],
        writing_place: DeltaGenerator,
    ) -> Answer:
        """Draw the answer as it is written, until it has ended; `cue_shown` is told once, at first.

        Progress stands where the text will be until the first words take its place; from then on it
        goes to `writing_place`, so that the text never moves. Leaves early (by streamlit's own
        exception) when the page runs again; the answer goes on.
        """
        answer = Answer()
        drawn_line = drawn_text = ""
        progress_shown = self.settings.shows(progress.NAME)
        with self.running.watched():
            while True:
                events = self.running.events(answer.seq, LOOK_S)
                answer = answer.after(events)
                if answer.status != "open":
                    return answer
                line = progress.line(answer, self.running.elapsed_ms() / 1000, usual_s)
                if answer.text != drawn_text and self.settings.streaming:
                    if not drawn_text:
                        self._progress.empty()
                    self._text.markdown(answer_text.streaming(answer, self._turn_id))
                    drawn_text = answer.text
                if line != drawn_line and progress_shown:
                    (writing_place if drawn_text else self._progress).markdown(line)
                    if not drawn_line:
                        cue_shown()
                    drawn_line = line
                _leave_if_unwanted()

    @property
    def below(self) -> DeltaGenerator:
        """Where something more can be drawn below an ended answer."""
        return self._answer

    def finish(self, answer: Answer, buttons: Callable[[], None]) -> None:
        """Draw an ended answer with its cues; `buttons` adds what can be done with it."""
        self._progress.empty()
        turn_id = self._turn_id
        if answer.text:
            self._text.markdown(answer_text.ended(answer, turn_id))
        else:
            self._text.empty()
        with self._answer:
            # Before `done`: whoever sees that it is done must find here how it ended.
            _say_how_it_ended(answer, turn_id)
            done = st.container(key=f"done-{turn_id}")
        shown = cues.shown(self.settings)
        with done:
            for cue in shown:
                if cue.above:
                    cue.draw(answer)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                for cue in shown:
                    if not cue.above:
                        cue.draw(answer)
                buttons()


STOPPED = {
    "new_message": "Stopped, because a new message was sent. The text so far is kept.",
    "abandoned": "Stopped, because nobody was watching. The text so far is kept.",
    "shutdown": "Stopped, because the server was shut down. The text so far is kept.",
    "person": "Stopped. The text so far is kept.",
}


def _say_how_it_ended(answer: Answer, turn_id: str) -> None:
    """Nothing for a whole answer. The keys tell the probe and the tests which end it was."""
    if answer.status == "error":
        with st.container(key=f"failed-{turn_id}"):
            st.error(plain(answer.message), icon=":material/error:")
    elif answer.status == "stopped":
        with st.container(key=f"stopped-{turn_id}"):
            st.caption(f":material/stop_circle: {STOPPED[answer.stop_reason or 'person']}")


def _leave_if_unwanted() -> None:
    """Give streamlit the chance to end this run: any access to the session does."""
    st.session_state.get("conversation_id")


def snapshot(running: RunningTurn) -> Answer:
    """The answer of a turn as it is now."""
    return fold(running.events())
