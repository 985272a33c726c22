# ruff: noqa: E501  # patterns are easier to read, and to search, on one line
"""Tells what a person asks from what they pasted, and reads only as much as is worth reading."""

from __future__ import annotations

import re
from dataclasses import dataclass

from router.cues import works_on_text
from router.steering import split_command, strip_steering

HEAD = 1400
TAIL = 800
"""Characters read at either end of a long message: requests stand before or after what is pasted."""

_FENCE = re.compile(r"```[^\n]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_QUOTED = re.compile(r"[\"“„«「『]([^\"”“»」』\n]{12,}?)[\"”“»」』]")
_PASTED_LINE = re.compile(
    r"^\s*(?:>|\||\d{4}-\d\d-\d\d|\d\d:\d\d|\[?\d{1,2}/\w{2,3}/\d|(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL)\b|Traceback|File \"|at [\w$.<>]+\(|"
    r"(?:From|To|Cc|Date|Subject|Sent|Von|Betreff|De|Objet|Asunto|От|Тема)\s?:|[-=_*]{4,}|<\/?\w+[^>]*>\s*$|[\w .-]+(?:[,;\t][\w .%$€-]*){3,}$)",
)
_CODE_LINE = re.compile(
    r"[{};]\s*$|^\s*(?:def |class |import |from \w+ import|return\b|if .*:\s*$|for .*:\s*$|else:|const |let |var |public |private |func |fn |#include|SELECT\b|FROM\b|WHERE\b|@\w+|\}|\)|print\(|console\.)"
    r"|=>|->\s*\w|\w\(.*\)\s*[;{:]?$|^\s*\w+\s*[+*-]?=\s*\S",
    re.IGNORECASE,
)
_OPENING = re.compile(r"\s*[^\n:：]{4,120}(?:[:：]\s|：|\n)")
_BLANK = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Parts:
    """A message taken apart. `length` is that of the whole message in characters, without steering."""

    request: str
    pasted: str
    code: bool
    log: bool
    length: int


def take_apart(text: str) -> Parts:
    """Split `text` into the request and what was pasted, after taking out steering."""
    text = split_command(text)[1]
    length = len(text)
    if length > HEAD + TAIL:
        text = f"{text[:HEAD]}\n\n{text[-TAIL:]}"
    bare = strip_steering(text)
    length -= len(text) - len(bare)
    pasted: list[str] = []
    fenced = _FENCE.search(bare) is not None

    def aside(found: re.Match[str]) -> str:
        pasted.append(found.group(1))
        return " ␞ "

    rest = _QUOTED.sub(aside, _FENCE.sub(aside, bare))
    request, lines, code, log = _by_line(rest)
    request, material = _by_colon(request)
    request, blocks = _by_block(request)
    pasted += lines + material + blocks
    if not request.replace("␞", "").strip():
        request, pasted = bare, []
    return Parts(request.strip(), "\n".join(pasted).strip(), fenced or code, log, length)


def _by_line(text: str) -> tuple[str, list[str], bool, bool]:
    """Take out lines that look like code, logs, mail headers or tables, if there are several."""
    if "\n" not in text:
        return text, [], False, False
    lines = text.split("\n")
    logs = [bool(_PASTED_LINE.search(line)) for line in lines]
    codes = [bool(_CODE_LINE.search(line)) and not is_log for line, is_log in zip(lines, logs, strict=True)]
    if sum(logs) + sum(codes) < 2:
        return text, [], False, False
    keep = [line for line, a, b in zip(lines, logs, codes, strict=True) if not (a or b)]
    drop = [line for line, a, b in zip(lines, logs, codes, strict=True) if a or b]
    return "\n".join(keep), drop, sum(codes) >= 2, sum(logs) >= 2


def _by_colon(text: str) -> tuple[str, list[str]]:
    """Of "summarise this: …", keep what asks; only if it asks for work on a text, and the text is longer."""
    found = _OPENING.match(text)
    if found is None or len(text) - found.end() < max(12, found.end() // 2):
        return text, []
    if not works_on_text(found.group()):
        return text, []
    return f"{found.group()} ␞", [text[found.end() :]]


def _by_block(text: str) -> tuple[str, list[str]]:
    """Of a long text, keep short paragraphs at either end as the request; the middle was pasted."""
    if len(text) <= 420:
        return text, []
    blocks = [block for block in _BLANK.split(text) if block.strip()]
    if len(blocks) == 1:
        blocks = [line for line in text.split("\n") if line.strip()]
    if len(blocks) <= 1:
        return f"{text[:300]} … {text[-200:]}", [text[300:-200]]
    first, last = blocks[0], blocks[-1]
    ends = [block for block in (first, last) if len(block) <= 320]
    aside = blocks[1:-1] + [block for block in (first, last) if len(block) > 320]
    return "\n".join(ends or [first[:300]]), aside
