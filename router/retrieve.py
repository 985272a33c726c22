"""Finding what the documents say about a message, and showing it to a model in few tokens.

Relevance is BM25 (which passage of those that share words) together with coverage (whether what
they share is what the message is about), so that a message on something else finds nothing.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from data.knowledge_index import KnowledgeIndex
from data.passages import plain
from data.paths import product_folder
from data.records import Message, Passage
from data.retrieval import RetrievalSettings, load_retrieval
from data.words import terms

# Words that point back to something said before. Only English: in other languages a follow-up is
# recognised by its shortness alone.
_POINTS_BACK = re.compile(
    r"\b(it|its|that|they|them|their|those|these|this|there|one|ones|same|instead|else)\b"
    r"|^\s*(and|but|so|or|also|then|what about|how about|what if)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
_CANDIDATES = 20
# A very long message is pasted text; its first words say what is wanted.
_LONGEST_QUERY = 60


@dataclass(frozen=True)
class Found:
    """What a search gave: the passages for the model, and how much was looked through.

    `searched_passages` and `searched_documents` are 0 where the task wants no documents.
    """

    passages: tuple[Passage, ...]
    searched_passages: int
    searched_documents: int
    search_ms: float


class Retriever:
    """Chooses few, short and relevant passages of an index; safe to use from several threads."""

    def __init__(self, index: KnowledgeIndex, settings: RetrievalSettings | None = None) -> None:
        self._index = index
        self._settings = settings or load_retrieval(product_folder())

    def find(self, message: str, history: Sequence[Message], *, task: str, budget_tokens: int) -> Found:
        """The passages that `message` asks for, best first.

        `budget_tokens` is what the model may be given to read in all; passages take a share of it.
        `history` is the conversation before the message; a follow-up takes words from it.
        """
        began = time.perf_counter()
        if task in self._settings.never_for or self._index.passages == 0:
            return Found((), 0, 0, _ms_since(began))
        weighted = self._weighted_terms(message, history)
        chosen = self._within(self._relevant(weighted), int(budget_tokens * self._settings.share_of_budget))
        return Found(chosen, self._index.passages, self._index.documents, _ms_since(began))

    def _weighted_terms(self, message: str, history: Sequence[Message]) -> dict[str, float]:
        own = terms(message)[:_LONGEST_QUERY]
        weighted = {stem: self._index.weight(stem) for stem in own}
        if not _is_follow_up(message, own):
            return weighted
        share = self._settings.earlier_words
        for stem in _earlier_terms(history):
            weighted.setdefault(stem, share * self._index.weight(stem))
        return weighted

    def _relevant(self, weighted: dict[str, float]) -> list[Passage]:
        """Candidates above the thresholds, best first; `score` is coverage times relative BM25."""
        candidates = self._index.search_terms(list(weighted), _CANDIDATES)
        total = sum(weighted.values())
        if not candidates or not total:
            return []
        best_rank = candidates[0].score
        scored = []
        for passage in candidates:
            coverage = sum(weighted[stem] for stem in _stems_of(passage) & weighted.keys()) / total
            if coverage >= self._settings.min_coverage:
                score = coverage * math.sqrt(max(passage.score, 0) / best_rank)
                scored.append(passage.model_copy(update={"score": round(score, 4)}))
        scored.sort(key=lambda passage: -passage.score)
        least = self._settings.min_of_best * scored[0].score if scored else 0
        return [passage for passage in scored if passage.score >= least]

    def _within(self, passages: list[Passage], budget_tokens: int) -> tuple[Passage, ...]:
        chosen: list[Passage] = []
        left = budget_tokens
        for passage in passages[: self._settings.max_passages]:
            cost = estimate_tokens(_shown(len(chosen) + 1, passage))
            if cost > left and not chosen:
                passage = _shortened(passage, left)
                cost = estimate_tokens(_shown(1, passage))
            if passage.text and cost <= left:
                chosen.append(passage)
                left -= cost
        return tuple(chosen)


def prompt_block(passages: Sequence[Passage]) -> str:
    """The passages as a model reads them: numbered from 1, fenced as data. Empty if there are none."""
    if not passages:
        return ""
    shown = "\n".join(_shown(number, passage) for number, passage in enumerate(passages, 1))
    return f"<notes>\n{shown}\n</notes>"


def estimate_tokens(text: str) -> int:
    """About how many tokens a model counts: 4 ASCII characters, or 1.5 others, to a token."""
    ascii_count = sum(character < "\x80" for character in text)
    return math.ceil(ascii_count / 4 + (len(text) - ascii_count) / 1.5)


def _is_follow_up(message: str, own: list[str]) -> bool:
    return len(set(own)) <= 1 or (len(set(own)) <= 4 and _POINTS_BACK.search(message) is not None)


def _earlier_terms(history: Sequence[Message]) -> list[str]:
    """Words of the last user message that had any."""
    said = (terms(message.content) for message in reversed(history) if message.role == "user")
    return next((stems[:_LONGEST_QUERY] for stems in said if stems), [])


def _stems_of(passage: Passage) -> set[str]:
    return set(terms(" ".join((passage.source_title, *passage.heading, passage.text))))


def _shown(number: int, passage: Passage) -> str:
    about = " > ".join((passage.source_title, *passage.heading[-1:]))
    # A document must not be able to close the fence that marks it as data.
    text = "\n".join(plain(line) for line in passage.text.splitlines()).replace("</notes", "< /notes")
    return f"[{number}] {plain(about)}: {text}"


def _shortened(passage: Passage, budget_tokens: int) -> Passage:
    """The passage up to the last sentence that fits; with no text if not even one does."""
    for found in reversed(list(_SENTENCE_END.finditer(passage.text))):
        text = passage.text[: found.end()].rstrip()
        shorter = passage.model_copy(update={"text": text, "end": passage.start + len(text)})
        if estimate_tokens(_shown(1, shorter)) <= budget_tokens:
            return shorter
    return passage.model_copy(update={"text": "", "end": passage.start})


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
