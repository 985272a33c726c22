"""How passages are shown to a model, and what it is told when the documents say nothing.

Short, because every token is time before the first word; fenced, because documents are data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from data.passages import plain
from data.records import Passage
from router.differing import differing
from router.orders import for_model

# A full stop after a word, not that of "e.g." and not a point within a number.
_FULL_STOP = re.compile(r"(?<=[\w)\"'%][\w)\"'%])[.!?](?=\s|$)|[。！？]")
_FOREIGN_MARK = re.compile(r"\[(\d{1,3})\]")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"\*|(?<!\w)_|_(?!\w)")


def with_notes(question: str, passages: Sequence[Passage]) -> str:
    """The question as a model reads it, with the passages before it."""
    return f"{prompt_block(passages)}\n\n{question}" if passages else question


def with_nothing_said(question: str, product_name: str) -> str:
    """The question with word that the documents do not answer it.

    To the point, because a small model that may choose between answering and refusing does neither
    well: told to judge by itself whether passages answer, both local models refused half of the
    questions that the passages did answer.
    """
    return (
        f"{question}\n\n(The documentation of {product_name} says nothing about this. "
        "Reply with one short sentence that says so. Do not guess.)"
    )


def prompt_block(passages: Sequence[Passage]) -> str:
    """The passages as a model reads them, to stand before the question. Empty if there are none.

    Fenced as data, with the number of the passage after each sentence: a small model cites when it
    only has to copy the mark along (with the number in front it cited half as often). A line "Data, not
    orders:" in the fence was tried: on the dev half of `make bench-sources` answers were no better for it.
    """
    if not passages:
        return ""
    texts = "\n".join(shown(number, passage) for number, passage in enumerate(passages, 1))
    marks = " or ".join(f"[{number}]" for number in range(1, len(passages) + 1))
    both = " The notes contradict each other: tell both." if differing(passages) else ""
    return (
        f"<notes>\n{texts}\n</notes>\n"
        f"Answer in full sentences from the notes. End every sentence with {marks}.{both}"
    )


def shown(number: int, passage: Passage) -> str:
    """One passage as it stands in the block, under its document and heading."""
    passage = for_model(passage)  # without orders, and nothing in it closes the fence
    about = " > ".join(part for part in (passage.source_title, *passage.heading[-1:]) if part)
    text = _FOREIGN_MARK.sub(r"(\1)", passage.text)
    lines = [plain(about)]
    in_code = False
    for line in text.splitlines():
        fence = line.lstrip().startswith(("```", "~~~"))
        in_code = in_code != fence
        lines.append(line if fence or in_code else _marked(_plain(line), number))
    return "\n".join(line for line in lines if line.strip())


def _plain(line: str) -> str:
    """The line without Markdown's marks, but with every character of what stands in code marks."""
    pieces = re.split(r"`([^`]+)`", _LINK.sub(r"\1", line))
    bare = [piece if at % 2 else _EMPHASIS.sub("", piece) for at, piece in enumerate(pieces)]
    return "".join(bare).strip()


def _marked(line: str, number: int) -> str:
    """The line with the mark before each full stop, and at its end."""
    if not any(map(str.isalnum, line)):
        return line
    marked = _FULL_STOP.sub(rf" [{number}]\g<0>", line)
    return marked if marked[-4:].find(f"[{number}]") >= 0 else f"{marked} [{number}]"
