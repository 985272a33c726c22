"""What a person can do with an answer: rate it, copy it, try again, ask another tier, change the question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeVar

import streamlit as st

from components.page_settings import PageSettings
from components.safe_markdown import plain
from data.answers import Answer
from data.records import InputOrigin
from router.exchanges import Exchange
from router.running import RunningTurn
from router.runtime import Runtime

REASONS = {
    "too_slow": "Too slow",
    "too_shallow": "Too shallow",
    "wrong": "Wrong",
    "unsupported": "Sources don't support it",
    "other": "Something else",
}
LONGEST_NOTE = 500
# More than two tiers to choose from would crowd the row; the others can be typed: /tier.
OFFERED_TIERS = 2
EDITING = "editing"

_Value = TypeVar("_Value")
Kind = Literal["secondary", "tertiary"]


class Start(Protocol):
    """Begins a turn of the conversation that the page shows; nothing happens if it may not send."""

    def __call__(
        self,
        text: str,
        origin: InputOrigin,
        *,
        replaces: str | None = None,
        beside: str | None = None,
        choice: str | None = None,
    ) -> RunningTurn | None:
        """The turn that has begun; `text` takes the place of, or stands beside, another turn's."""


class AnswerActions:
    """The buttons below an answer, and what each does."""

    def __init__(self, runtime: Runtime, settings: PageSettings, start: Start) -> None:
        self._runtime = runtime
        self._settings = settings
        self._start = start

    def for_answer(self, running: RunningTurn, answer: Answer, last: bool) -> None:
        """What belongs to one answer: thumbs, copy, and another try where it is the last and not whole."""
        turn_id = running.turn.turn_id
        if answer.text and self._settings.ratings:
            key = f"thumbs-{turn_id}"
            known = {"up": 1, "down": 0}.get(self._said(running, "thumbs") or "")
            st.feedback("thumbs", key=key, default=_first(key, known), on_change=self._rate, args=(running,))
        if answer.text:
            _quiet("Copy", f"copy-{turn_id}", "content_copy", self._copied, (turn_id,))
        if last and answer.status != "ok":
            with st.container(key=f"send-retry-{turn_id}", width="content"):
                _quiet("Retry", f"retry-{turn_id}", "refresh", self._retry, (running,))

    def for_message(self, exchange: Exchange, *, doubted: bool = False) -> None:
        """What belongs to the message: ask another tier (in sight where the answer is in doubt), and edit."""
        latest = exchange.turns[-1].turn
        if self._settings.overruling:
            for tier, label in self.other_tiers(exchange):
                # The key tells the probe that the answer will stand beside another one.
                key = f"send-beside-{tier}-{latest.turn_id}"
                kind: Kind = "secondary" if doubted else "tertiary"
                _quiet(label, key, "alt_route", self._ask_other, (exchange, tier), kind)
        if self._settings.editing:
            _quiet("Edit", f"edit-{latest.turn_id}", "edit", _edit, (latest.turn_id,))

    def other_tiers(self, exchange: Exchange) -> list[tuple[str, str]]:
        """The tiers that have not answered yet, the next heavier first, with the words on their buttons."""
        tiers = self._runtime.preset.tiers
        names = [model.tier for model in tiers]
        tried = {tier for running in exchange.turns if (tier := running.tier) is not None}
        at = max((names.index(tier) for tier in tried if tier in names), default=-1)
        order = [*tiers[at + 1 :], *reversed(tiers[: max(at, 0)])]
        many = len(tiers) > 2
        return [
            (model.tier, plain(f"Ask the {model.tier} model" + (f" ({model.label})" if many else "")))
            for model in order
            if model.tier not in tried
        ][:OFFERED_TIERS]

    def reason(self, running: RunningTurn) -> None:
        """Below a thumb that points down: why, if the person likes to say so."""
        turn_id = running.turn.turn_id
        if not self._settings.ratings or self._said(running, "thumbs") != "down":
            return
        with st.container(key=f"reason-of-{turn_id}", gap="small"):
            chosen = st.pills(
                "What was not good about it? (optional)",
                list(REASONS),
                key=f"reason-{turn_id}",
                default=_first(f"reason-{turn_id}", self._said(running, "reason")),
                format_func=lambda name: REASONS[name],
                on_change=self._explain,
                args=(running,),
            )
            if chosen == "other":
                st.text_input(
                    "In your own words",
                    key=f"note-{turn_id}",
                    max_chars=LONGEST_NOTE,
                    on_change=self._explain,
                    args=(running,),
                )

    def vote(self, exchange: Exchange, tiers: tuple[str, str]) -> None:
        """Which of the last two answers was better; the conversation goes on from that one."""
        conversation = self._runtime.conversations.get(exchange.turns[-1].turn.conversation_id)
        pair = exchange.pair(conversation.votes if conversation else {})
        if conversation is None or pair is None or not self._settings.overruling:
            return
        first, other = (running.turn.turn_id for running in pair)
        words = {"this": f"The {tiers[0]} one", "other": f"The {tiers[1]} one", "same": "No difference"}
        key = f"vote-{other}"
        st.pills(
            "Which was better?",
            list(words),
            key=key,
            default=_first(key, conversation.votes.get((first, other))),
            format_func=lambda vote: words[vote],
            on_change=self._vote,
            args=(pair,),
        )

    # What the presses do: callbacks, which run before the page is drawn.

    def _said(self, running: RunningTurn, kind: str) -> str | None:
        conversation = self._runtime.conversations.get(running.turn.conversation_id)
        return conversation.feedback.get((running.turn.turn_id, kind)) if conversation else None

    def _keep(self, running: RunningTurn, kind: str, value: str | None, note: str | None = None) -> None:
        turn = running.turn
        conversation = self._runtime.conversations.get(turn.conversation_id)
        if conversation is not None:
            conversation.feedback[turn.turn_id, kind] = value
        self._runtime.journal.feedback(turn.turn_id, kind, value, note)

    def _rate(self, running: RunningTurn) -> None:
        value = st.session_state.get(f"thumbs-{running.turn.turn_id}")
        self._keep(running, "thumbs", None if value is None else "up" if value else "down")

    def _explain(self, running: RunningTurn) -> None:
        turn_id = running.turn.turn_id
        chosen = st.session_state.get(f"reason-{turn_id}")
        note = st.session_state.get(f"note-{turn_id}") if chosen == "other" else None
        self._keep(running, "reason", chosen, note or None)

    def _copied(self, turn_id: str) -> None:
        """The browser has copied the text by itself (components/answer_tools); here it is noted."""
        self._runtime.journal.feedback(turn_id, "copy", "markdown")

    def _retry(self, running: RunningTurn) -> None:
        turn = running.turn
        self._runtime.services.try_models_again()
        choice = turn.choice if turn.compares else None
        self._start(turn.typed, "retry", replaces=turn.turn_id, choice=choice)

    def _ask_other(self, exchange: Exchange, tier: str) -> None:
        first = exchange.turns[-1]
        conversation = self._runtime.conversations.get(first.turn.conversation_id)
        if conversation is None:
            return
        first = exchange.preferred(conversation.votes) or first
        turn = first.turn
        started = self._start(turn.text, "retry", beside=turn.turn_id, choice=tier)
        if started is not None:
            self._runtime.journal.feedback(turn.turn_id, "override", tier, started.turn.turn_id)

    def _vote(self, pair: tuple[RunningTurn, RunningTurn]) -> None:
        first, other = (running.turn.turn_id for running in pair)
        conversation = self._runtime.conversations.get(pair[0].turn.conversation_id)
        vote = st.session_state.get(f"vote-{other}")
        if conversation is not None:
            conversation.vote(first, other, vote)
            self._runtime.journal.feedback(first, "vote", vote, other)


def _first(key: str, value: _Value | None) -> _Value | None:
    """What a widget begins with; once it is on the page, the person's own doing counts."""
    return None if key in st.session_state else value


def _edit(turn_id: str) -> None:
    st.session_state[EDITING] = turn_id


def _quiet(
    label: str,
    key: str,
    icon: str,
    on_click: Callable[..., None],
    args: tuple[object, ...],
    kind: Kind = "tertiary",
) -> None:
    st.button(label, key=key, type=kind, icon=f":material/{icon}:", on_click=on_click, args=args)
