"""A person adds files to a conversation: taken along, listed, taken away, refused before they are sent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from components import uploads
from components.cues import progress
from data.answers import fold
from data.documents import KINDS, UPLOADED
from data.events import Queued, SourcesFound
from router.conversations import Conversation
from router.uploads import MOST_FILES, Upload


@dataclass
class GivenFile:
    """A file as the message box gives it."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def getvalue(self) -> bytes:
        return self.content


def test_the_limits_are_told_before_anything_is_added() -> None:
    assert f"at most {MOST_FILES}" in uploads.LIMITS
    assert f"{UPLOADED.largest_bytes // 1_000_000} MB" in uploads.LIMITS
    assert f"{UPLOADED.most_pages} pages" in uploads.LIMITS
    assert {f".{ending}" for ending in uploads.INPUT["file_type"]} == set(KINDS)


def test_what_cannot_be_taken_along_says_why_and_that_nothing_is_lost() -> None:
    assert uploads.refusal(None, []) is None
    assert uploads.refusal(None, [GivenFile("a.md", b"# Tea")]) is None
    refused = uploads.refusal(None, [GivenFile("a.pdf", b"")])
    assert refused == "a.pdf is empty: it has 0 bytes. Choose another file. Your message is still in the box."
    conversation = Conversation("c")
    uploads.take(conversation, [GivenFile(f"{n}.md", b"# Tea\n\nGreen.") for n in range(MOST_FILES)])
    assert "are there already" in str(uploads.refusal(conversation, [GivenFile("a.md", b"x")]))


def test_the_state_of_a_file_in_words() -> None:
    reading = Upload("upload-1", "manual.pdf", 10)
    assert uploads.state(reading) == "manual.pdf is being read"
    ready = Upload("upload-1", "manual.pdf", 10, state="ready", pages=3, passages=7, note="read as a PDF")
    assert uploads.state(ready) == "manual.pdf: 3 pages, 7 passages to search; read as a PDF"


@pytest.mark.parametrize("value", ["hello", None])
def test_a_box_that_the_page_filled_holds_text_only(value: str | None) -> None:
    assert uploads.submitted(value) == (value or "", ())


def test_the_wait_for_a_file_is_among_the_steps_of_its_answer() -> None:
    waiting = Queued(reason="files", tier="fast", files=("tea_*1*.pdf", "b.md"), t_ms=20)
    found = SourcesFound(
        passages=(), searched_passages=9, searched_documents=2, search_ms=15, t_ms=1635, relevance=0.0
    )
    first, searched = progress.steps(fold([waiting, found]))
    assert first.replace("\\", "") == "Waited 1.6 s for tea_*1*.pdf, b.md to be read"
    assert r"\*1\*" in first, "a file name cannot set type"
    assert searched.startswith("Searched 9 passages of 2 documents in 15 ms")
    [only] = progress.steps(fold([Queued(reason="received"), found]))
    assert only == searched
