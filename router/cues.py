"""Words of a message, and which kinds of request they name (data/routing_words.toml)."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache

from data.paths import shipped

_DENSE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
# Scripts without spaces are cut from Latin letters, so that "用python写" is three words.
_TOKEN = re.compile(
    rf"[{_DENSE}]+|(?:(?![{_DENSE}])[\w\u0300-\u036f\u0610-\u065f\u0900-\u0dff\u0e00-\u0e7f+#])+"
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Requests that work on a text at hand: what follows them is that text.
_ON_TEXT = ("translate", "summarise", "rewrite", "extract", "classify", "title")


def words_of(text: str) -> list[str]:
    """The words of `text` in lower case, numbers as 0."""
    return _TOKEN.findall(NUMBER.sub("0", text.lower()))


@cache
def routing_words() -> dict[str, dict[str, object]]:
    """The cues and phrases of data/routing_words.toml."""
    with shipped("routing_words.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def cue_names() -> tuple[str, ...]:
    """The kinds of request that have cue words, in order."""
    return tuple(routing_words()["cues"])


@cache
def _cues() -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Beginnings of words → kinds; apart, the strings of scripts without spaces."""
    spaced: dict[str, tuple[int, ...]] = {}
    dense: dict[str, tuple[int, ...]] = {}
    for index, words in enumerate(routing_words()["cues"].values()):
        for word in str(words).split():
            table = dense if _is_dense(word[0]) else spaced
            table[word] = (*table.get(word, ()), index)
    return spaced, dense


def _is_dense(letter: str) -> bool:
    return "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3"


@lru_cache(maxsize=8192)
def _kinds_of_word(word: str) -> frozenset[int]:
    spaced, dense = _cues()
    kinds: set[int] = set()
    if _is_dense(word[0]):
        for start in range(min(len(word), 40)):
            for length in range(1, 5):
                kinds.update(dense.get(word[start : start + length], ()))
        return frozenset(kinds)
    for length in range(min(len(word), 12), 1, -1):
        beginning = word[:length]
        # Two and three letters only count as whole words: "who", "ab", "да".
        if beginning in spaced and (length > 3 or len(word) == length):
            return frozenset(spaced[beginning])
    return frozenset()


def kinds_of(words: list[str]) -> list[frozenset[int]]:
    """For each word, which kinds of request (indices of `cue_names`) it names, alone or with the next."""
    pairs = _cues()[0]
    return [
        _kinds_of_word(word).union(pairs.get(f"{word}_{following}", ()))
        for word, following in zip(words, [*words[1:], ""], strict=False)
    ]


def works_on_text(request: str) -> bool:
    """Do the first words ask for work on a text: translate, shorten, label …?"""
    wanted = {cue_names().index(name) for name in _ON_TEXT}
    return any(kinds & wanted for kinds in kinds_of(words_of(request)[:12]))
