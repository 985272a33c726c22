"""Whether an answer stands on the documents, and what is said in its place when it does not.

A small model that is given a passage about something else answers all the same, from imagination. It
cannot be made to notice (see router.notes), but its sentences can be held against the passages: of
an answer that has nothing of them nothing is left to believe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from data.passages import plain
from data.records import Decision, Passage
from data.words import terms
from router.sentences import sentences
from router.support import share, told, whole, without_marks

# Questions of fact; drafts, plans and code may take a passage as a start and go on from there.
FACTUAL = frozenset({"lookup", "syntax", "reasoning", "advice"})
# Of these, what is simply looked up: only there silence of the documents is an answer.
LOOKED_UP = frozenset({"lookup", "syntax"})
# An answer whose sentences have less than this of their words from a passage is taken back. Chosen on
# the dev half of the questions of `make bench-sources`.
LEAST_SUPPORT = 0.43
_FEWEST_TERMS = 4
# A passage of this relevance is more likely to tell what is asked than most that are given.
LIKELY = 0.3
# Share of the question's telling words that a passage must have for its answer to be shown unchecked.
SURE_COVERAGE = 0.6

# About the documents, or passive: "it does not support Slack" is a claim and none of these.
_NOT_TOLD = re.compile(
    r"\b(?:documents?|documentation|docs|notes?|passages?|text|sources?|manual|guide)\b[^.\n]{0,50}?"
    r"(?:\bnot|n['’]t|\bnothing|\bno)\b"
    r"|(?:\bnot|n['’]t|\bnever)\s+(?:\w+ly\s+)?(?:been\s+)?"
    r"(?:mentioned|specified|stated|described|documented|covered|provided|told|given|available in)\b"
    r"|\bno\s+(?:\w+\s+)?(?:information|mention|details)\b"
    r"|(?:\bnot|n['’]t|\bunable to)\s+find\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|\?\s|^\W*(?:what|which|who|whose|when|where|why|how|can|could|do|does|did|is|are|was|will|may|should)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_OPEN_MARK = re.compile(r"\[[\d,;\s–-]*$")
_AROUND = " \t\r\n.,;:[]()"
_ENGLISH = re.compile(
    r"\b(?:the|is|are|do|does|how|what|which|who|when|where|why|can|in|of|to|a|my)\b", re.IGNORECASE
)


def support(answer: str, passages: Sequence[Passage], question: str = "") -> float | None:
    """How much of an answer's words its passages have, in 0..1: the mean over its sentences, each held
    against the passage that has most of it. None where there are too few words to tell.

    With the `question`, what a sentence only takes from it is not held against the answer, and where a
    passage is likely to tell it, a sentence that says no more ("No, you do not need a …") is left out.
    """
    asked = set(terms(question))
    likely = bool(asked) and any(passage.score >= LIKELY for passage in passages)
    weighted = []
    for span in sentences(answer):
        sentence = without_marks(answer[span.start : span.end])
        said = set(terms(plain(sentence)))
        count = 0 if likely and said <= asked else len(said)
        if count:
            has = [share(sentence, passage) for passage in passages]
            has += [told(sentence, passage, question) for passage in passages if question]
            weighted.append((count, max(has, default=0.0)))
    total = sum(count for count, _ in weighted)
    if total < _FEWEST_TERMS:
        return None
    return sum(count * has for count, has in weighted) / total


def says_not_told(answer: str) -> bool:
    """Whether an answer says, in English, that the documents do not tell it."""
    return _NOT_TOLD.search(answer[:400]) is not None


def checkable(question: str, passages: Sequence[Passage], decision: Decision) -> bool:
    """Whether an answer can be held against its passages: an English question of what can be looked up.

    Words are compared, so an answer in another language than its documents would always fall; and what
    is no question ("tell me a story") is not answered from documents, whatever words they share.
    """
    looked_up = decision.task in LOOKED_UP and bool(passages)
    return looked_up and in_english(question) and _ASKS.search(question) is not None


def stands(answer: str, passages: Sequence[Passage], question: str = "") -> bool:
    """Whether a checkable answer may stay as it is."""
    if says_not_told(answer) or not in_english(answer):
        return True
    has = support(answer, passages, question)
    return has is None or has >= LEAST_SUPPORT


def says_nothing(answer: str, question: str) -> bool:
    """Whether a whole answer is nothing but marks, or the question again."""
    bare = without_marks(answer).strip(_AROUND)
    said = _words(bare)
    return not bare or (bool(said) and said == _words(question))


def may_say_nothing(beginning: str, question: str) -> bool:
    """Whether an answer that begins so, perhaps in mid-word or mid-mark, may turn out to say nothing."""
    bare = _OPEN_MARK.sub("", without_marks(beginning)).strip(_AROUND)
    said, asked = _words(bare), _words(question)
    if not said:
        return not bare
    last = len(said) - 1
    return last < len(asked) and said[:last] == asked[:last] and asked[last].startswith(said[last])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def coverage(question: str, passages: Sequence[Passage]) -> float:
    """The share of the question's telling words that the best passage has, in 0..1; 1 if it has none."""
    wanted = set(terms(question))
    best = max((len(wanted & set(terms(whole(passage)))) for passage in passages), default=0)
    return best / len(wanted) if wanted else 1.0


def sure(question: str, passages: Sequence[Passage]) -> bool:
    """Whether a passage has most of the question's words, so that an answer from it is shown at once."""
    return coverage(question, passages) >= SURE_COVERAGE


def not_told_instead(passages: Sequence[Passage]) -> str:
    """What is said in the place of an answer that was taken back."""
    if not passages:
        return "The documents do not say anything about this."
    places = " and ".join(dict.fromkeys(f"“{_place(passage)}”" for passage in passages))
    return (
        f"The documents do not seem to say this. The closest that I found is {places}, and it does not tell."
    )


def in_english(message: str) -> bool:
    """Whether a message has a common English word in it."""
    return _ENGLISH.search(message) is not None


def _place(passage: Passage) -> str:
    return plain(" › ".join((passage.source_title, *passage.heading[-1:])))
