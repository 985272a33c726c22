"""The progress cue: the stage that the answer is really in, with the time; afterwards, its steps.

Drawn while the answer is under way, so that it has a place of its own above the text. From Queued,
Routed, SourcesFound, Requested, Retrying, FellBack and TextDelta.
"""

from __future__ import annotations

from collections.abc import Callable

from components.safe_markdown import plain
from data.answers import Answer
from data.events import Queued

# Its switch; it has a place of its own on the page and is not in the list of cues under an answer.
NAME = "progress"
# From here on the page says how long this tier usually takes: ten seconds hold the attention.
LONG_WAIT_S = 10
# A wait for the model that is worth a line among the steps: loading, or a free place.
WAITED_MS = 200


def stage(answer: Answer) -> str:
    """The stage in a few words."""
    if answer.first_content_ms is not None:
        return f"{_tier(answer)}: writing"
    if answer.first_chunk_ms is not None and answer.passages:
        return f"{_tier(answer)}: checking its first words against the sources"
    if answer.asked is not None:
        return f"{_tier(answer)}: {_reading(answer)}"
    if answer.waiting is not None and answer.decision is not None and answer.waiting.reason != "received":
        return f"{_tier(answer)}: {_waiting(answer.waiting)}"
    if answer.passages:
        return f"{_tier(answer)}: found {_found(answer)}"
    if answer.decision is not None:
        return f"{_tier(answer)}: {_because(answer)}"
    return "Choosing a model"


def line(answer: Answer, elapsed_s: float, usual_s: Callable[[str], float | None]) -> str:
    """The stage with the elapsed time; after ten seconds also what is usual for the tier."""
    text = f":shimmer[{stage(answer)}]"
    if elapsed_s >= 1:
        text += f" :gray[· {elapsed_s:.0f} s]"
    if elapsed_s >= LONG_WAIT_S and answer.tier is not None:
        usual = usual_s(answer.tier)
        text += f" :gray[· usually done in about {usual:.0f} s]" if usual is not None else ""
    for note in answer.notes:
        text += f"  \n:gray[{plain(note)}]"
    return text


def steps(answer: Answer) -> list[str]:
    """What happened, in order, for the details of an ended answer."""
    lines: list[str] = []
    if answer.decision is not None:
        lines.append(f"Chose the {answer.decision.tier} model in {answer.decision.decide_ms:.0f} ms")
    if answer.files is not None and answer.sources is not None:
        waited = _seconds(answer.files.t_ms, answer.sources.t_ms - answer.sources.search_ms)
        lines.append(f"Waited {waited} for {plain(', '.join(answer.files.files))} to be read")
    if answer.sources is not None and answer.sources.searched_passages:
        found = len(answer.passages)
        documents = len({passage.source_id for passage in answer.passages})
        lines.append(
            f"Searched {answer.sources.searched_passages} passages of "
            f"{answer.sources.searched_documents} documents in {answer.sources.search_ms:.0f} ms: "
            + (
                f"{_count(found, 'passage')} fit, from {_count(documents, 'document')}"
                if found
                else "none fits"
            )
        )
    if answer.asked is not None and answer.asked.left_out_turns:
        lines.append(f"Left out the {answer.asked.left_out_turns} oldest turns: no room for them")
    return lines + _times(answer)


def _times(answer: Answer) -> list[str]:
    """When the model was asked, first spoke and ended, and how long it took for each."""
    lines: list[str] = []
    asked_ms = answer.asked.t_ms if answer.asked else None
    if asked_ms is not None and asked_ms >= WAITED_MS:
        lines.append(f"Asked the model after {asked_ms / 1000:.1f} s")
    if answer.first_content_ms is not None:
        read = f": it read for {_seconds(asked_ms, answer.first_content_ms)}" if asked_ms is not None else ""
        lines.append(f"First words after {answer.first_content_ms / 1000:.1f} s{read}")
    if answer.ended_ms is not None:
        first_ms = answer.first_content_ms
        wrote = f": it wrote for {_seconds(first_ms, answer.ended_ms)}" if first_ms is not None else ""
        lines.append(f"{ended(answer)} after {answer.ended_ms / 1000:.1f} s{wrote}")
    return lines


def _seconds(from_ms: float, to_ms: float) -> str:
    return f"{max(0.0, to_ms - from_ms) / 1000:.1f} s"


def ended(answer: Answer) -> str:
    """How the answer ended, in one word."""
    return {"ok": "Complete", "stopped": "Stopped", "error": "Failed"}.get(answer.status, "Ended")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")


def _tier(answer: Answer) -> str:
    return f"{(answer.tier or '').capitalize()} model"


def _because(answer: Answer) -> str:
    reasons = answer.decision.reasons if answer.decision else ()
    return plain(reasons[0]) if reasons else "chosen"


def _reading(answer: Answer) -> str:
    searched = answer.sources.searched_passages if answer.sources else 0
    if answer.passages:
        return f"reading {_found(answer)}"
    return f"none of {searched} passages fits; reading your message" if searched else "reading your message"


def _found(answer: Answer) -> str:
    searched = answer.sources.searched_passages if answer.sources else 0
    documents = len({passage.source_id for passage in answer.passages})
    return f"{len(answer.passages)} of {searched} passages, from {_count(documents, 'document')}"


def _waiting(waiting: Queued) -> str:
    if waiting.reason == "busy":
        return "waiting for a free place; others are being answered"
    if waiting.reason == "download" and waiting.total_bytes:
        return f"still arriving, {amount(waiting)}; your message is kept and sent as soon as it is there"
    if waiting.reason == "download":
        return "still arriving; your message is kept and sent as soon as it is there"
    return "loading; your message is kept"


def amount(waiting: Queued) -> str:
    """How much of a download is there: `120 of 491 MB, about 40 s left`."""
    done, total = (waiting.done_bytes or 0) / 1e6, (waiting.total_bytes or 0) / 1e6
    text = f"{done:.0f} of {total:.0f} MB"
    if waiting.remaining_s is not None:
        text += f", about {waiting.remaining_s:.0f} s left"
    return text
