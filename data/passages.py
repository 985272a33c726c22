"""Cutting a document into passages that can be read, and cited, on their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from data.records import Passage

# Reading costs a local model about 70 tokens a second, so a passage is a paragraph or two. Below
# the lower bound the next paragraph of the same section is added, above the upper one it is cut.
FEWEST_WORDS = 60
MOST_WORDS = 110

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NOT_SPACE = re.compile(r"\S+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\"')\]]*\s+|(?<=[。！？])|\n")


@dataclass(frozen=True)
class Block:
    """A paragraph, list, table or code block: characters `start` to `end`, under `heading`."""

    start: int
    end: int
    heading: tuple[str, ...]
    is_heading: bool = False


@dataclass
class _Reader:
    """Where the scan of the lines is: open block, open fence, headings above."""

    blocks: list[Block] = field(default_factory=list)
    path: dict[int, str] = field(default_factory=dict)
    start: int | None = None
    end: int = 0
    fence: str = ""

    def heading(self) -> tuple[str, ...]:
        return tuple(self.path[level] for level in sorted(self.path))

    def close(self) -> None:
        if self.start is not None:
            self.blocks.append(Block(self.start, self.end, self.heading()))
            self.start = None

    def open_heading(self, level: int, title: str, start: int, end: int) -> None:
        self.close()
        self.path = {above: name for above, name in self.path.items() if above < level}
        self.path[level] = title
        self.blocks.append(Block(start, end, self.heading(), is_heading=True))


def title_of(text: str, fallback: str) -> str:
    """The first heading of the document, or `fallback` (its file name)."""
    return next((block.heading[-1] for block in blocks(text) if block.is_heading), fallback)


def blocks(text: str, markdown: bool = True) -> list[Block]:
    """The blocks of `text` in order. A `#` inside a code block is not a heading."""
    reader = _Reader()
    front = _FRONT_MATTER.match(text) if markdown else None
    for start, end in _lines(text, front.end() if front else 0):
        line = text[start:end]
        mark = _FENCE.match(line)
        if reader.fence:
            reader.end = start + len(line.rstrip())
            if mark and mark[1].startswith(reader.fence) and not line.strip().strip("`~"):
                reader.fence = ""
                reader.close()
        elif markdown and (found := _HEADING.match(line)):
            reader.open_heading(len(found[1]), plain(found[2]), start, end)
        elif not line.strip():
            reader.close()
        else:
            reader.fence = mark[1] if mark and markdown else ""
            reader.start = start if reader.start is None else reader.start
            reader.end = start + len(line.rstrip())
    reader.close()
    return reader.blocks


def split(text: str, source_id: str, title: str, markdown: bool = True) -> list[Passage]:
    """The passages of a document, in order; each is exactly `text[start:end]`.

    Paragraphs of one section are put together up to about 60 words and cut at the end of a
    sentence beyond 110; a passage never crosses a heading. `heading` is the path of headings below
    the document's title.
    """
    found: list[Passage] = []
    for start, end, heading in _joined(text, blocks(text, markdown)):
        for piece_start, piece_end in _cut(text, start, end):
            path = heading[1:] if heading[:1] == (title,) else heading
            found.append(
                Passage(
                    passage_id=f"{source_id}#{piece_start}-{piece_end}",
                    source_id=source_id,
                    source_title=title,
                    heading=path,
                    text=text[piece_start:piece_end],
                    start=piece_start,
                    end=piece_end,
                )
            )
    return found


def plain(markdown: str) -> str:
    """One line of Markdown without its marks: `**[Log](log.md)**` is `Log`."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    return re.sub(r"[*`]|(?<!\w)_|_(?!\w)", "", text).strip()


def _lines(text: str, at: int) -> Iterator[tuple[int, int]]:
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield at, end
        at = end + 1


def _joined(text: str, parts: list[Block]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Neighbouring blocks of one section put together while that stays within the bounds."""
    open_part: Block | None = None
    for part in [block for block in parts if not block.is_heading]:
        if open_part is not None and part.heading == open_part.heading:
            size, more = _words(text, open_part), _words(text, part)
            # A short lead-in ("Settings:") belongs to the table or code below it, however long.
            if size + more <= MOST_WORDS and size < FEWEST_WORDS:
                open_part = Block(open_part.start, part.end, part.heading)
                continue
        if open_part is not None:
            yield open_part.start, open_part.end, open_part.heading
        open_part = part
    if open_part is not None:
        yield open_part.start, open_part.end, open_part.heading


def _words(text: str, block: Block) -> int:
    return count_words(text[block.start : block.end])


def count_words(text: str) -> int:
    """Words of `text`; in scripts without spaces two characters count as one."""
    words = len(text.split())
    return words if text.isascii() else words + len(_UNSPACED.findall(text)) // 2


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Characters `start` to `end` in pieces of at most MOST_WORDS words, cut at sentences or lines."""
    while (limit := _limit(text, start, end)) < end:
        at = _last_sentence(text, start, limit)
        yield start, at
        following = _NOT_SPACE.search(text, at, end)
        start = following.start() if following else end
    if start < end:
        yield start, end


def _last_sentence(text: str, start: int, limit: int) -> int:
    """Where to cut before `limit`: after the last whole sentence, else in mid-sentence."""
    ends = [found.start() for found in _SENTENCE_END.finditer(text, start, limit)]
    return next((at for at in reversed(ends) if at > start), limit)


def _limit(text: str, start: int, end: int) -> int:
    """The first character that is too many words away from `start`, or `end`."""
    if end - start < 12 * MOST_WORDS and count_words(text[start:end]) <= MOST_WORDS:
        return end  # nearly always; without a look at each word
    count, at = 0, start
    for word in _NOT_SPACE.finditer(text, start, end):
        size = count_words(word.group())
        if count + size > MOST_WORDS:
            # One "word" can be a whole page where a script has no spaces.
            return at if at > start else min(end, start + 2 * MOST_WORDS)
        count, at = count + size, word.end()
    return end
