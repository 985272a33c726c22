"""An answer's text as it is drawn: cleaned, with links at its marks and words where a source does not hold.

The places are marked with characters of our own before cleaning, and become Markdown afterwards: so
nothing that a model writes can make such a link, and the cleaner need not know of them.
"""

from __future__ import annotations

import re

from components.safe_markdown import clean
from data.answers import Answer
from router.cite import check

# Private characters that stand for what is drawn; the model's own are taken out first.
_OPEN, _MATCHED, _UNSUPPORTED, _NOT_FOUND, _CLOSE = "\ue100", "\ue101", "\ue102", "\ue103", "\ue104"
_OURS = {ord(sign): "\ufffd" for sign in (_OPEN, _MATCHED, _UNSUPPORTED, _NOT_FOUND, _CLOSE)}
_SIGN = re.compile(rf"([{_OPEN}{_MATCHED}{_UNSUPPORTED}{_NOT_FOUND}])(\d{{0,3}}){_CLOSE}")

UNSUPPORTED = "the source does not seem to say this"
NOT_FOUND = "not found in the source"


def streaming(answer: Answer, turn_id: str) -> str:
    """The text so far. Marks of the passages that were given are links already; others are left out."""
    text = answer.text.translate(_OURS)
    marked = check(text, answer.passages, lambda number: f"{_OPEN}{number}{_CLOSE}").text
    return _alive(clean(marked, finished=False), turn_id)


def ended(answer: Answer, turn_id: str) -> str:
    """The whole text with everything that was found out about its sources."""
    text = answer.text.translate(_OURS)
    if not answer.marks:  # not looked at yet, as in an answer that broke off
        text = check(text, answer.passages, lambda number: f"{_OPEN}{number}{_CLOSE}").text
        return _alive(clean(text), turn_id)
    signs = [(mark.start, mark.end, _mark(mark.by, mark.number)) for mark in answer.marks]
    signs += [(span.end, span.end, f" {_UNSUPPORTED}{_CLOSE}") for span in answer.unsupported]
    signs += [(quote.end, quote.end, f" {_NOT_FOUND}{_CLOSE}") for quote in answer.quotes if not quote.found]
    # From the back, so that places further on stay where they are.
    for start, end, sign in sorted(signs, key=lambda sign: (sign[0], sign[1]), reverse=True):
        text = text[:start] + sign + text[end:]
    return _alive(clean(text), turn_id)


def _mark(by: str, number: int) -> str:
    return f"{_OPEN if by == 'model' else _MATCHED}{number}{_CLOSE}"


def _alive(cleaned: str, turn_id: str) -> str:
    def drawn(found: re.Match[str]) -> str:
        sign, number = found[1], found[2]
        if sign == _OPEN and number:
            return f"[\\[{number}\\]](#source-{turn_id}-{number})"
        if sign == _MATCHED and number:
            return f"[({number})](#matched-{turn_id}-{number})"
        words = UNSUPPORTED if sign == _UNSUPPORTED else NOT_FOUND
        return f":small[:orange[({words})]]"

    return _SIGN.sub(drawn, cleaned)
