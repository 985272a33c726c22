"""Checking the [n] marks of an answer against the passages that the model was given.

Works on the whole text so far at every update: nothing is remembered between calls, so it cannot
drift from what is on the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.records import Passage

_NUMBERS = r"\d{1,3}(?:\s{0,2}[,;–-]\s{0,2}\d{1,3}){0,9}"
# Alternatives in this order: what must stay as it is comes first and swallows marks inside it.
_PARTS = re.compile(
    # Fenced code, to its closing fence or, while it is still being written, to the end.
    r"(?P<fence>^ {0,3}(?P<ticks>`{3,}|~{3,})[^\n]*(?:\n.*?(?:^ {0,3}(?P=ticks)[`~]*[ \t]*$|\Z)|\Z))"
    r"|(?P<code>(?<!`)(?P<tick>`{1,3})(?!`)[^`\n][^\n]{0,500}?(?<!`)(?P=tick)(?!`))"
    # Links [text](url) and [text][name], where text may be a number; escaped brackets; definitions.
    r"|(?P<link>!?\[[^\[\]\n]{0,300}\](?:\([^()\s]{0,2000}(?:\s[^()\n]{0,300})?\)|\[[a-zA-Z][^\[\]\n]{0,100}\]))"
    r"|(?P<escaped>\\\[)"
    r"|(?P<definition>^ {0,3}\[[^\[\]\n]{1,100}\]:)"
    rf"|(?P<space>[ \t]?)\[(?P<numbers>{_NUMBERS})\]",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Checked:
    """An answer whose marks all name a passage.

    `cited`: numbers of the passages named, in order of first mention; `removed`: how many numbers
    that name no passage were taken out.
    """

    text: str
    cited: tuple[int, ...] = ()
    removed: int = 0


def check(text: str, passages: Sequence[Passage], draw: Callable[[int], str] | None = None) -> Checked:
    """Remove marks that name no passage, and write `[1, 2]` and `[1-2]` as `[1][2]`.

    Code, links, footnotes and the unfinished mark at the end of a stream stay as they are.
    `draw` gives what a page shows in the place of `[n]`.
    """
    if "[" not in text:
        return Checked(text)
    known = len(passages)
    cited: dict[int, None] = {}
    removed = 0

    def replace(part: re.Match[str]) -> str:
        nonlocal removed
        numbers = _numbers(part["numbers"]) if part["numbers"] else []
        if not numbers or not _is_mark(part, numbers, known):
            return part[0]
        valid = [number for number in numbers if 1 <= number <= known]
        removed += len(numbers) - len(valid)
        cited.update(dict.fromkeys(valid))
        marks = "".join(draw(number) if draw else f"[{number}]" for number in valid)
        return part["space"] + marks if valid else _gap(part)

    checked = _PARTS.sub(replace, text)
    return Checked(checked, tuple(cited), removed)


def _numbers(marked: str) -> list[int]:
    """The numbers of '1, 3-5': 1, 3, 4, 5. A range that runs backwards or far is its two ends."""
    found: list[int] = []
    for piece in re.split(r"\s*[,;]\s*", marked):
        first, *rest = (int(number) for number in re.split(r"\s*[–-]\s*", piece))
        last = rest[-1] if rest else first
        found += range(first, last + 1) if first <= last <= first + 9 else [first, last]
    return found


def _is_mark(part: re.Match[str], numbers: list[int], known: int) -> bool:
    """Whether brackets with numbers are meant as a citation, not as a list or a subscript.

    With a known number they are. Else they would be removed, so be careful with what looks like
    content: `values[7]`, `x = [7]`, and, where no passages were given at all, `[3, 1, 2]`.
    """
    if any(1 <= number <= known for number in numbers):
        return True
    before = part.string[max(0, part.start() - 12) : part.start("numbers") - 1]
    if re.search(r"[=:(,\[]\s*$", before) or (len(numbers) > 1 and not known):
        return False
    return bool(known) or not re.search(r"(\w|\b(is|are|list|array))\s*$", before) or part["space"] != ""


def _gap(part: re.Match[str]) -> str:
    """What stays where a mark was: its space only if a word follows without one."""
    following = part.string[part.end() : part.end() + 1]
    return part["space"] if following.isalnum() else ""
