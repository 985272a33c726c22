"""Files in the message box: taking them along with a message, and showing which ones a conversation has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import streamlit as st

from components.safe_markdown import plain
from data.documents import KINDS, UPLOADED
from router.conversations import Conversation
from router.uploads import MOST_FILES, Upload

_MEGABYTES = UPLOADED.largest_bytes // 1_000_000
# What the message box needs to take files.
INPUT: dict[str, Any] = {
    "accept_file": "multiple",
    "file_type": [ending.removeprefix(".") for ending in KINDS],
    "max_upload_size": _MEGABYTES,
}
LIMITS = (
    f"Files: PDF, Word (.docx), HTML, Markdown or text; at most {MOST_FILES}, {_MEGABYTES} MB and "
    f"{UPLOADED.most_pages} pages each. They are kept in memory for this conversation only."
)


class File(Protocol):
    """What the message box gives for a file."""

    name: str
    size: int

    def getvalue(self) -> bytes:
        """Its content."""


def submitted(value: Any) -> tuple[str, Sequence[File]]:
    """Text and files of what the message box holds; it is text alone where the page filled it in."""
    return (value.text, value.files) if hasattr(value, "files") else (value or "", ())


def taken(files: Sequence[File]) -> str:
    """What to say when files came without a message."""
    names = ", ".join(file.name for file in files)
    return f"{names} {'is' if len(files) == 1 else 'are'} attached. Now ask something about it."


def refusal(conversation: Conversation | None, files: Sequence[File]) -> str | None:
    """Why files cannot be taken along, and what to do; None if they can."""
    given = [(file.name, file.size) for file in files]
    there = conversation if conversation is not None else Conversation("")
    problem = there.files.refusal(given) if given else None
    return f"{problem} Your message is still in the box." if problem else None


def take(conversation: Conversation, files: Sequence[File]) -> tuple[str, ...]:
    """Give files to the conversation, which reads them in the background; gives their ids."""
    return conversation.files.add([(file.name, file.getvalue()) for file in files])


def draw(conversation: Conversation | None) -> None:
    """The files of the conversation, each with a button that takes it away."""
    listed = conversation.files.listed() if conversation is not None else []
    if conversation is None or listed:
        st.caption(LIMITS)
    if conversation is None or not listed:
        return
    with st.container(key="files", horizontal=True, gap="small", vertical_alignment="center"):
        for upload in listed:
            st.button(
                plain(upload.name),
                key=f"remove-{upload.upload_id}",
                icon=":material/close:",
                type="tertiary",
                help=plain(f"{state(upload)}. Press to take the file out of this conversation."),
                on_click=conversation.files.remove,
                args=(upload.upload_id,),
            )


def state(upload: Upload) -> str:
    """How far a file is, in words."""
    if upload.state == "reading":
        return f"{upload.name} is being read"
    pages = f"{upload.pages} pages, " if upload.pages else ""
    note = f"; {upload.note}" if upload.note else ""
    return f"{upload.name}: {pages}{upload.passages} passages to search{note}"
