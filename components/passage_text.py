"""A passage as a person reads it: whole, with the orders to the model marked that the model did not read."""

from __future__ import annotations

from components.safe_markdown import clean, plain
from data.records import Passage
from router.order_pieces import pieces

# Lines of an order are drawn one by one and in parts of this length: `plain` cuts what is much longer.
_PART_CHARACTERS = 400


def drawn(passage: Passage) -> str:
    """Markdown of the whole text; what was left out of the prompt stands apart, struck through and plain."""
    parts: list[str] = []
    at = 0
    for start, end in passage.left_out:
        parts += [clean(passage.text[at:start]), *map(_struck, _lines(passage.text[start:end]))]
        at = end
    return "\n\n".join(part for part in (*parts, clean(passage.text[at:])) if part.strip())


def remark(passage: Passage) -> str:
    """What is said about the sentences that were left out; empty if there are none."""
    count = sum(len(pieces(passage.text[start:end])) for start, end in passage.left_out)
    if count == 0:
        return ""
    what = "1 sentence that seems" if count == 1 else f"{count} sentences that seem"
    return f":orange[Left out of what the model read: {what} to give orders to it (struck through).]"


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [
        line[at : at + _PART_CHARACTERS] for line in lines for at in range(0, len(line), _PART_CHARACTERS)
    ]


def _struck(line: str) -> str:
    return f":orange[~~{plain(line)}~~]"
