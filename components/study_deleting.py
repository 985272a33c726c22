"""Deleting a participant from within the running app: also what is under way, and what is in memory."""

from __future__ import annotations

from data import study_belongings, study_deletion
from router.runtime import Runtime


def delete_here(runtime: Runtime, study: str, participant: str) -> int:
    """Stop what is being answered for them, then delete them everywhere; returns how many rows went.

    Raises LogUnavailable.
    """
    runtime.log.flush()
    doomed = study_belongings.of_participant(runtime.log.path, study, participant)
    for conversation_id in doomed.conversations:
        forget_conversation(runtime, conversation_id)
    runtime.log.flush()
    doomed = study_belongings.of_participant(runtime.log.path, study, participant)
    return study_deletion.delete(runtime.log.path, doomed)


def forget_conversation(runtime: Runtime, conversation_id: str) -> None:
    """Let go of a conversation that this process holds."""
    conversation = runtime.conversations.get(conversation_id)
    if conversation is None:
        return
    for running in conversation.turns:
        runtime.running.stop(running.turn.turn_id, "shutdown")
        running.events(after=10**9, timeout_s=2.0)  # until it has ended
    runtime.conversations.forget(conversation_id)
