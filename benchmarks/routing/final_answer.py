"""What an answer finally says: the part after its last "Answer:", and the numbers in it."""

from __future__ import annotations

import re

_MARK = re.compile(r"(?:final\s+)?\banswer\b[*_`\s]*(?:is\b[*_`\s]*:?|:|=)", re.IGNORECASE)
# 1,200.50 is one number; a minus counts unless it stands between two numbers, as in 17-26.
_NUMBER = re.compile(r"(?<![\w.,])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d)|\.\d+")
_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)
_DECORATION = str.maketrans("", "", "*`")


def final_part(text: str) -> tuple[str, bool]:
    """The line after the last "Answer:" (or the line that follows it), and whether there was such a mark.

    Without a mark it is the whole text.
    """
    marks = list(_MARK.finditer(text))
    if not marks:
        return text.strip(), False
    for line in text[marks[-1].end() :].splitlines():
        if line.translate(_DECORATION).strip(" :_#\\[]"):
            return line.strip(), True
    return "", True


def final_number(text: str) -> float | None:
    """The number that the answer comes to; None without one.

    After "Answer:" it is the first number (the first after the last equals sign, if there is one);
    without that mark the last number of the text.
    """
    part, marked = final_part(text)
    after_equals = part.rsplit("=", 1)[-1]
    found = numbers(after_equals) or numbers(part)
    if not found:
        return None
    return found[0] if marked else found[-1]


def numbers(text: str) -> list[float]:
    """All numbers in the text, in order. Thousands may be parted by commas."""
    plain = text.translate(_DECORATION).replace("$", " ").replace("€", " ").replace("{,}", ",")
    found = []
    for match in _NUMBER.finditer(plain.replace("{", " ").replace("}", " ")):
        digits = match.group().replace(",", "").replace("−", "-").replace(" ", "")
        found.append(float(digits))
    return found


def code_of(text: str) -> str:
    """The code in an answer: its fenced blocks, joined; the whole text if there is none."""
    blocks = _FENCE.findall(text)
    return "\n\n".join(blocks) if blocks else text


def normal(text: str) -> str:
    """Lower case, one space between words, without Markdown's asterisks and backticks."""
    return " ".join(text.translate(_DECORATION).casefold().split())
