"""A document's text cut into sentences, lines and cells, each with what a reader's eye makes of it."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"\s{0,3}(?:`{3,}|~{3,})")
# A line that begins something of its own, so that the sentence before it has ended.
_OPENS = re.compile(
    r"\s*(?:[-*+•>|#]|\d{1,3}[.)]\s|\[[^\]]{1,40}\]:|</?\w|<!--|\{|\}|<\||```|~~~"
    r"|[\w .*\[\]-]{1,30}[:：](?:\s|$))"
)
_STANDS_ALONE = re.compile(r"\s*(?:#{1,6}\s|\|)")
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_`]*(?=\s|$)|[。！？]+[」』）\"”]*")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|^\[(?://|comment)\]:\s*#[^\n]*", re.DOTALL | re.MULTILINE)
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_SPACED = re.compile(r"(?<!\w)(?:\w ){3,}\w(?!\w)")
_BASE64 = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/]{24,}={0,2}(?![\w+/=])")
_WORD = re.compile(r"\w+")
_LEET = str.maketrans("013457@$", "oleastas")
_LEET_WORD = re.compile(r"(?=\w*[^\W\d_])(?=\w*[013457])\w{4,}")
_ONE_IS_I = re.compile(r"1")
# Letters of other alphabets that look like Latin ones.
_LOOKALIKE = str.maketrans(
    "аеорсухіјѕԁһкмтвнАВЕКМНОРСТУХІЈЅαοερντικυχ", "aeopcyxijsdhkmtbhABEKMHOPCTYXIJSaoepvtikux"
)
_LATIN = re.compile(r"[a-zA-Z]")


@dataclass(frozen=True)
class Piece:
    """Characters `start` to `end` of a text: a sentence, a list item, a row, a line of code, a comment.

    `block` counts paragraphs: pieces of the same block stand together.
    """

    start: int
    end: int
    block: int
    in_code: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Seen:
    """A piece as a reader would take it: lower case, look-alikes undone; what had to be undone for that."""

    text: str
    obfuscated: bool
    decoded: bool


def pieces(text: str) -> list[Piece]:
    """The pieces of a text in order; space between them belongs to none."""
    found: list[Piece] = []
    at = 0
    for comment in (*_COMMENT.finditer(text), None):
        found += _visible(text, at, comment.start() if comment else len(text), len(found))
        if comment:
            found.append(Piece(comment.start(), comment.end(), _block_after(found), hidden=True))
            at = comment.end()
    return found


def _block_after(found: list[Piece]) -> int:
    return found[-1].block + 1 if found else 0


def _visible(text: str, at: int, end: int, block: int) -> Iterator[Piece]:
    in_code, start = False, at
    block = block + 1
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line = text[at:stop]
        fence = _FENCE.match(line) is not None
        following = text[stop + 1 : end]
        if fence or in_code or not line.strip():
            yield from _sentences(text, start, at, block)
            if fence or not line.strip():
                block += 1
            if line.strip() and not fence:
                yield from _trimmed(text, at, stop, block, in_code)
            in_code, start = in_code != fence, stop + 1
        elif _STANDS_ALONE.match(line) or _OPENS.match(following) or _FENCE.match(following):
            yield from _sentences(text, start, stop, block)
            start = stop + 1
        at = stop + 1
    yield from _sentences(text, start, end, block)


def _sentences(text: str, start: int, end: int, block: int) -> Iterator[Piece]:
    for stop in (*(found.end() for found in _END.finditer(text, start, max(start, end))), end):
        if stop > start:
            yield from _trimmed(text, start, stop, block, False)
            start = stop


def _trimmed(text: str, start: int, end: int, block: int, in_code: bool) -> Iterator[Piece]:
    part = text[start:end]
    bare = part.strip()
    if bare:
        first = start + part.index(bare)
        yield Piece(first, first + len(bare), block, in_code)


def seen(text: str) -> Seen:
    """`text` without what hides words from a search but not from a reader or a model."""
    known = html.unescape(text)
    plain = unicodedata.normalize("NFKC", _UNSEEN.sub("", known)).replace("’", "'")
    plain, decoded = _without_base64(plain)
    straight = _WORD.sub(_same_alphabet, plain)
    straight = _SPACED.sub(lambda run: run[0].replace(" ", ""), straight)
    straight = _LEET_WORD.sub(_without_leet, straight)
    hidden_letters = _UNSEEN.search(re.sub(r"(?<!\w).|.(?!\w)", " ", known)) is not None
    return Seen(straight.lower(), straight != plain or hidden_letters, decoded)


def _same_alphabet(word: re.Match[str]) -> str:
    """A word that mixes Latin letters with look-alikes, or stands among such, as Latin."""
    text = word[0]
    if text.isascii():
        return text
    latin = text.translate(_LOOKALIKE)
    return latin if latin.isascii() and (_LATIN.search(text) or len(text) < 3) else text


def _without_leet(word: re.Match[str]) -> str:
    text = word[0]
    digits = sum(map(str.isdigit, text))
    if digits * 2 > len(text) or (not text[-1].isalpha() and digits < 2):
        return text
    return _ONE_IS_I.sub("i", text).translate(_LEET)


def _without_base64(text: str) -> tuple[str, bool]:
    decoded = False

    def plain(found: re.Match[str]) -> str:
        nonlocal decoded
        try:
            said = base64.b64decode(found[0] + "=" * (-len(found[0]) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return found[0]
        if not said.isprintable() or said.count(" ") < 2:
            return found[0]
        decoded = True
        return said

    return _BASE64.sub(plain, text), decoded
