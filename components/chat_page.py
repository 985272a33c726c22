"""The chat: reads what the person does, starts answers, and draws the conversation.

An answer is started in the widget's callback, before anything is drawn, so that the model already
works while the page draws itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components import (
    answer_tools,
    empty_state,
    footer,
    probe,
    settings_panel,
    source_view,
    turn_places,
    uploads,
)
from components.answer_actions import AnswerActions
from components.cues import progress
from components.exchange_view import ExchangeView, stop_editing
from components.message_box import MessageBox
from components.page_settings import PageSettings
from components.safe_markdown import plain
from components.visit import Visit
from data.answers import Answer
from data.records import InputOrigin
from router.exchanges import Exchange
from router.running import RunningTurn
from router.runtime import Runtime

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
        self.box = MessageBox(runtime, settings, self._ask, self._attach, visit)
        self.actions = AnswerActions(runtime, settings, self._start)

    def draw(self) -> None:
        """Header, conversation, input; then, if an answer is under way, follow it to its end."""
        self._header()
        exchanges = self.visit.conversation.exchanges() if self.visit.conversation else []
        # What was here before a message was sent must go at once: streamlit itself would take it away
        # only when this run ends, which is when the answer does.
        welcome = st.empty()
        if not exchanges:
            with welcome.container(key="empty-state"):
                empty_state.draw(self.product, self.box.pick, self.settings.suggestions)
                empty_state.load_ahead()
        hidden = max(0, len(exchanges) - self.visit.shown_turns)
        shown = exchanges[hidden:]
        self._earlier(hidden)
        # The probe stands right behind the messages: what it shows at a press is where the server's own
        # message will appear.
        with st.container(key="turns"):
            first = turn_places.leave_empty(hidden)
            views = [self._exchange(exchange, last=exchange is shown[-1]) for exchange in shown]
            turn_places.clear_behind(len(exchanges) - first)
        live = next((view for view in views if view.live is not None), None)
        self._probe(live.live.running if live and live.live else shown[-1].turns[-1] if shown else None)
        follow_ups = st.empty()
        with st.bottom:
            stop_place = self._bottom()
        tools_place = st.empty()
        self._open_source()
        self.runtime.page_drawn.set()
        if live is not None:
            self._follow(live, stop_place)
        self._tools(shown, tools_place)
        if self.settings.follow_ups and shown and shown[-1].ended:
            with follow_ups.container(key="followups"):
                self._follow_ups()

    def _exchange(self, exchange: Exchange, last: bool) -> ExchangeView:
        return ExchangeView(
            exchange,
            self.settings,
            self.actions,
            last=last,
            after=self._after_answer,
            send_edited=self._send_edited,
        )

    def _after_answer(self, running: RunningTurn, answer: Answer, last: bool) -> None:
        """Below an ended answer; nothing here. A study draws its ratings in this place."""

    def _bottom(self) -> DeltaGenerator:
        """What stays at the foot of the page; gives the place of Stop."""
        self.box.notice()
        if self._must_agree():
            settings_panel.ask_to_agree(self.runtime)
        stop_place = st.empty()
        uploads.draw(self.visit.conversation)
        self.box.draw()
        if self.settings.footer:
            footer.draw(self.runtime, self.box.limit)
        return stop_place

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

    def _earlier(self, hidden: int) -> None:
        place = st.empty()  # there from the beginning, so that nothing moves when the button comes
        if hidden:
            words = f"Show earlier ({2 * hidden} messages)"
            place.button(words, key="earlier", on_click=self._show_more)

    def _show_more(self) -> None:
        self.visit.shown_turns += turn_places.MORE_TURNS

    def _follow(self, exchange: ExchangeView, stop_place: DeltaGenerator) -> None:
        view = exchange.live
        if view is None:
            return
        running, journal = view.running, self.runtime.journal
        with stop_place.container(key="under-way", horizontal=True, vertical_alignment="center"):
            turn_id = running.turn.turn_id
            st.button("Stop", key="stop", icon=":material/stop_circle:", on_click=self._stop, args=(turn_id,))
            writing_place = st.empty()
        answer = view.follow(
            lambda: journal.mark(running, "first_feedback", "first_feedback_ms"),
            self.runtime.usual_seconds,
            writing_place,
        )
        exchange.finish_live(view, answer)
        stop_place.empty()

    def _tools(self, shown: list[Exchange], place: DeltaGenerator) -> None:
        """What only the browser can do with the answers: passages at their marks, and copying."""
        ended = [running for exchange in shown for running in exchange.turns if running.ended]
        with place:
            answer_tools.mount(ended)

    def _open_source(self) -> None:
        """The document of a mark that was pressed, once."""
        wanted = answer_tools.opened()
        conversation = self.visit.conversation
        if wanted is not None and conversation is not None:
            running = conversation.find(wanted.turn_id)
            if running is not None:
                source_view.show(self.runtime, running, wanted.number, conversation.files.index)

    def _follow_ups(self) -> None:
        offered = self.product.follow_ups[:3]
        with st.container(horizontal=True, gap="small"):
            for number, suggestion in enumerate(offered):
                with st.container(key=f"{self.settings.suggestions}-followup-{number}", width="content"):
                    st.button(
                        plain(suggestion.label),
                        key=f"followup-{number}",
                        on_click=self.box.pick,
                        args=(suggestion, "follow_up"),
                    )

    def _probe(self, live: RunningTurn | None) -> None:
        offered = {f"send-suggestion-{item.id}": item.prompt for item in self.product.suggestions}
        offered |= {f"send-followup-{n}": item.prompt for n, item in enumerate(self.product.follow_ups[:3])}
        turn_id = live.turn.turn_id if live else None
        probe.mount(turn_id, prompts=offered, progress=self.settings.shows(progress.NAME))

    # What the person can do. Each is a callback: it runs before the page is drawn.

    def _must_agree(self) -> bool:
        """Whether the text would go elsewhere than this page knows; nothing is sent before it agreed."""
        return settings_panel.must_agree(self.runtime, self.visit.conversation)

    def _ask(
        self, text: str, origin: InputOrigin, suggestion_id: str | None, files: Sequence[uploads.File] = ()
    ) -> bool:
        """Send a message; whether it was sent. If not, the page says why above the box."""
        if self._must_agree():
            return False
        if self.visit.conversation is None:
            self.visit.begin(title=text)
        conversation = self.visit.conversation
        attachments = uploads.take(conversation, files) if conversation is not None and files else ()
        return self._start(text, origin, suggestion_id=suggestion_id, attachments=attachments) is not None

    def _attach(self, files: Sequence[uploads.File]) -> str:
        """Take files that came without a message; what to say about it."""
        conversation = self.visit.conversation or self.visit.begin(title=files[0].name)
        uploads.take(conversation, files)
        return uploads.taken(files)

    def _start(
        self,
        text: str,
        origin: InputOrigin,
        *,
        suggestion_id: str | None = None,
        replaces: str | None = None,
        beside: str | None = None,
        choice: str | None = None,
        attachments: tuple[str, ...] = (),
    ) -> RunningTurn | None:
        """Begin a turn of this conversation; None if the page may not send now."""
        conversation = self.visit.conversation
        if conversation is None or self._must_agree():
            return None
        stop_editing()
        started = conversation.ask(
            self.runtime.running,
            text,
            self.visit.session_id,
            origin=origin,
            suggestion_id=suggestion_id,
            replaces=replaces,
            beside=beside,
            choice=choice,
            attachments=attachments,
        )
        started.wait_until_asked(HEAD_START_S)
        return started

    def _send_edited(self, running: RunningTurn, text: str) -> None:
        refusal = self.box.refusal(text)
        if refusal is not None:
            st.session_state["notice"] = refusal
        else:
            self._start(text, "edit", replaces=running.turn.turn_id)

    def _stop(self, turn_id: str) -> None:
        self.runtime.running.stop(turn_id)
