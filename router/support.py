"""Whether a passage says what a sentence says, as far as words and figures can tell.

A rule, not a judgement: it sees which words and figures of the sentence the passage has. It does not
see a "not", nor who does what to whom.
"""

from __future__ import annotations

import re

from data.passages import plain
from data.records import Passage
from data.words import terms

# A sentence is held up by a passage that has this share of its telling words, and all its figures.
SUPPORTED = 0.6
# For Upshift to name a source itself it has to be more. From 0.6 on there were sentences that turn the
# passage round (dev halves of `make bench-sources`, read by eye).
MATCHED = 0.7
_MARK = re.compile(r"\[\d{1,3}\]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
# Names that must be right to the letter, each word of them: WITH_UNDERSCORES, --options, `code`.
_NAME = re.compile(r"`([^`\n]{2,80})`|(?<![\w-])(--[a-z][\w-]+|[A-Za-z]\w*_\w+)")


def share(sentence: str, passage: Passage) -> float:
    """The share of the sentence's telling words that the passage has, 0..1; 0 if a figure is missing."""
    sentence = _THOUSANDS.sub("", without_marks(sentence))
    wanted = set(terms(plain(sentence)))
    if not wanted:
        return 0.0
    source = _THOUSANDS.sub("", whole(passage))
    flat = _flat(source)
    if not figures(sentence) <= figures(source) or not all(
        part in flat for name in _names(sentence) for part in name.split()
    ):
        return 0.0
    return len(wanted & set(terms(source))) / len(wanted)


def says_something(sentence: str) -> bool:
    """Whether there is anything in it that a source could have: not in a bare "No."."""
    return bool(terms(plain(without_marks(sentence))))


def told(sentence: str, passage: Passage, question: str) -> float:
    """How much of the sentence the passage has, 0..1; 0 if it says no more than the question did.

    The better of two shares: of all its telling words, and of those beyond the question's, which say
    nothing of a source. A single new word without a figure or a name does not count: it may stand anywhere.
    """
    whole_share = share(sentence, passage)
    bare = _THOUSANDS.sub("", without_marks(sentence))
    new = set(terms(plain(bare))) - set(terms(question))
    found = new & set(terms(_THOUSANDS.sub("", whole(passage))))
    if whole_share == 0.0 or not found:
        return 0.0
    if len(new) == 1 and not figures(bare) and not _names(bare):
        return 0.0
    return max(whole_share, len(found) / len(new))


def figures(text: str) -> set[str]:
    """The numbers of a text, without the commas between thousands."""
    return {found.rstrip(".,:") for found in _NUMBER.findall(_THOUSANDS.sub("", without_marks(text)))}


def without_marks(text: str) -> str:
    """The text without its [n]."""
    return _MARK.sub("", text)


def quoted_in(quote: str, passage: Passage) -> bool:
    """Whether the words stand in the passage, in this order; case, marks and spaces aside."""
    return _flat(quote) in _flat(whole(passage))


def whole(passage: Passage) -> str:
    """The text of a passage with the headings above it."""
    return "\n".join((passage.source_title, *passage.heading, passage.text))


def _names(sentence: str) -> list[str]:
    return [_flat(code or name) for code, name in _NAME.findall(sentence)]


def _flat(text: str) -> str:
    return " ".join(re.sub(r"[*`|\"'“”‘’]", "", plain(text)).lower().split()).strip(" .,;:!?")
