"""What a message means after the ones before it: goes on, complains, changes the topic, or is polite."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from router.cues import routing_words
from router.steering import split_command, strip_steering

Kind = Literal["empty", "greeting", "thanks", "continue", "complaint", "new_topic", "follow_up", "fresh"]

_BARE = re.compile(r"[^\w\s'\u0900-\u0dff\u0e00-\u0e7f\u0610-\u065f]+")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")


@cache
def _phrases(name: str) -> frozenset[str]:
    phrases = routing_words()["phrases"][name]
    assert isinstance(phrases, list)
    return frozenset(_bare(phrase) for phrase in phrases)


@cache
def _longest(name: str) -> int:
    return max(len(phrase) for phrase in _phrases(name))


def _bare(text: str) -> str:
    """Lower case, no punctuation, single spaces, straight apostrophes."""
    return " ".join(_BARE.sub(" ", text.lower().replace("’", "'")).split())


def _begins(text: str, name: str) -> bool:
    """Does `text` begin with one of the phrases, at the end of a word (in scripts that have words)?"""
    phrases = _phrases(name)
    for end in range(1, min(len(text), _longest(name)) + 1):
        if text[:end] not in phrases:
            continue
        if end == len(text) or text[end] == " " or _DENSE.match(text[end - 1]):
            return True
    return False


def kind_of(text: str, follows: bool) -> Kind:
    """What `text` is; `follows` says whether a substantive message came before it."""
    # Only openings and short messages carry these phrases; a long paste is not searched.
    text = strip_steering(split_command(text)[1][:400])
    bare = _bare(text)
    if not bare:
        return "continue" if follows and any(mark in text for mark in "?？") else "empty"
    length = len(bare.split()) if not _DENSE.search(bare) else len(bare) // 2 + 1
    if follows and bare in _phrases("continue"):
        return "continue"
    if _polite(bare, "greeting"):
        return "greeting"
    if _polite(bare, "thanks"):
        return "thanks"
    if not follows:
        return "fresh"
    if _begins(bare, "new_topic"):
        return "new_topic"
    if length <= 30 and _begins(bare, "complaint"):
        return "complaint"
    words = bare.split()
    if _begins(bare, "goes_on") and length <= 25:
        return "follow_up"
    if length <= 4 or (length <= 14 and _phrases("refers").intersection(words)):
        return "follow_up"
    return "follow_up" if length <= 8 and _DENSE.search(bare) else "fresh"


def _polite(bare: str, name: str) -> bool:
    """The whole message is one of the phrases, or two of them ("hi there, how are you")."""
    if bare in _phrases(name):
        return True
    if len(bare) > 60:
        return False
    words = bare.split()
    return any(
        " ".join(words[:cut]) in _phrases(name) and " ".join(words[cut:]) in _courtesies()
        for cut in range(1, len(words))
    )


@cache
def _courtesies() -> frozenset[str]:
    return _phrases("greeting") | _phrases("thanks")
