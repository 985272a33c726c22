"""What of an event goes into which column of the log."""

from __future__ import annotations

import re
from itertools import pairwise

from data.events import (
    Doubted,
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
from data.records import Generation
from router.reasons import without_words

# A pause between two pieces of text that a reader notices as a standstill.
STALL_MS = 1000.0
# Readable: enough to start reading. The first sentence, or so many characters; the browser's probe
# (components/probe/probe.js) goes by the same rule.
READABLE_CHARACTERS = 120
SENTENCE_END = re.compile(r"[.!?…][\"')\]]*(?=\s|[A-ZÀ-Þ])|[。！？]")


def wholly_read_before(generation: Generation) -> bool:
    """Whether the model had read the whole prompt in advance; one token is always read again."""
    tokens, cached = generation.input_tokens, generation.cache_read_input_tokens
    return tokens is not None and cached is not None and tokens - cached <= 1


def status(event: Finished | Stopped | Failed) -> str:
    """How a turn ended, as `turns.status` names it."""
    if isinstance(event, Stopped):
        return "abandoned" if event.reason in ("abandoned", "shutdown") else "stopped"
    return "ok" if isinstance(event, Finished) else "error"


def columns(event: Event) -> dict[str, object]:
    """The columns of `turns` that one event fills."""
    if isinstance(event, Queued) and event.reason in ("download", "loading"):
        return {"cold": True}
    if isinstance(event, Routed):
        decision = event.decision
        return {
            "task": decision.task,
            "tier": decision.tier,
            "preset": event.preset,
            "route_reason": "; ".join(without_words(decision.reasons)),
            "route_score": decision.score,
            "route_ms": event.t_ms,
            "overridden": decision.overridden,
        }
    if isinstance(event, Doubted):
        return {"uncertainty": event.model_dump(include={"score", "shown", "cause"})}
    if isinstance(event, Requested):
        return {"request_sent_ms": event.t_ms}
    if isinstance(event, FirstChunk):
        return {"first_chunk_ms": event.t_ms}
    return {}


def attributes(event: Event) -> dict[str, object] | None:
    """What of an event goes with its mark: figures and names, never a person's or a model's text."""
    if isinstance(event, Queued):
        return event.model_dump(include={"reason", "tier", "done_bytes", "total_bytes"}, exclude_none=True)
    if isinstance(event, SourcesFound):
        found: dict[str, object] = {"passages": [passage.passage_id for passage in event.passages]}
        searched = {"searched_passages", "searched_documents", "search_ms", "relevance", "nothing_said"}
        return found | event.model_dump(include=searched)
    if isinstance(event, Requested):
        return event.model_dump(include={"tier", "request_model", "attempt", "left_out_turns"})
    if isinstance(event, Doubted):
        return event.model_dump(include={"score", "shown", "cause", "signals"})
    if isinstance(event, FellBack):
        return event.model_dump(include={"from_tier", "to_tier", "error_type"})
    if isinstance(event, Stopped):
        return {"reason": event.reason}
    if isinstance(event, Finished):
        return {
            "removed_citations": event.removed_citations,
            "matched": sum(mark.by == "upshift" for mark in event.marks),
            "unsupported": len(event.unsupported),
            "quotes_not_found": sum(not quote.found for quote in event.quotes),
            "withdrawn": bool(event.withdrawn),
        }
    return None


def text_times(events: list[Event]) -> dict[str, object]:
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
