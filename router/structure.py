# ruff: noqa: E501  # patterns are easier to read, and to search, on one line
"""What a message looks like: lengths, signs, scripts, pasted parts. One number for each name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from router.cues import NUMBER
from router.message_parts import Parts

_MATHS = re.compile(r"[=≤≥≠√∑∫π∞±×÷²³^]|\\frac|\\sum|\\int|\b[xyzn]\b|\d\s*[*/+^]\s*\d|\bmod\b")
_LATEX = re.compile(r"\$[^$\n]+\$|\\\(|\\\[|\\[a-z]{2,}")
_ERROR = re.compile(
    r"\w(?:Error|Exception)\b|\bpanic\b|\bexit code|\bSIG[A-Z]{3,}|\b[45]\d\d\b|[Tt]raceback|stack ?trace|\bNaN\b|NULL|nullptr"
)
_IDENTIFIER = re.compile(r"[a-z]+_[a-z]+|[a-z]+[A-Z][a-z]+|\w+\(\)|\w+\.\w{2,4}\b|`[^`]+`")
_SUM = re.compile(r"\d\s*[-+*/x×÷%]\s*\d|\d\s*%")
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)


STRUCTURE = (
    "bias length", "request length", "very short", "short", "one line", "many lines", "pasted text", "much pasted text",
    "pasted code", "a pasted log", "code names", "error text", "maths signs", "formulas", "numbers", "many numbers", "a sum",
    "a list", "question mark", "several questions", "starts with a capital", "exclamation", "polite", "conditions", "many sentences",
    "Cyrillic", "Chinese", "kana", "Hangul", "Arabic", "Devanagari", "other script", "accents", "quotation", "a link", "commas", "several requests",
)  # fmt: skip
INDEX = {name: index for index, name in enumerate(STRUCTURE)}
_IF_WORDS = """
if given each every exactly at least most per unless only must such without while assume suppose
total wenn si если 如果 もし 만약 أن अगर eğer jika
"""
_CONDITIONS = frozenset(_IF_WORDS.split())
_JOINING = frozenset(("and", "then", "also", "und", "et", "y", "и", "e"))

_POLITE = ("please", "pls", "bitte", "por favor", "s'il", "пожалуйста", "请", "ください")


def structure_of(request: str, parts: Parts, tokens: Sequence[str], words: int) -> NDArray[np.float32]:
    """One number (mostly 0..1) for each of STRUCTURE.

    `tokens` are the words of the request, `words` counts those that are not ignored.
    """
    row = np.zeros(len(STRUCTURE), np.float32)

    def put(name: str, amount: float) -> None:
        row[INDEX[name]] = amount

    whole = f"{request}\n{parts.pasted[:800]}"
    lines = whole.count("\n") + 1
    numbers = len(NUMBER.findall(request))
    questions = sum(request.count(mark) for mark in "?？؟")
    put("bias length", min(1.5, np.log1p(parts.length) / 6))
    put("request length", min(1.5, np.log1p(len(request)) / 5))
    put("very short", words <= 3)
    put("short", words <= 8)
    put("one line", lines <= 2)
    put("many lines", lines > 8)
    put("pasted text", bool(parts.pasted))
    put("much pasted text", len(parts.pasted) > 400 or parts.length > 1500)
    put("pasted code", parts.code)
    put("a pasted log", parts.log)
    put("code names", min(1.0, len(_IDENTIFIER.findall(request)) / 3))
    put("error text", min(1.0, len(_ERROR.findall(whole)) / 2))
    put("maths signs", min(1.0, len(_MATHS.findall(request)) / 4))
    put("formulas", bool(_LATEX.search(request)))
    put("numbers", min(1.0, numbers / 4))
    put("many numbers", numbers >= 4)
    put("a sum", bool(_SUM.search(request)) and words <= 10)
    put("a list", len(_LIST.findall(whole)) >= 2)
    put("question mark", questions > 0)
    put("several questions", questions > 1)
    put("starts with a capital", request[:1].isupper())
    put("exclamation", "!" in request)
    lower = request.lower()
    put("polite", any(word in lower for word in _POLITE))
    put("conditions", min(1.0, sum(map(_CONDITIONS.__contains__, tokens)) / 4))
    put("many sentences", min(1.0, sum(request.count(mark) for mark in ".!?。？") / 5))
    put("several requests", min(1.0, sum(map(_JOINING.__contains__, tokens)) / 3))
    put("quotation", "␞" in request)
    put("a link", "http" in lower)
    put("commas", min(1.0, (request.count(",") + request.count("，")) / 5))
    _scripts(request, put)
    return row


_SCRIPTS = (
    ("Cyrillic", "\u0400", "\u04ff"), ("Chinese", "\u4e00", "\u9fff"), ("kana", "\u3040", "\u30ff"), ("Hangul", "\uac00", "\ud7a3"),
    ("Arabic", "\u0600", "\u06ff"), ("Devanagari", "\u0900", "\u097f"), ("accents", "\u00c0", "\u024f"),
)  # fmt: skip


def _scripts(request: str, put: Callable[[str, float], None]) -> None:
    if request.isascii():
        return  # all Latin: nothing to put
    letters = [letter for letter in request[:400] if letter.isalpha() or "\u0900" <= letter <= "\u0e7f"]
    if not letters:
        return
    points = np.frombuffer("".join(letters).encode("utf-32-le", "surrogatepass"), np.uint32)
    seen = int((points < 0x250).sum())  # Latin
    for name, low, high in _SCRIPTS:
        count = int(((points >= ord(low)) & (points <= ord(high))).sum())
        put(name, min(1.0, (5 if name == "accents" else 1) * count / len(letters)))
        seen += count if name != "accents" else 0
    put("other script", max(0.0, 1 - seen / len(letters)))
