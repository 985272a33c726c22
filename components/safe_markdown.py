"""Untrusted Markdown (a model's, a document's, a person's, a file's name) made safe to draw.

`clean` is called on the whole text so far at every update of a running answer. It does not try to
find what is dangerous; it writes the text anew and leaves alive only what it wrote itself: code
blocks whose fences it chose, code spans, maths, links with a checked address, emphasis, lists,
quotes, tables and small headings. Anything else is escaped. The result therefore holds whatever
the browser's parser thinks of the input.
"""

from __future__ import annotations

import re

from components.safe_inline import MARKER, escape, inline, maths
from components.safe_streaming import close_emphasis, without_loose_end

MAX_CHARS = 60_000
MAX_DEPTH = 5
MAX_COLUMNS = 50
MAX_EMPHASIS = 2_000
CUT_NOTE = "*The rest of this text is too long to show here.*"

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\^_])?")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ue000\ue001"
    "\U000e0000-\U000e0fff]"
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_PILED_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{4})[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]+"
)

_FENCE = re.compile(rf"([ ]*)({MARKER}[ ]+)?(`{{3,}}(?=[^`]*$)|~{{3,}})(.*)$")
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(rf"({MARKER})( +|$)")
_RULE = re.compile(r"([-*_])(?: *\1){2,} *$")
_HEADING = re.compile(r"(#{1,6})(?= |$)")
_DELIMITER = re.compile(r"\|? *:?-+:? *(?:\| *:?-+:? *)*+\|? *$")
_MATHS_OPEN = re.compile(r"(?:\$\$|\\\[)")


def clean(text: str, *, finished: bool = True) -> str:
    """`text` as Markdown that can be given to `st.markdown`.

    Images become a label, links keep http, https and mailto with their real host in sight, raw
    HTML is shown as text, Streamlit's directives, icons and emoji names have no effect, headings
    are small ones, control and direction-changing characters are gone. Code in fences keeps every
    other character. With `finished=False` (the answer is still being written) open fences,
    emphasis and links are closed for the moment, so that the page does not jump when their end
    arrives. Text beyond 60,000 characters is cut, and a note says so.
    """
    cut = len(text) > MAX_CHARS
    lines = _visible(text[:MAX_CHARS]).split("\n")
    if not finished:
        lines = without_loose_end(lines)
    out = _Blocks(finished=finished or cut).run(lines)
    result = "\n".join(out)
    if len(result) > 200 and sum(1 for _ in re.finditer(r"(?<!\\)[*_]+", result)) > MAX_EMPHASIS:
        result = "\n".join(_Blocks(finished=True, emphasis=False).run(lines))
    elif not finished and not cut:
        result = close_emphasis(result)
    return f"{result}\n\n{CUT_NOTE}" if cut else result


def plain(text: str) -> str:
    """`text` in one line for a label or a title: shown as it is, no Markdown at all.

    Only for places where Streamlit reads Markdown (the escapes show elsewhere). At most 500
    characters, then an ellipsis.
    """
    line = " ".join(_visible(text[:2_000]).split())
    return escape(line if len(line) <= 500 else line[:499] + "…")


