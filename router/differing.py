"""Passages that contradict each other, as far as figures can tell: the same said with other numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from data.passages import plain
from data.records import Passage
from data.words import terms
from router.sentences import sentences
from router.support import figures

# Jaccard's coefficient of the words (without figures) from which on two sentences speak of the same.
SAME_SUBJECT = 0.6
_FEWEST_WORDS = 3
_FIGURE = re.compile(r"\d")


def differing(passages: Sequence[Passage]) -> tuple[tuple[int, int], ...]:
    """Pairs of passages (numbered from 1) that say the same of something with other figures."""
    said = [_with_figures(passage) for passage in passages]
    return tuple(
        (one, other)
        for one, other in combinations(range(1, len(passages) + 1), 2)
        if any(_differ(a, b) for a in said[one - 1] for b in said[other - 1])
    )


def with_the_other_side(given: Sequence[Passage], ranked: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages given and, if one of the `ranked` contradicts the first of them, that one too."""
    if not given or differing(given):
        return tuple(given)
    known = {passage.passage_id for passage in given}
    others = (passage for passage in ranked if passage.passage_id not in known)
    other = next((passage for passage in others if differing((given[0], passage))), None)
    return (*given, other) if other else tuple(given)


def _with_figures(passage: Passage) -> list[tuple[set[str], set[str]]]:
    """Of each sentence that has figures: its telling words and its figures."""
    found = []
    for span in sentences(passage.text):
        sentence = plain(passage.text[span.start : span.end])
        words = {stem for stem in terms(sentence) if not _FIGURE.search(stem)}
        numbers = figures(sentence)
        if numbers and len(words) >= _FEWEST_WORDS:
            found.append((words, numbers))
    return found


def _differ(one: tuple[set[str], set[str]], other: tuple[set[str], set[str]]) -> bool:
    (words, numbers), (other_words, other_numbers) = one, other
    same = len(words & other_words) >= SAME_SUBJECT * len(words | other_words)
    return same and not (numbers <= other_numbers or other_numbers <= numbers)
