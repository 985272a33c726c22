"""The chat: reads what the person does, starts answers, and draws the conversation.

An answer is started in the widget's callback, before anything is drawn, so that the model already
works while the page draws itself.
"""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components import empty_state, footer, probe, settings_panel
from components.answer_view import TurnView, snapshot
from components.page_settings import PageSettings
from components.safe_markdown import plain
from components.visit import Visit
from data.answers import Answer
from data.product import Suggestion
from data.records import InputOrigin
from router.prompt import longest_message_characters
from router.running import RunningTurn
from router.runtime import Runtime

# Drawing old messages is what makes a page slow: at most the last ten turns, and ten more on request.
SHOWN_TURNS = 10
# The first turn shown moves by so many at once. If it moved with every message, each place on the page
# would get another turn's text every time, and the browser would have to draw all of them again.
STEP_TURNS = 5
# Before the page is drawn, the answer's thread gets this long to ask the model: drawing at the same time
# would slow both down, and the person sees the probe's cue already.
HEAD_START_S = 0.03


def draw(runtime: Runtime, settings: PageSettings) -> None:
    """The whole page, with what `settings` switch on."""
    page = ChatPage(runtime, Visit.of_this_page(runtime), settings)
    page.draw()


class ChatPage:
    """One run of the page."""

    def __init__(self, runtime: Runtime, visit: Visit, settings: PageSettings) -> None:
        self.runtime = runtime
        self.visit = visit
        self.settings = settings
        self.product = runtime.services.product
        self.limit = longest_message_characters(self.product.system_prompt, runtime.preset)

    def draw(self) -> None:
        """Header, conversation, input; then, if an answer is under way, follow it to its end."""
        self._header()
        turns = self.visit.conversation.visible() if self.visit.conversation else []
        # What was here before a message was sent must go at once: streamlit itself would take it away
        # only when this run ends, which is when the answer does.
        welcome = st.empty()
        if not turns:
            with welcome.container(key="empty-state"):
                empty_state.draw(self.product, self._pick, self.settings.suggestions)
        self._earlier(turns)
        shown = turns[first_shown(len(turns), self.visit.shown_turns) :]
        live = shown[-1] if shown and not shown[-1].ended else None
        # The probe stands right behind the turns: what it shows at a press is where the server's own
        # message will appear.
        with st.container(key="turns"):
            for running in shown:
                if running is not live:
                    self._ended(running, last=running is shown[-1])
            view = TurnView(live, self.settings) if live else None
            self._clear_places(len(shown))
        self._probe(shown[-1] if shown else None)
        follow_ups = st.empty()
        with st.bottom:
            self._notice()
            if self._must_agree():
                settings_panel.ask_to_agree(self.runtime)
            stop_place = st.empty()
            st.chat_input(f"Ask about {self.product.name}", key="chat", on_submit=self._submit)
            if self.settings.footer:
                footer.draw(self.runtime, self.limit)
        self.runtime.page_drawn.set()
        if live is not None and view is not None:
            with stop_place.container(key="under-way", horizontal=True, vertical_alignment="center"):
                st.button(
                    "Stop",
                    key="stop",
                    icon=":material/stop_circle:",
                    on_click=self._stop,
                    args=(live.turn.turn_id,),
                )
                writing_place = st.empty()
            self._follow(live, view, writing_place)
            stop_place.empty()
        if self.settings.follow_ups and shown and shown[-1].ended:
            with follow_ups.container(key="followups"):
                self._follow_ups()

    def _header(self) -> None:
        with st.container(
            key="header", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(f"#### {plain(self.product.name)}", width="content")
            with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
                if self.visit.conversation is not None:
                    st.button("New conversation", key="new", icon=":material/add:", on_click=self.visit.leave)
                if self.settings.switching:
                    settings_panel.draw(self.runtime)

    def _earlier(self, turns: list[RunningTurn]) -> None:
        hidden = first_shown(len(turns), self.visit.shown_turns)
        if hidden:
            st.button(f"Show earlier ({2 * hidden} messages)", key="earlier", on_click=self._show_more)

    def _clear_places(self, drawn: int) -> None:
        """Empty the places of turns that the last run drew and this one does not.

        Streamlit would leave them there, greyed, until this run ends: below an answer being written.
        """
        places = TurnView.PLACES * max(0, st.session_state.get("drawn_turns", 0) - drawn)
        for _ in range(places):
            st.empty()
        st.session_state["drawn_turns"] = drawn

    def _show_more(self) -> None:
        self.visit.shown_turns += SHOWN_TURNS

    def _ended(self, running: RunningTurn, last: bool) -> None:
        TurnView(running, self.settings).finish(
            snapshot(running), lambda answer: self._buttons(running, answer, last)
        )

    def _follow(self, running: RunningTurn, view: TurnView, writing_place: DeltaGenerator) -> None:
        journal = self.runtime.journal
        answer = view.follow(
            lambda: journal.mark(running, "first_feedback", "first_feedback_ms"),
            self.runtime.usual_seconds,
            writing_place,
        )
        view.finish(answer, lambda ended: self._buttons(running, ended, last=True))

    def _buttons(self, running: RunningTurn, answer: Answer, last: bool) -> None:
        turn_id = running.turn.turn_id
        if answer.text and self.settings.ratings:
            st.feedback("thumbs", key=f"thumbs-{turn_id}", on_change=self._rate, args=(turn_id,))
        if last and answer.status != "ok":
            with st.container(key=f"send-retry-{turn_id}", width="content"):
                st.button(
                    "Retry",
                    key=f"retry-{turn_id}",
                    icon=":material/refresh:",
                    on_click=self._retry,
                    args=(running,),
                )

    def _follow_ups(self) -> None:
        offered = self.product.follow_ups[:3]
        with st.container(horizontal=True, gap="small"):
            for number, suggestion in enumerate(offered):
                with st.container(key=f"{self.settings.suggestions}-followup-{number}", width="content"):
                    st.button(
                        plain(suggestion.label),
                        key=f"followup-{number}",
                        on_click=self._pick,
                        args=(suggestion, "follow_up"),
                    )

    def _probe(self, live: RunningTurn | None) -> None:
        offered = {f"send-suggestion-{item.id}": item.prompt for item in self.product.suggestions}
        offered |= {f"send-followup-{n}": item.prompt for n, item in enumerate(self.product.follow_ups[:3])}
        probe.mount(live.turn.turn_id if live else None, prompts=offered)

    def _notice(self) -> None:
        """What the person must know about what they just did; shown once."""
        notice = st.session_state.pop("notice", None)
        if notice:
            st.warning(notice, icon=":material/info:")
        if not self.runtime.log.health.ok:
            st.caption(f":material/warning: {plain(self.runtime.log.health.message)}")

    # What the person can do. Each is a callback: it runs before the page is drawn.

    def _submit(self) -> None:
        text = st.session_state.get("chat") or ""
        refusal = self._refusal(text)
        if refusal is None and not self._must_agree():
            prompt, origin, suggestion_id = st.session_state.pop("filled", (None, None, None))
            if text == prompt:
                self._ask(text, origin, suggestion_id)
            else:
                self._ask(text, "typed", None)
            return
        if refusal is not None:
            st.session_state["notice"] = refusal
        st.session_state["chat"] = text

    def _must_agree(self) -> bool:
        """Whether the text would go elsewhere than this page knows; nothing is sent before it agreed."""
        return settings_panel.must_agree(self.runtime, self.visit.conversation)

    def _refusal(self, text: str) -> str | None:
        """Why a message cannot be sent, and what to do; None if it can."""
        if not _readable(text):
            return "There is nothing to send yet: the message is blank. Write a question first."
        if len(text) > self.limit:
            return (
                f"This message has {len(text):,} characters; at most {self.limit:,} can be read at once. "
                "It is still in the box: shorten it, or send it in parts."
            )
        return None

    def _pick(self, suggestion: Suggestion, origin: InputOrigin = "suggestion") -> None:
        if self.settings.suggestions == "send":
            self._ask(suggestion.prompt, origin, suggestion.id)
        else:
            st.session_state["chat"] = suggestion.prompt
            st.session_state["filled"] = (suggestion.prompt, origin, suggestion.id)

    def _ask(self, text: str, origin: InputOrigin, suggestion_id: str | None) -> None:
        if self._must_agree():
            return  # the page says why, above the box
        conversation = self.visit.conversation or self.visit.begin(title=text)
        started = conversation.ask(
            self.runtime.running, text, self.visit.session_id, origin=origin, suggestion_id=suggestion_id
        )
        started.wait_until_asked(HEAD_START_S)

    def _retry(self, running: RunningTurn) -> None:
        conversation = self.visit.conversation
        if conversation is not None and not self._must_agree():
            turn = running.turn
            self.runtime.services.try_models_again()
            started = conversation.ask(
                self.runtime.running, turn.text, self.visit.session_id, origin="retry", replaces=turn.turn_id
            )
            started.wait_until_asked(HEAD_START_S)

    def _stop(self, turn_id: str) -> None:
        self.runtime.running.stop(turn_id)

    def _rate(self, turn_id: str) -> None:
        value = st.session_state.get(f"thumbs-{turn_id}")
        if value is not None:
            self.runtime.journal.feedback(turn_id, "thumbs", "up" if value else "down")


def first_shown(count: int, at_most: int) -> int:
    """The index of the first of `count` turns to draw, so that no more than `at_most` are."""
    surplus = max(0, count - at_most)
    return -(-surplus // STEP_TURNS) * STEP_TURNS


def _readable(text: str) -> bool:
    """Whether a message has anything but white space and control characters."""
    return any(character.isprintable() and not character.isspace() for character in text)
