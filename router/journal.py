"""Writes what happened to the log: the only place that knows both the events and the log's columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Protocol

from data.answers import fold
from data.events import (
    Event,
    Failed,
    FellBack,
    Finished,
    FirstChunk,
    Queued,
    Requested,
    Routed,
    SourcesFound,
    Stopped,
    TextDelta,
)
from data.privacy import expires_at
from data.records import Generation, Purpose, TextMode, now_iso
from router.running import RunningTurn

# A pause between two pieces of text that a reader notices as a standstill.
STALL_MS = 1000.0
# Readable: enough to start reading. The first sentence, or so many characters; the browser's probe
# (components/probe/probe.js) goes by the same rule.
READABLE_CHARACTERS = 120
# Feedback that compares an answer with another one.
OF_TWO_TURNS = ("vote", "override")
SENTENCE_END = re.compile(r"[.!?…][\"')\]]*(?=\s|[A-ZÀ-Þ])|[。！？]")


class LogLike(Protocol):
    """The part of the log that the journal needs."""

    def put(self, table: str, row: Mapping[str, object], *, keep_first: bool = False) -> None:
        """Write a row; never blocks and never raises."""


class Journal:
    """Turns events into rows. One for the process; called in the turn's own worker thread."""

    def __init__(self, log: LogLike, preset: str, text_mode: TextMode, text_days: int | None) -> None:
        self._log = log
        self.preset = preset
        self._text_mode = text_mode
        self._text_days = text_days

    def session(self, session_id: str, purpose: Purpose, user_agent: str, app_version: str) -> None:
        """A person opened the page."""
        self._log.put(
            "sessions",
            {
                "session_id": session_id,
                "started_at": now_iso(),
                "purpose": purpose,
                "app_version": app_version,
                "text_mode": self._text_mode,
                "user_agent": user_agent[:300],
            },
        )

    def conversation(self, conversation_id: str, session_id: str, started_at: str, title: str) -> None:
        """A conversation has its first message. Its title is the person's text: kept only with consent."""
        row = {"conversation_id": conversation_id, "session_id": session_id, "started_at": started_at}
        kept_title = title if self._text_mode == "full" else None
        self._log.put("conversations", {**row, "title": kept_title, "preset": self.preset})

    def mark(self, running: RunningTurn, name: str, column: str | None = None) -> None:
        """Something happened on the page's side of the server, such as the first progress drawn."""
        t_ms = running.elapsed_ms()
        self._log.put(
            "marks",
            {"turn_id": running.turn.turn_id, "seq": -running.next_mark(), "t_ms": t_ms, "name": name},
        )
        if column:
            self._log.put("turns", {"turn_id": running.turn.turn_id, column: t_ms}, keep_first=True)

    def feedback(self, turn_id: str, kind: str, value: str | None, note: str | None = None) -> None:
        """What the person thought of an answer or did with it; said again, it takes the row's place.

        `vote` and `override` are about two turns: `note` is the other one's id, and each pair has a row.
        A `note` of any other kind is the person's own text, kept as such text is.
        """
        about = f"-{note}" if kind in OF_TWO_TURNS else ""
        kept = note if about or self._text_mode == "full" else None
        row = {"feedback_id": f"{turn_id}-{kind}{about}", "turn_id": turn_id, "at": now_iso(), "kind": kind}
        self._log.put("feedback", {**row, "value": value, "note": kept})

    def event(self, running: RunningTurn, event: Event) -> None:
        """One event of a turn, as it happens."""
        if isinstance(event, TextDelta):
            self._text(running, event)
            return
        if isinstance(event, Queued) and event.reason == "received":
            self._begin(running)
        row = _columns(event)
        if row:
            self._log.put("turns", {"turn_id": event.turn_id, **row})
        self._log.put(
            "marks",
            {
                "turn_id": event.turn_id,
                "seq": event.seq,
                "t_ms": event.t_ms,
                "name": event.name,
                "attrs": _attributes(event),
            },
        )
        if isinstance(event, Finished | Stopped | Failed):
            self._end(running, event)

    def _begin(self, running: RunningTurn) -> None:
        turn = running.turn
        self._log.put(
            "turns",
            {
                "turn_id": turn.turn_id,
                "trace_id": turn.trace_id,
                "session_id": turn.session_id,
                "conversation_id": turn.conversation_id,
                "parent_turn_id": turn.parent_turn_id,
                "replaces_turn_id": turn.replaces_turn_id,
                "turn_index": turn.turn_index,
                "submitted_at": turn.submitted_at,
                "input_origin": turn.input_origin,
                "suggestion_id": turn.suggestion_id,
                "preset": self.preset,
                "input_chars": len(turn.typed),
                "status": "open",
                "overridden": turn.choice is not None,
            },
        )
        # At once, so that what the person wrote is kept even if the server dies over the answer.
        self._keep_text(running, {"prompt": turn.typed})

    def _text(self, running: RunningTurn, event: TextDelta) -> None:
        """Only the first words are written while text arrives; the rest is known at the end."""
        if running.first_text():
            row = {"turn_id": event.turn_id, "first_content_ms": event.t_ms}
            self._log.put("turns", row, keep_first=True)

    def _end(self, running: RunningTurn, event: Finished | Stopped | Failed) -> None:
        events = running.events()
        turn_id = event.turn_id
        answer = fold(events)
        row: dict[str, object] = {
            "turn_id": turn_id,
            "status": _status(event),
            "ended_ms": event.t_ms,
            "output_chars": len(answer.text),
            "source_count": len(answer.passages),
            "cited_count": len(answer.cited),
            "tier": answer.tier,
            "warmed": any(_wholly_read_before(generation) for generation in event.generations[:1]),
            **_text_times(events),
        }
        if isinstance(event, Finished):
            row["done_ms"] = event.t_ms
        if isinstance(event, Failed):
            row["error_type"] = event.error_type
        self._log.put("turns", row)
        for generation in event.generations:
            self._log.put("generations", generation.model_dump())
        sources = [passage.passage_id for passage in answer.passages]
        self._keep_text(running, {"answer": answer.text, "sources": sources})

    def _keep_text(self, running: RunningTurn, text: dict[str, object]) -> None:
        if self._text_mode != "full":
            return
        expires = None
        if self._text_days is not None:
            expires = expires_at(self._text_days)
        self._log.put("turn_text", {"turn_id": running.turn.turn_id, "expires_at": expires, **text})


