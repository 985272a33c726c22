"""HTML as text: headings, paragraphs, lists, tables and code; no scripts, styles, menus or addresses."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser

from data.documents.reading import Reading, Unreadable
from data.passages import title_of

_LEFT_OUT = {
    "script", "style", "noscript", "template", "svg", "math", "nav", "header", "footer", "aside",
    "iframe", "object", "select", "button", "form",
}  # fmt: skip
_BLOCKS = {
    "p", "div", "section", "article", "main", "ul", "ol", "dl", "dt", "dd", "table", "tr", "blockquote",
    "figure", "figcaption", "hr", "address", "details", "summary", "body", "html", "tbody", "thead",
}  # fmt: skip
_HEADING = re.compile(r"h([1-6])$")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w:.-]{1,40})""", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
# What would be a heading or a fence in Markdown, at the beginning of a line of plain text.
_LOOKS_LIKE_MARK = re.compile(r"^( {0,3})(#{1,6}\s|`{3}|~{3})", re.MULTILINE)


def read_html(content: bytes, fallback: str) -> Reading:
    """The text of an HTML file; its title is that of the page, or its first heading. Raises Unreadable."""
    text, title = text_of(_decoded(content))
    if not text:
        raise Unreadable("no_text", "has no text in it: the page may be made by a script. Save it as PDF.")
    return Reading(title=title_of(text, title or fallback), text=text, kind="html")


def text_of(html: str) -> tuple[str, str]:
    """Text with Markdown's headings, and the title."""
    walk = _Walk()
    walk.feed(html)
    walk.close()
    return walk.text(), _SPACE.sub(" ", walk.title).strip()


def escape_marks(text: str) -> str:
    """Text in which no line is taken for a heading or the fence of a code block."""
    return _LOOKS_LIKE_MARK.sub(r"\1\\\2", text)


def _decoded(content: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        named = _CHARSET.search(content[:4096])
    try:
        return content.decode(named[1].decode("ascii") if named else "windows-1252", "replace")
    except LookupError:
        return content.decode("windows-1252", "replace")


class _Walk(HTMLParser):
    """Goes through the tags once; forgiving, since pages rarely close what they open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._blocks: list[str] = []
        self._open = ""
        self._prefix = ""
        self._left_out: list[str] = []
        self._in_title = False
        self._code: list[str] | None = None
        self._lists: list[int | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a block where the tag begins one."""
        if self._left_out:
            if tag == self._left_out[0]:
                self._left_out.append(tag)
        elif tag in _LEFT_OUT:
            self._left_out.append(tag)
        elif tag == "title":
            self._in_title = True
        elif tag == "pre":
            self._finish()
            self._code = []
        elif tag == "br":
            self._open += "\n"
        elif tag in ("ul", "ol"):
            self._finish()
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._item()
        elif tag in ("td", "th"):
            self._open += " | " if self._open.strip() else ""
        elif found := _HEADING.match(tag):
            self._finish()
            self._prefix = "#" * int(found[1]) + " "
        elif tag in _BLOCKS:
            self._finish()

    def handle_endtag(self, tag: str) -> None:
        """Close a block where the tag ends one."""
        if self._left_out:
            if tag == self._left_out[0]:
                self._left_out.pop()
        elif tag == "title":
            self._in_title = False
        elif tag == "pre":
            self._end_code()
        elif tag in ("ul", "ol"):
            self._finish()
            if self._lists:
                self._lists.pop()
        elif tag in _BLOCKS or tag == "li" or _HEADING.match(tag):
            self._finish()

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if self._left_out:
            return
        if self._in_title:
            self.title += data
        elif self._code is not None:
            self._code.append(data)
        else:
            self._open += data if "\n" not in data and "\t" not in data else _SPACE.sub(" ", data)

    def text(self) -> str:
        """The blocks found, an empty line between them, none between items and rows."""
        self._end_code()
        self._finish()
        parts: list[str] = []
        for block in self._blocks:
            tight = parts and _is_item(block) and _is_item(parts[-1])
            parts += ["\n" if tight else "\n\n", block] if parts else [block]
        return "".join(parts).strip()

    def _item(self) -> None:
        self._finish()
        count = self._lists[-1] if self._lists else None
        if count is not None:
            self._lists[-1] = count + 1
        self._prefix = "- " if count is None else f"{count + 1}. "

    def _finish(self) -> None:
        lines = [_SPACE.sub(" ", line).strip() for line in self._open.split("\n")]
        text = "\n".join(line for line in lines if line)
        self._open = ""
        if text:
            if self._prefix.startswith("#"):
                text = text.replace("\n", " ")
            self._blocks.append(self._prefix + escape_marks(text))
            self._prefix = ""
        elif self._prefix.startswith("#"):
            self._prefix = ""

    def _end_code(self) -> None:
        if self._code is None:
            return
        code = "".join(self._code).strip("\n")
        self._code = None
        if code.strip():
            fence = "```" if "```" not in code else "~~~~"
            self._blocks.append(f"{fence}\n{code}\n{fence}")


def _is_item(block: str) -> bool:
    return re.match(r"- |\d+\. |[^\n]* \| ", block) is not None
