"""What an answer looks like at a moment: its events folded into one value that a page can draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from data.citations import Mark, Quote, Span
from data.events import (
    Doubted,
    Event,
    Failed,
    FellBack,
    FileRefused,
    Finished,
    FirstChunk,
    Queued,
    Requested,
    Retrying,
    Routed,
    SourcesFound,
    Stopped,
    TextDelta,
)
from data.records import Decision, Generation, Passage, Record

Status = Literal["open", "ok", "stopped", "error"]


class Answer(Record):
    """An answer so far. Times are milliseconds since the server received the turn.

    `files` is the wait for files that came with the message, if there was one.
    """

    turn_id: str = ""
    status: Status = "open"
    text: str = ""
    decision: Decision | None = None
    tier: str | None = None
    model_label: str = ""
    waiting: Queued | None = None
    files: Queued | None = None
    sources: SourcesFound | None = None
    asked: Requested | None = None
    notes: tuple[str, ...] = ()
    first_chunk_ms: float | None = None
    first_content_ms: float | None = None
    ended_ms: float | None = None
    cited: tuple[int, ...] = ()
    removed_citations: int = 0
    marks: tuple[Mark, ...] = ()
    quotes: tuple[Quote, ...] = ()
    unsupported: tuple[Span, ...] = ()
    withdrawn: str = ""
    doubt: Doubted | None = None
    message: str = ""
    stop_reason: str | None = None
    generations: tuple[Generation, ...] = ()
    seq: int = -1

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The passages that the model was given, numbered from 1 in this order."""
        return self.sources.passages if self.sources else ()

    @property
    def matched(self) -> tuple[int, ...]:
        """Numbers of the passages that only Upshift matched to a sentence, in order of first mention."""
        numbers = dict.fromkeys(mark.number for mark in self.marks if mark.by == "upshift")
        return tuple(number for number in numbers if number not in self.cited)

    @property
    def nothing_said(self) -> bool:
        """The message asks about what the documents are about, and no passage tells it."""
        return self.sources is not None and self.sources.nothing_said

    def after(self, events: Iterable[Event]) -> Answer:
        """This answer with more events folded in."""
        changes: dict[str, object] = {}
        text: list[str] = []
        notes = list(self.notes)
        for event in events:
            changes["seq"] = event.seq
            changes["turn_id"] = event.turn_id
            if isinstance(event, TextDelta):
                text.append(event.text)
                if self.first_content_ms is None and "first_content_ms" not in changes:
                    changes["first_content_ms"] = event.t_ms
            elif isinstance(event, Retrying | FellBack | FileRefused):
                notes.append(event.message)
            changes |= _changes(event)
        if "text" not in changes and text:
            changes["text"] = self.text + "".join(text)
        return self.model_copy(update=changes | {"notes": tuple(notes)}) if changes else self


def _changes(event: Event) -> dict[str, object]:
    """What one event changes, apart from the text that it adds."""
    if isinstance(event, Queued):
        return {"waiting": event, "files": event} if event.reason == "files" else {"waiting": event}
    if isinstance(event, Routed):
        return {"decision": event.decision, "tier": event.decision.tier, "model_label": event.model_label}
    if isinstance(event, FellBack):
        return {"tier": event.to_tier, "model_label": event.model_label}
    if isinstance(event, SourcesFound):
        return {"sources": event}
    if isinstance(event, FirstChunk):
        return {"first_chunk_ms": event.t_ms}
    if isinstance(event, Requested):
        return {"asked": event, "waiting": None}
    if isinstance(event, Doubted):
        return {"doubt": event}
    if isinstance(event, Finished | Stopped | Failed):
        return _ending(event)
    return {}


def _ending(event: Finished | Stopped | Failed) -> dict[str, object]:
    common: dict[str, object] = {
        "text": event.text,
        "ended_ms": event.t_ms,
        "generations": event.generations,
        "waiting": None,
    }
    if isinstance(event, Finished | Stopped):
        common |= {
            "cited": event.cited,
            "marks": event.marks,
            "quotes": event.quotes,
            "unsupported": event.unsupported,
        }
    if isinstance(event, Finished):
        common |= {"removed_citations": event.removed_citations, "withdrawn": event.withdrawn}
        return common | {"status": "ok"}
    if isinstance(event, Stopped):
        return common | {"status": "stopped", "stop_reason": event.reason}
    return common | {"status": "error", "message": event.message}


def fold(events: Iterable[Event]) -> Answer:
    """The answer that these events, from the first on, amount to."""
    return Answer().after(events)