def _wholly_read_before(generation: Generation) -> bool:
    """Whether the model had read the whole prompt in advance; one token is always read again."""
    tokens, cached = generation.input_tokens, generation.cache_read_input_tokens
    return tokens is not None and cached is not None and tokens - cached <= 1


def _status(event: Finished | Stopped | Failed) -> str:
    if isinstance(event, Stopped):
        return "abandoned" if event.reason in ("abandoned", "shutdown") else "stopped"
    return "ok" if isinstance(event, Finished) else "error"


def _columns(event: Event) -> dict[str, object]:
    """The columns of `turns` that one event fills."""
    if isinstance(event, Queued) and event.reason in ("download", "loading"):
        return {"cold": True}
    if isinstance(event, Routed):
        decision = event.decision
        return {
            "task": decision.task,
            "tier": decision.tier,
            "preset": event.preset,
            "route_reason": "; ".join(decision.reasons),
            "route_score": decision.score,
            "route_ms": event.t_ms,
            "overridden": decision.overridden,
        }
    if isinstance(event, Requested):
        return {"request_sent_ms": event.t_ms}
    if isinstance(event, FirstChunk):
        return {"first_chunk_ms": event.t_ms}
    return {}


def _attributes(event: Event) -> dict[str, object] | None:
    """What of an event goes with its mark: figures and names, never a person's or a model's text."""
    if isinstance(event, Queued):
        return event.model_dump(include={"reason", "tier", "done_bytes", "total_bytes"}, exclude_none=True)
    if isinstance(event, SourcesFound):
        found: dict[str, object] = {"passages": [passage.passage_id for passage in event.passages]}
        searched = {"searched_passages", "searched_documents", "search_ms"}
        return found | event.model_dump(include=searched)
    if isinstance(event, Requested):
        return event.model_dump(include={"tier", "request_model", "attempt", "left_out_turns"})
    if isinstance(event, FellBack):
        return event.model_dump(include={"from_tier", "to_tier", "error_type"})
    if isinstance(event, Stopped):
        return {"reason": event.reason}
    if isinstance(event, Finished):
        return {"removed_citations": event.removed_citations}
    return None


def _text_times(events: list[Event]) -> dict[str, object]:
    """When the text became readable, when its last piece came, and where it stood still."""
    deltas = [event for event in events if isinstance(event, TextDelta)]
    if not deltas:
        return {}
    gaps_ms = [later.t_ms - earlier.t_ms for earlier, later in pairwise(deltas)]
    stalls_ms = [gap for gap in gaps_ms if gap > STALL_MS]
    return {
        "readable_ms": _readable_ms(deltas),
        "last_content_ms": deltas[-1].t_ms,
        "stall_count": len(stalls_ms),
        "stall_total_ms": sum(stalls_ms),
        "stall_max_ms": max(stalls_ms, default=0.0),
    }


def _readable_ms(deltas: list[TextDelta]) -> float:
    """When the first sentence or 120 characters were there; a shorter text is readable when whole."""
    text = ""
    for delta in deltas:
        text += delta.text
        if len(text) >= READABLE_CHARACTERS or SENTENCE_END.search(text):
            return delta.t_ms
    return deltas[-1].t_ms
