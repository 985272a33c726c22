"""Brings a conversation back from the log, when the server was started again in between.

Only what the log may keep can come back: with text kept (purpose `dogfood`), the messages and
answers with their tier, sources and times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from data.events import Event, Failed, Finished, Queued, Routed, SourcesFound, Stopped, TextDelta
from data.presets import Preset
from data.records import Decision, Message, Turn
from data.store import LogMissing, Store
from router.cite import check
from router.conversations import Conversation, Conversations
from router.exchanges import Vote
from router.orders import marked
from router.retrieve import Retriever
from router.running import RunningTurn
from router.steering import split_command

_CONVERSATION_ID = re.compile(r"[0-9a-f]{32}")


def restore(
    conversation_id: str | None, conversations: Conversations, log: Path, retriever: Retriever, preset: Preset
) -> Conversation | None:
    """The conversation: from this process, else from the log, else None. Raises LogUnavailable."""
    known = conversations.get(conversation_id)
    if known is not None or not _CONVERSATION_ID.fullmatch(conversation_id or ""):
        return known
    try:
        rows = Store(log).conversation_turns(conversation_id or "")
    except LogMissing:
        return None
    kept = [row for row in rows if row.get("prompt")]
    if not kept:
        return None
    # Not among the others before it is whole: another tab would take the half of it for all.
    conversation = Conversation(conversation_id or "")
    for row in kept:
        command, question = split_command(str(row["prompt"]), preset.tier_names)
        history = conversation.history_before(row["turn_index"] or 0)
        message = Message(role="user", content=question)
        conversation.turns.append(_turn(row, (*history, message), command, retriever, preset))
        _restore_feedback(conversation, row)
    return conversations.add(conversation)


def _restore_feedback(conversation: Conversation, row: Mapping[str, Any]) -> None:
    """What the person had said of this turn: thumbs, and votes between answers side by side."""
    for said in row["feedback"]:
        if said["kind"] == "vote" and said["note"] and said["value"] in get_args(Vote):
            conversation.vote(row["turn_id"], said["note"], said["value"])
        elif said["kind"] in ("thumbs", "reason"):
            conversation.feedback[row["turn_id"], said["kind"]] = said["value"]


def _turn(
    row: Mapping[str, Any],
    messages: tuple[Message, ...],
    command: str | None,
    retriever: Retriever,
    preset: Preset,
) -> RunningTurn:
    turn = Turn(
        turn_id=row["turn_id"],
        trace_id=row["trace_id"] or row["turn_id"],
        session_id=row["session_id"],
        conversation_id=row["conversation_id"],
        messages=messages,
        turn_index=row["turn_index"] or 0,
        parent_turn_id=row["parent_turn_id"],
        replaces_turn_id=row["replaces_turn_id"],
        choice=row["tier"] if row["overridden"] else None,
        command=command,
        compares=any(generation["role"] == "compare" for generation in row["generations"]),
        input_origin=row["input_origin"] or "typed",
        submitted_at=row["submitted_at"],
    )
    return RunningTurn.ended_before(turn, _events(row, retriever, preset))


def _events(row: Mapping[str, Any], retriever: Retriever, preset: Preset) -> Sequence[Event]:
    events: list[Event] = [Queued(reason="received")]
    if row["tier"] and row["task"]:
        events.append(_routed(row, preset))
    passages = marked(retriever.passages_named(row["sources"]))
    if passages:
        found = SourcesFound(passages=passages, searched_passages=0, searched_documents=0, search_ms=0)
        events.append(found)
    text = str(row["answer"] or "")
    if text and row["first_content_ms"] is not None:
        events.append(TextDelta(text=text, t_ms=row["first_content_ms"]))
    cited = check(text, passages).cited
    t_ms = row["ended_ms"] or 0.0
    if row["status"] == "ok":
        events.append(Finished(text=text, cited=cited, t_ms=t_ms))
    elif row["status"] == "stopped":
        events.append(Stopped(reason="person", text=text, cited=cited, t_ms=t_ms))
    else:
        message = "The server was stopped before this answer was complete. Retry."
        events.append(
            Failed(error_type=row["error_type"] or "Interrupted", message=message, text=text, t_ms=t_ms)
        )
    return events


def _routed(row: Mapping[str, Any], preset: Preset) -> Routed:
    models = {generation["tier"]: generation["request_model"] for generation in row["generations"]}
    name = models.get(row["tier"]) or ""
    labels = {model.model_name: model.label for model in preset.tiers}
    decision = Decision(
        task=row["task"],
        tier=row["tier"],
        score=row["route_score"] or 0.0,
        reasons=tuple(filter(None, str(row["route_reason"] or "").split("; "))),
        overridden=bool(row["overridden"]),
    )
    return Routed(
        decision=decision, preset=row["preset"] or "", request_model=name, model_label=labels.get(name, name)
    )
