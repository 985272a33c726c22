"""The sentences of an answer, with where they stand; code blocks and headings are none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data.citations import Span

# Fenced code, whole; a fence that was never closed runs to the end.
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
# Marks may stand before the full stop or behind it, and belong to the sentence that ends there.
_END = re.compile(
    r"""[.!?…]["'”’»)\]*_`]*(?:[ \t]*\[\d{1,3}\])*(?=[ \t]+["'“‘«(*_`\[]*[A-Z0-9À-Þ]|[ \t]*\n|[ \t]*\Z)"""
    r"|[。！？]|\n",
    re.VERBOSE,
)
_LEAD = re.compile(r"(?:\s|[-*+>•]\s|\d{1,2}[.)]\s|\|)*")
_HEADING = re.compile(r"#{1,6}\s")
_LETTERS = re.compile(r"[^\W\d_]")


def sentences(text: str) -> list[Span]:
    """Sentences, list items and table rows outside code blocks, each without the space around it."""
    found: list[Span] = []
    at = 0
    for fence in (*_FENCE.finditer(text), None):
        found += _of_prose(text, at, fence.start() if fence else len(text))
        at = fence.end() if fence else at
    return found


def _of_prose(text: str, start: int, end: int) -> Iterator[Span]:
    at = start
    for stop in (*(found.end() for found in _END.finditer(text, start, end)), end):
        lead = _LEAD.match(text, at, stop)
        first = lead.end() if lead else at
        last = first + len(text[first:stop].rstrip())
        at = stop
        if _LETTERS.search(text, first, last) and not _HEADING.match(text, first):
            yield Span(start=first, end=last)
