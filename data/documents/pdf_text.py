"""PDF files as text: page by page under the headings of their outline, lines joined to paragraphs."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable
from typing import Any

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError

from data.documents.html_text import escape_marks
from data.documents.reading import Limits, Reading, Unreadable

# A page with fewer characters than this holds a picture of text rather than text.
FEWEST_CHARACTERS = 15
# Headings of the outline go so deep; the page itself is the innermost heading.
_DEEPEST = 5
_HYPHEN = re.compile(r"(?<=[a-zß-öø-ÿ])[-\u00ad\u2010]\n(?=[a-zß-öø-ÿ])")
_NEW_LINE_STAYS = re.compile(r"[\s•▪◦–*-]|\d{1,3}[.)]\s|#")
_SENTENCE_ENDS = (".", "!", "?", ":", "。", "！", "？")
_WRAPPED = 45  # characters: a line of at least this many was probably broken for want of room

logging.getLogger("pypdf").setLevel(logging.CRITICAL)

# What pypdf raises at files that break the format's rules, besides its own errors.
_BROKEN = (
    PyPdfError, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, RecursionError,
    AssertionError, NotImplementedError, ZeroDivisionError, OverflowError,
)  # fmt: skip
_LOCKED = Unreadable("password", "is protected by a password. Save it without one and use that.")
_DAMAGED = Unreadable("damaged", "is damaged: its pages cannot be read. Save or download it again.")


def read_pdf(content: bytes, limits: Limits, fallback: str) -> Reading:
    """The text of a PDF file. Raises Unreadable."""
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not _opens_without_password(reader):
            raise _LOCKED
        count = len(reader.pages)
        _check_pages(count, limits)
        pages = [page.extract_text() or "" for page in reader.pages]
        outline = _outline(reader)
        title = _title(reader)
    except (DependencyError, FileNotDecryptedError):
        raise Unreadable(
            "password", "is protected by a password. Save it without one and use that."
        ) from None
    except (LimitReachedError, MemoryError):
        raise Unreadable("too_large", "unpacks to more than can be read. Choose another file.") from None
    except _BROKEN:
        raise _DAMAGED from None
    if sum(len(page.strip()) for page in pages) < FEWEST_CHARACTERS * len(pages):
        raise Unreadable(
            "no_text",
            "has next to no text: it is probably scanned. Have a text recognition (OCR) tool make a "
            "searchable PDF of it, and use that.",
        )
    text = "\n\n".join(_sections(pages, outline))
    return Reading(title=title or fallback, text=text, kind="pdf", pages=count)


def _opens_without_password(reader: pypdf.PdfReader) -> bool:
    """Many files only restrict printing: these open with an empty password."""
    return bool(reader.decrypt(""))


def _check_pages(count: int, limits: Limits) -> None:
    if count == 0:
        raise Unreadable("empty", "is empty: it has no pages. Choose another file.")
    if count > limits.most_pages:
        raise Unreadable(
            "too_many_pages",
            f"has {count:,} pages; at most {limits.most_pages:,} are read. Split it, or save only the part "
            "that matters.",
        )


def _sections(pages: list[str], outline: dict[int, list[tuple[int, str]]]) -> Iterable[str]:
    for number, page in enumerate(pages):
        for level, heading in outline.get(number, []):
            yield f"{'#' * level} {heading}"
        text = _paragraphs(page)
        if text:
            yield f"###### Page {number + 1}"
            yield text


def _outline(reader: pypdf.PdfReader) -> dict[int, list[tuple[int, str]]]:
    """Page number, from 0 → headings that begin there, each with its level from 1."""
    found: dict[int, list[tuple[int, str]]] = {}

    def walk(entries: list[Any], level: int) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry, min(level + 1, _DEEPEST))
                continue
            number = reader.get_destination_page_number(entry)
            heading = " ".join(str(entry.title).split())
            if number is not None and number >= 0 and heading:
                found.setdefault(number, []).append((level, heading))

    try:
        walk(reader.outline, 1)
    except _BROKEN:
        return {}  # the pages can be read without it
    return found


def _title(reader: pypdf.PdfReader) -> str:
    try:
        title = str(reader.metadata.title or "") if reader.metadata else ""
    except _BROKEN:
        return ""
    title = " ".join(title.split())
    # Many programs write a file name here, often that of a template.
    return title if " " in title and len(title) <= 200 else ""


def _paragraphs(page: str) -> str:
    """The text of a page with lines that were only broken for want of room put together."""
    joined: list[str] = []
    for line in _HYPHEN.sub("", page.replace("\0", "")).split("\n"):
        before = joined[-1] if joined else ""
        last = before.rsplit("\n", 1)[-1]
        if (
            len(last.split("\u2028")[-1]) >= _WRAPPED
            and line.strip()
            and not _NEW_LINE_STAYS.match(line)
            and not last.endswith(_SENTENCE_ENDS)
        ):
            joined[-1] = f"{before.rstrip()} {line.strip()}"
        else:
            joined.append(line.rstrip())
    return escape_marks("\n".join(joined).strip())