def _visible(text: str) -> str:
    """Line ends made `\\n`, and everything removed that is not seen but changes what is seen."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = _LONE_SURROGATE.sub("\ufffd", _UNSEEN.sub("", text))
    return text if text.isascii() else _PILED_MARKS.sub(r"\1", text)


class _Blocks:
    """Writes the lines of one document (or one quotation) anew, block by block."""

    def __init__(self, *, finished: bool, depth: int = 0, emphasis: bool = True) -> None:
        self.finished, self.depth, self.emphasis = finished, depth, emphasis
        self.out: list[str] = []
        self.offsets: list[int] = []  # where the text of each open list item begins

    def run(self, lines: list[str]) -> list[str]:
        at = 0
        while at < len(lines):
            at = self._block(lines, at)
        return self.out

    def _block(self, lines: list[str], at: int) -> int:
        line = lines[at]
        bare = line.lstrip(" \t")
        if not bare:
            self.out.append("")
            return at + 1
        indent = len((line[: len(line) - len(bare)]).expandtabs(4))
        if bare[0] in "`~-*+0123456789" and (fence := _FENCE.match(" " * indent + bare)):
            return self._fence(fence, lines, at)
        if bare[0] == ">" and indent < 4:
            return self._quote(lines, at)
        if bare[0] in "$\\" and _MATHS_OPEN.match(bare) and (end := self._maths(bare, indent, lines, at)):
            return end
        if indent >= 4 and not self.offsets and self._after_blank():
            return self._indented_code(lines, at)
        self._text(bare.rstrip(), indent)
        return at + 1

    def _fence(self, fence: re.Match[str], lines: list[str], at: int) -> int:
        """A code block under fences of our own, indented by at most 3.

        With that indent, and all of its lines indented alike, it is a code block at the top level
        as well as in a list item, so its text cannot get out and come alive.
        """
        spaces, marker, ticks, info = fence.groups()
        indent = len(spaces) + len(marker or "")
        end, body = at + 1, []
        close = re.compile(rf"[ \t]*{re.escape(ticks[0])}{{{len(ticks)},}}[ \t]*$")
        while end < len(lines) and not close.match(lines[end]):
            body.append(_dedent(lines[end], indent))
            end += 1
        if marker:
            self._gap()
            self.out.append(" " * min(len(spaces), 3) + marker.rstrip())
            self.offsets = [indent]
        elif not spaces:
            self.offsets = []
        self._write_code(body, info, min(indent, 3))
        return end + 1

    def _write_code(self, body: list[str], info: str, indent: int) -> None:
        longest = max((len(run) for run in re.findall(r"`{3,}", "\n".join(body))), default=2)
        language = re.match(r"\w[\w+#.-]{0,30}", info.strip())
        name = language[0] if language else ""
        if name.lower().startswith("mermaid"):
            name = "text"  # shown as code: drawing it would run the model's text as a program
        pad, ticks = " " * indent, "`" * max(3, longest + 1)
        self.out += [pad + ticks + name, *(pad + line if line else "" for line in body), pad + ticks]

    def _quote(self, lines: list[str], at: int) -> int:
        end, inner = at, []
        while end < len(lines) and (mark := _QUOTE.match(lines[end])):
            inner.append(lines[end][mark.end() :])
            end += 1
        if self.depth >= MAX_DEPTH:
            inner = [line.lstrip("> \t") for line in inner]
            self.out += [inline(line) for line in inner]
            return end
        still_open = not self.finished and end >= len(lines)
        quoted = _Blocks(finished=not still_open, depth=self.depth + 1, emphasis=self.emphasis).run(inner)
        self.out += ["> " + line if line else ">" for line in quoted]
        self.offsets = []
        return end

    def _maths(self, bare: str, indent: int, lines: list[str], at: int) -> int | None:
        """Displayed maths over one or more lines; None if these lines are something else."""
        closing = "$$" if bare[0] == "$" else "\\]"
        first = bare[2:].strip()
        body, end = [first.removesuffix(closing)], at + 1
        if not first.endswith(closing):
            while end < len(lines) and lines[end].strip() and closing not in lines[end] and end - at < 60:
                body.append(lines[end])
                end += 1
            if end >= len(lines):
                if self.finished:
                    return None
                self.out.append("…")
                return end
            if not lines[end].rstrip().endswith(closing):
                return None
            body.append(lines[end].rstrip().removesuffix(closing))
            end += 1
        tex = None if "$" in "".join(body) else maths(" ".join(line.strip() for line in body))
        if tex is None or (bare[0] == "\\" and not re.search(r"[\\^_=+]", tex)):
            return None
        pad = " " * min(indent, 3)
        self.out += [pad + "$$", pad + tex, pad + "$$"]
        return end

    def _indented_code(self, lines: list[str], at: int) -> int:
        end, body = at, []
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(("    ", "\t"))):
            body.append(_dedent(lines[end], 4))
            end += 1
        while body and not body[-1].strip():
            body.pop()
            end -= 1
        self._write_code(body, "", 0)
        return end

    def _text(self, bare: str, indent: int) -> None:
        rule = _RULE.match(bare)
        item = None if rule else _ITEM.match(bare)
        if item or self._after_blank() or rule:
            while self.offsets and indent < self.offsets[-1]:
                self.offsets.pop()
        base = self.offsets[-1] if self.offsets else 0
        indent = min(indent, base + 1) if indent - base >= 4 or len(self.offsets) > 8 else indent
        pad = " " * indent
        if rule or re.match(r"-+$", bare):
            self._gap()  # else it would make a heading of the line above
            self.out.append(pad + ("---" if rule else "\\-"))
        elif item and item[0].strip() != bare:
            marker = item[1] + " "
            self.offsets.append(indent + len(marker))
            self.out.append(pad + marker + self._rest(bare[item.end() :]))
        else:
            self.out.append(pad + self._rest(bare))

    def _rest(self, text: str) -> str:
        """A line's text after its indent and its first list marker."""
        if "|" in text and _DELIMITER.match(text):
            return text if text.count("|") <= MAX_COLUMNS else escape(text)
        if box := re.match(r"\[[ xX]\] ", text):
            return box[0] + self._rest(text[4:])
        if heading := _HEADING.match(text):
            return "#" * min(6, len(heading[1]) + 3) + inline(text[heading.end() :])
        if _ITEM.match(text) or text[0:1] in ("=", ">", "#"):
            text = re.sub(r"^(\d*)(.)", r"\1\\\2", text)
        return inline(text if self.emphasis else re.sub(r"(?<!\\)([*_])", r"\\\1", text))

    def _after_blank(self) -> bool:
        return not self.out or not self.out[-1].strip()

    def _gap(self) -> None:
        if not self._after_blank():
            self.out.append("")


def _dedent(line: str, columns: int) -> str:
    """`line` without up to `columns` columns of leading blanks."""
    blanks = len(line) - len(line.lstrip(" \t"))
    lead = line[:blanks].expandtabs(4) if "\t" in line[: min(blanks, columns)] else line[:blanks]
    return lead[columns:] + line[blanks:]
