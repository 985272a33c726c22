"""From the bytes of a file to its text: what kind it really is, within which limits it is read.

Whatever the kind, the result is one form: text in which headings are Markdown's, so that a passage
is a range of its characters under a path of headings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from data.passages import title_of
from data.records import Record

Kind = Literal["markdown", "text", "html", "pdf", "word"]
Reason = Literal[
    "password", "damaged", "empty", "no_text", "kind", "encoding", "too_large", "too_many_pages",
    "too_long", "too_slow",
]  # fmt: skip

# The file endings that are read, and what each promises to be.
KINDS: dict[str, Kind] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "word",
}


@dataclass(frozen=True)
class Limits:
    """How much of a file is read. `largest_bytes` is its size on the disk, `most_characters` that of
    its text; a container such as DOCX may unpack to `most_unpacked_bytes`."""

    largest_bytes: int
    most_pages: int
    most_characters: int
    longest_s: float
    most_unpacked_bytes: int = 100_000_000


IN_A_FOLDER = Limits(largest_bytes=20_000_000, most_pages=2_000, most_characters=5_000_000, longest_s=60)
UPLOADED = Limits(largest_bytes=10_000_000, most_pages=200, most_characters=1_000_000, longest_s=20)


class Reading(Record):
    """A file as it was read.

    `markdown`: whether `#` begins a heading in `text`. `pages` is None where a file has no pages.
    `note` says what a person may want to know about how it was read.
    """

    title: str
    text: str
    kind: Kind
    markdown: bool = True
    pages: int | None = None
    note: str = ""


class Document(Record):
    """A document as the index has it: passages are ranges of characters of `text`."""

    source_id: str
    title: str
    text: str
    markdown: bool = True


class Unreadable(Exception):
    """A file cannot be used. `message` goes on after its name: says why, and what to do about it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message


def read_document(name: str, content: bytes, limits: Limits) -> Reading:
    """The text of a file, by what it really holds rather than by its ending.

    Raises Unreadable. A hostile file can take long and much memory here: for files that strangers
    bring use `data.documents.process`.
    """
    # Imported here: the libraries for one kind are not needed to read another.
    from data.documents.sniff import kind_of

    check_size(len(content), limits)
    kind = kind_of(name, content)
    reading = _read(kind, name, content, limits)
    promised = KINDS.get(PurePath(name).suffix.lower())
    if promised is not None and SAID[kind] != SAID[promised]:
        note = f"its ending says otherwise, but it holds {SAID[kind]}, so it was read as that"
        reading = reading.model_copy(update={"note": note})
    if not reading.text.strip():
        raise Unreadable("empty", "is empty: there is no text in it. Choose another file.")
    if len(reading.text) > limits.most_characters:
        raise Unreadable(
            "too_long",
            f"has {len(reading.text):,} characters of text; at most {limits.most_characters:,} are read. "
            "Split it into smaller documents.",
        )
    return reading


SAID: dict[Kind, str] = {
    "markdown": "plain text",
    "text": "plain text",
    "html": "HTML",
    "pdf": "a PDF",
    "word": "a Word document",
}


def check_size(size_bytes: int, limits: Limits) -> None:
    """Raises Unreadable when a file is empty or larger than the limit."""
    if size_bytes == 0:
        raise Unreadable("empty", "is empty: it has 0 bytes. Choose another file.")
    if size_bytes > limits.largest_bytes:
        raise Unreadable(
            "too_large",
            f"has {size_bytes / 1e6:.1f} MB; at most {limits.largest_bytes / 1e6:.0f} MB are read. "
            "Split it into smaller documents.",
        )


def _read(kind: Kind, name: str, content: bytes, limits: Limits) -> Reading:
    if kind == "pdf":
        from data.documents.pdf_text import read_pdf

        return read_pdf(content, limits, fallback_title(name))
    if kind == "word":
        from data.documents.word_text import read_word

        return read_word(content, limits, fallback_title(name))
    if kind == "html":
        from data.documents.html_text import read_html

        return read_html(content, fallback_title(name))
    return _plain(name, content, kind)


def _plain(name: str, content: bytes, kind: Kind) -> Reading:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            "encoding", f"is not UTF-8 text (byte {error.start}). Save it as UTF-8 and use that."
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    markdown = kind == "markdown"
    title = title_of(text, fallback_title(name)) if markdown else fallback_title(name)
    return Reading(title=title, text=text, kind=kind, markdown=markdown)


def fallback_title(name: str) -> str:
    """A title for a document without one: its file name, without ending."""
    stem = PurePath(name.replace("\\", "/")).stem
    return stem.replace("_", " ").replace("-", " ").strip() or name
