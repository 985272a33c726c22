"""Checking the [n] marks of an answer against the passages that the model was given.

Works on the whole text so far at every update: nothing is remembered between calls, so it cannot
drift from what is on the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data.citations import Mark
from data.records import Passage

Draw = Callable[[int], str]

_NUMBERS = r"\d{1,3}(?:\s{0,2}[,;–-]\s{0,2}\d{1,3}){0,9}"
_MARK = re.compile(rf"\[{_NUMBERS}\]")
# Fenced code, to its closing fence or, while it is still being written, to the end.
_FENCE = re.compile(
    r"^ {0,3}(?P<ticks>`{3,}|~{3,})[^\n]*(?:\n.*?(?:^ {0,3}(?P=ticks)[`~]*[ \t]*$|\Z)|\Z)",
    re.MULTILINE | re.DOTALL,
)
# What comes first swallows the marks inside it. Every alternative begins with a plain character,
# which lets the engine skip over prose.
_PARTS = re.compile(
    r"(?P<tick>`{1,3})(?!`)[^`\n][^\n]{0,500}?(?<!`)(?P=tick)(?!`)"
    # Links [text](url) and [text][name], where text may be a number.
    r"|\[[^\[\]\n]{0,300}\](?:\([^()\s]{0,2000}(?:\s[^()\n]{0,300})?\)|\[[a-zA-Z][^\[\]\n]{0,100}\])"
    rf"|\[(?P<numbers>{_NUMBERS})\]"
    r"|\\\["
)


@dataclass(frozen=True)
class Checked:
    """An answer whose marks all name a passage.

    `cited`: numbers of the passages named, in order of first mention; `removed`: how many numbers
    that name no passage were taken out; `marks`: where in `text` each mark stands.
    """

    text: str
    cited: tuple[int, ...] = ()
    removed: int = 0
    marks: tuple[Mark, ...] = ()


def check(text: str, passages: Sequence[Passage], draw: Draw | None = None) -> Checked:
    """Remove marks that name no passage, and write `[1, 2]` and `[1-2]` as `[1][2]`.

    Code, links, footnotes and the unfinished mark at the end of a stream stay as they are.
    `draw` gives what a page shows in the place of `[n]`.
    """
    if _MARK.search(text) is None:
        return Checked(text)
    checking = _Checking(len(passages), draw or "[{}]".format)
    at = 0
    fences = _FENCE.finditer(text) if "```" in text or "~~~" in text else ()
    for fence in fences:
        checking.prose(text[at : fence.start()])
        checking.keep(fence[0])
        at = fence.end()
    checking.prose(text[at:])
    return Checked("".join(checking.pieces), tuple(checking.cited), checking.removed, tuple(checking.marks))


@dataclass
class _Checking:
    """One pass over a text: what is written so far, and what was cited and removed in it."""

    known: int
    draw: Draw
    pieces: list[str] = field(default_factory=list)
    cited: dict[int, None] = field(default_factory=dict)
    removed: int = 0
    marks: list[Mark] = field(default_factory=list)
    length: int = 0

    def keep(self, text: str) -> None:
        """Add text as it is."""
        if text:
            self.pieces.append(text)
            self.length += len(text)

    def prose(self, text: str) -> None:
        """Add text outside code blocks, with its marks checked."""
        at = 0
        for part in _PARTS.finditer(text):
            numbers = _numbers(part["numbers"]) if part["numbers"] else []
            if not numbers or not _is_mark(part, numbers, self.known):
                continue
            self.keep(text[at : part.start()])
            valid = [number for number in numbers if 1 <= number <= self.known]
            self.cited.update(dict.fromkeys(valid))
            self.removed += len(numbers) - len(valid)
            at = part.end()
            if valid:
                self._mark(valid)
            else:
                at = self._close_gap(text, at)
        self.keep(text[at:])

    def _mark(self, numbers: list[int]) -> None:
        for number in numbers:
            start = self.length
            self.keep(self.draw(number))
            self.marks.append(Mark(start=start, end=self.length, number=number))

    def _close_gap(self, text: str, at: int) -> int:
        """Leave one space between words and none before a full stop; where the text goes on."""
        following = text[at : at + 1]
        if not self.pieces or self.pieces[-1].endswith("\n"):
            return at + 1 if following == " " else at
        if not following.isalnum():
            self.length -= self.pieces[-1].endswith(" ")
            self.pieces[-1] = self.pieces[-1].removesuffix(" ")
        return at


def _numbers(marked: str) -> list[int]:
    """The numbers of '1, 3-5': 1, 3, 4, 5. A range that runs backwards or far is its two ends."""
    if marked.isdigit():
        return [int(marked)]
    found: list[int] = []
    for piece in re.split(r"\s*[,;]\s*", marked):
        first, *rest = (int(number) for number in re.split(r"\s*[–-]\s*", piece))
        last = rest[-1] if rest else first
        found += range(first, last + 1) if first <= last <= first + 9 else [first, last]
    return found


def _is_mark(part: re.Match[str], numbers: list[int], known: int) -> bool:
    """Whether brackets with numbers are meant as a citation, not as a list or a subscript.

    With a known number they are, except in `[1]: address`, which defines a link. Others would be
    removed, so what looks like content is spared: `x = [7]`, `f([7])`, and, where no passages were
    given at all, `[3, 1, 2]` and `values[7]`.
    """
    text, start = part.string, part.start()
    if text.startswith(":", part.end()) and (start == 0 or text[start - 1] == "\n"):
        return False
    if any(1 <= number <= known for number in numbers):
        return True
    before = text[max(0, start - 8) : start]
    if re.search(r"[=:(,\[]\s*$", before):
        return False
    return known > 0 or (len(numbers) == 1 and re.search(r"\w$", before) is None)
