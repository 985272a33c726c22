"""How relevant a passage is to a message: words in common, weighted by how telling they are, and meaning.

The result is in 0..1 and means the same for every search, so that one threshold can say "the documents
do not tell".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from data import meaning
from data.config import ConfigError
from data.index_rows import Candidate, Closely, weight_of
from data.index_vectors import Meant
from data.knowledge_index import KnowledgeIndex
from data.records import Passage
from data.retrieval import RetrievalSettings
from data.ways_to_ask import NONE
from data.word_vectors import Floats, question_vector, words_of
from data.words import terms
from router.grounding import in_english

CANDIDATES = 24
# A word that no document has says little in a small folder, where most words are missing.
_UNKNOWN = 0.45
# BM25's own constants (Robertson and Zaragoza 2009): how soon repeats stop to count, how much length does.
_K1, _B = 1.2, 0.75
_HEADING, _TITLE = 3.0, 2.0
# Common words that the search drops, but that say which section it is: "Where the log is".
_ASKING = re.compile(r"\b(where|when|why|who|how long|how many|how much|how big)\b", re.IGNORECASE)
# All figures below were chosen on the dev halves of the questions in benchmarks/sources_*.toml and on the
# practice questions and ordinary messages beside them. The first two where an index was not read closely:
# which passage is best (meaning decides among those that share words at all), and whether it tells what is
# asked, a logistic function.
_ORDER = {"depth": 0.9, "heading": -0.3, "similarity": 2.4}
_SHARES_WORDS = 0.1
_CONSTANT = -7.19
_RELEVANCE = {"coverage": 2.24, "depth": 1.45, "heading": 2.58, "similarity": 4.87, "alone": -0.99}
# The same two where it was read closely, fitted by benchmarks/sources_fitting.py.
_CLOSE_ORDER = {
    "coverage": 1.24, "whole": 3.8, "heading": -0.77, "similarity": 4.03, "text": 10.48, "path": 11.54
}  # fmt: skip
_CLOSE_CONSTANT = -4.6  # so that one least relevance serves both
_CLOSE_RELEVANCE = {
    "coverage": 3.03, "heading": -4.09, "alone": -0.53,
    "text": -0.36, "path": 2.02, "text_above": 9.29, "path_above": 8.55
}  # fmt: skip
# Where it is written down how people ask for a section, its likeness to that counts beside these two:
# in the order, and in the relevance as (of the above's logit, of the likeness), constant. In the order it
# weighs less than fitted (21), or questions in the text's own words go to other sections. Fitted with the
# first 837 ways to ask; fitted again with all 1,423, questions in the text's own words were lost.
_ASKED_ORDER, _ASKED_RELEVANCE, _ASKED_CONSTANT = 8.0, (0.71, 9.22), -4.28
_FLOOR = 5.0  # of a logit: what people ask in such words is told, whatever the text looks like
# A heading that means so much the same as the question is answered below it.
_SAME_AS_HEADING, _SAME = 0.85, 1.0  # the second is a logit
# A passage that is not even so near in meaning, and has not half of the words, is about something else.
_LEAST_NEAR, _HALF = 0.25, 0.5
_FEW_WORDS = 5  # the network reads English; so short a message may have none of its common words
# A passage that has all words of the message may tell it, even in a document without headings.
_WHOLE, _LEAST_OF_WHOLE = 0.85, 0.12


@dataclass(frozen=True)
class Query:
    """What is searched for: stems with their weights, of the message and, in a follow-up, from before it.

    `words` are the message's words as they were, for their meaning; `whole` is what the message means as a
    whole, None where no index was read so closely; `asking` such as "where".
    """

    own: Mapping[str, float]
    earlier: Mapping[str, float]
    words: Mapping[str, float]
    whole: Floats | None = None
    asking: frozenset[str] = frozenset()

    @property
    def wanted(self) -> dict[str, float]:
        """All stems with their weights."""
        return {**self.earlier, **self.own}


@dataclass(frozen=True)
class Features:
    """What speaks for a passage, each about 0..1.

    `coverage`: share of the wanted words' weight that it has; `depth`: the same with how often and where
    (BM25F, over its highest value); `heading`: Dice's coefficient of the innermost heading's stems and the
    wanted ones; `similarity`: of words' meanings, below 0 for opposites; `alone`: 1 where one word is
    shared though several are wanted; `whole`: 1 where several words are wanted and next to none is missing;
    `closely`: the nearness of what both mean as a whole, None where the index was not read so closely.
    """

    coverage: float
    depth: float
    heading: float
    similarity: float
    alone: float
    whole: float
    closely: Closely | None = None


@dataclass(frozen=True)
class Ranked:
    """A passage with its relevance as `score`, and what that is made of."""

    passage: Passage
    features: Features


class Ranker:
    """Ranks the passages of one or more indexes together; safe to use from several threads."""

    def __init__(self, indexes: Sequence[KnowledgeIndex], settings: RetrievalSettings) -> None:
        self._indexes = [index for index in indexes if index.passages]
        self._passages = sum(index.passages for index in self._indexes)
        words = sum(index.mean_words * index.passages for index in self._indexes)
        self._mean_words = words / self._passages if self._passages else 1.0
        groups = [frozenset(terms(" ".join(group))) for group in settings.synonyms]
        self._like = {stem: group for group in groups for stem in group}
        self._settings = settings

    def weight(self, stem: str) -> float:
        """How telling a stem is; as little as the commonest of its synonyms."""
        return min(map(self._weight, self.alike(stem)))

    def alike(self, stem: str) -> frozenset[str]:
        """The stem with its synonyms."""
        return self._like.get(stem, frozenset((stem,)))

    def query(self, message: str, own: Sequence[str], earlier: Sequence[str]) -> Query:
        """What to search for: stems of the message, and of what was said before it."""
        share = self._settings.earlier_words
        words = {word: self.weight(stems[0]) for word in words_of(message) if (stems := terms(word))}
        return Query(
            own={stem: self.weight(stem) for stem in own},
            earlier={stem: share * self.weight(stem) for stem in earlier if stem not in own},
            words=words,
            whole=_read(message) if any(index.is_read_closely for index in self._indexes) else None,
            asking=_asking(message),
        )

    def ranked(self, query: Query) -> list[Ranked]:
        """The passages that may answer, best first. What only has words from before is left out."""
        wanted = query.wanted
        if not wanted and not query.words:
            return []
        meant = Meant(question_vector(query.words), query.whole)
        groups = [sorted(self.alike(stem)) for stem in wanted]
        found = [
            self._ranked(candidate, query, wanted)
            for index in self._indexes
            for candidate in index.candidates(groups, CANDIDATES, meant)
        ]
        relevant = [ranked for ranked in found if ranked is not None]
        if all(ranked.features.closely is not None for ranked in relevant):
            return _varied(sorted(relevant, key=lambda ranked: -precedence(ranked.features)))
        best = max((ranked.passage.score for ranked in relevant), default=0.0)
        if best >= _SHARES_WORDS:
            return _varied(sorted(relevant, key=lambda ranked: -ranked.passage.score))
        return _varied(sorted(relevant, key=lambda ranked: -_weighed(ranked.features, _ORDER)))

    def unknown(self, query: Query) -> float:
        """Share of the message's words' weight that no document has, in 0..1."""
        weights = {stem: self._weight(stem, known_only=False) for stem in query.own}
        missing = sum(weight for stem, weight in weights.items() if not self._having_alike(stem))
        return missing / sum(weights.values()) if weights else 0.0

    def _ranked(self, candidate: Candidate, query: Query, wanted: Mapping[str, float]) -> Ranked | None:
        features = self._features(candidate, query, wanted)
        if features is None:
            return None
        score = round(relevance(features), 4)
        return Ranked(candidate.passage.model_copy(update={"score": score}), features)

    def _features(self, candidate: Candidate, query: Query, wanted: Mapping[str, float]) -> Features | None:
        places = (candidate.text, candidate.heading, candidate.title)
        has = {stem for place in places for stem in place}
        matched = {stem for stem in wanted if not self.alike(stem).isdisjoint(has)}
        if query.earlier and not (matched & query.own.keys() and matched & query.earlier.keys()):
            return None
        total = sum(wanted.values()) or 1.0
        coverage = sum(wanted[stem] for stem in matched) / total
        length = 1 - _B + _B * len(candidate.text) / self._mean_words
        about = " ".join(candidate.passage.heading[-1:]) or candidate.passage.source_title
        innermost = set(terms(about)) | _asking(about)
        in_heading = sum(not self.alike(stem).isdisjoint(innermost) for stem in wanted)
        in_heading += len(query.asking & innermost)
        return Features(
            coverage=coverage,
            depth=sum(wanted[stem] * self._depth(stem, candidate, length) for stem in matched) / total,
            heading=2 * in_heading / max(1, len(innermost) + len(wanted) + len(query.asking)),
            similarity=candidate.near.words / 1.5,
            alone=float(len(matched) == 1 < len(wanted)),
            whole=float(len(matched) > 1 and coverage >= _WHOLE),
            closely=candidate.near.closely,
        )

    def _depth(self, stem: str, candidate: Candidate, length: float) -> float:
        alike = self.alike(stem)
        often = (
            sum(word in alike for word in candidate.text) / length
            + _HEADING * sum(word in alike for word in candidate.heading)
            + _TITLE * sum(word in alike for word in candidate.title)
        )
        return often / (often + _K1)

    def _weight(self, stem: str, known_only: bool = True) -> float:
        having = sum(index.having(stem) for index in self._indexes)
        weight = weight_of(having, self._passages)
        return weight * _UNKNOWN if known_only and not having else weight

    def _having_alike(self, stem: str) -> bool:
        return any(index.having(like) for like in self.alike(stem) for index in self._indexes)


@lru_cache(maxsize=256)
def _read(message: str) -> Floats | None:
    """What a message means as a whole; None in another language, or without the network that reads it."""
    if not in_english(message) and (len(message.split()) > _FEW_WORDS or not message.isascii()):
        return None
    try:
        return meaning.shipped_encoder().encode(message, meaning.MOST_OF_A_QUESTION)
    except ConfigError:
        return None


def _asking(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _ASKING.findall(text))


def relevance(features: Features) -> float:
    """How likely it is that the passage tells what is asked, in 0..1."""
    if features.closely is not None:
        return _close_relevance(features, features.closely)
    fitted = 1 / (1 + math.exp(-_CONSTANT - _weighed(features, _RELEVANCE)))
    return max(fitted, _LEAST_OF_WHOLE * features.whole)


def precedence(features: Features) -> float:
    """By what passages are ordered that were read closely: the higher, the earlier."""
    asked = features.closely.asked if features.closely else NONE
    return _weighed(features, _CLOSE_ORDER) + _ASKED_ORDER * max(asked, 0.0)


def _close_relevance(features: Features, closely: Closely) -> float:
    logit = -_FLOOR
    if max(closely.text, closely.path) >= _LEAST_NEAR or features.coverage >= _HALF:
        logit = max(logit, _CLOSE_CONSTANT + _weighed(features, _CLOSE_RELEVANCE))
    if closely.asked > NONE:
        of_text, of_asked = _ASKED_RELEVANCE
        logit = _ASKED_CONSTANT + of_text * logit + of_asked * max(closely.asked, 0.0)
    if closely.path >= _SAME_AS_HEADING:
        logit = max(logit, _SAME)
    return 1 / (1 + math.exp(-logit))


def _varied(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Further passages of a section behind the first of every other, so that none fills the list."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    first: list[Ranked] = []
    further: list[Ranked] = []
    for each in ranked:
        section = (each.passage.source_id, each.passage.heading)
        (further if section in seen else first).append(each)
        if each.passage.heading:
            seen.add(section)
    return first + further


def _weighed(features: Features, factors: Mapping[str, float]) -> float:
    values = vars(features) | (vars(features.closely) if features.closely else {})
    return sum(factor * float(values[name]) for name, factor in factors.items())
