"""Writes what happened to the log: the only place that knows both the events and the log's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from data.answers import fold
from data.events import Event, Failed, Finished, Queued, Stopped, TextDelta
from data.privacy import expires_at
from data.records import Purpose, TextMode, now_iso
from router.journal_rows import attributes, columns, status, text_times, wholly_read_before
from router.running import RunningTurn

# Feedback that compares an answer with another one.
OF_TWO_TURNS = ("vote", "override")


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
        row = columns(event)
        if row:
            self._log.put("turns", {"turn_id": event.turn_id, **row})
        self._log.put(
            "marks",
            {
                "turn_id": event.turn_id,
                "seq": event.seq,
                "t_ms": event.t_ms,
                "name": event.name,
                "attrs": attributes(event),
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
                **({"variant": turn.study.variant, "study_task": turn.study.task} if turn.study else {}),
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
            "status": status(event),
            "ended_ms": event.t_ms,
            "left_ms": running.left_ms,
            "output_chars": len(answer.text),
            "source_count": len(answer.passages),
            "cited_count": len(answer.cited),
            "tier": answer.tier,
            "warmed": any(wholly_read_before(generation) for generation in event.generations[:1]),
            **text_times(events),
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
        mode, days = self._text_mode, self._text_days
        if running.turn.study is not None:  # what the participant agreed to, whatever else runs here
            mode, days = running.turn.study.text_mode, running.turn.study.text_days
        if mode != "full":
            return
        expires = None
        if days is not None:
            expires = expires_at(days)
        self._log.put("turn_text", {"turn_id": running.turn.turn_id, "expires_at": expires, **text})
