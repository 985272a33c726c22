"""What was found out about an ended answer's sources: marks, quotes, and sentences that do not hold.

Places are characters of the answer's text as it was when it ended (`Finished.text`).
"""

from __future__ import annotations

from typing import Literal

from data.records import Record


class Mark(Record):
    """A sign in an answer that names passage `number` (from 1).

    By the model it is the text `[n]` from `start` to `end`. By Upshift it is a place (`start` equals
    `end`) after a sentence for which the model named no source, although one passage has its words.
    """

    start: int
    end: int
    number: int
    by: Literal["model", "upshift"] = "model"


class Quote(Record):
    """Words between quotation marks. `found`: they stand in passage `number`; else in none that was given."""

    start: int
    end: int
    number: int | None
    found: bool


class Span(Record):
    """Characters `start` to `end` of an answer."""

    start: int
    end: int
