"""Waiting for the files that came with a message, and saying which of them cannot be read."""

from __future__ import annotations

from collections.abc import Generator

from data.events import Event, FileRefused, Queued
from data.records import Turn
from router.cancel import Cancel
from router.errors import ModelError
from router.uploads import ConversationFiles, Upload

# How often it looks whether somebody asked to stop.
WAIT_STEP_S = 0.25


def wait_for_files(
    turn: Turn, files: ConversationFiles | None, cancel: Cancel, tier: str
) -> Generator[Event, None, bool]:
    """Wait until the turn's files are read; gives whether there is at least one to search.

    Raises ModelError when files came with the message and none of them can be read: an answer without
    them is not what was asked for.
    """
    if files is None or not turn.attachments:
        return False
    waiting = files.wait(turn.attachments, 0)
    if waiting:
        yield Queued(reason="files", tier=tier, files=tuple(upload.name for upload in waiting))
    while waiting and not cancel.asked:
        waiting = files.wait(turn.attachments, WAIT_STEP_S)
    if cancel.asked:
        return False
    refused = files.refused(turn.attachments)
    ready = [upload for upload in files.get(turn.attachments) if upload.state == "ready"]
    if refused and not ready:
        said = " ".join(map(_said, refused))
        raise ModelError("Unreadable", f"{said} Your message is kept: Retry answers it without the file.")
    for upload in refused:
        yield FileRefused(reason="unreadable", message=_said(upload))
    return bool(ready)


def _said(upload: Upload) -> str:
    return f"{upload.name} {upload.message}"
