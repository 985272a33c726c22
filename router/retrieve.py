"""Finding what the documents say about a message, in few and short passages.

`router.ranking` says how relevant a passage is; here it is decided what is searched for (a follow-up
takes words from before), where (the folder's documents, and the files of the conversation) and how
much of what was found a model is given to read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data.documents import Document
from data.knowledge_index import KnowledgeIndex
from data.paths import product_folder
from data.records import Message, Passage
from data.retrieval import RetrievalSettings, load_retrieval
from data.words import terms
from router.notes import shown
from router.prompt import estimate_tokens
from router.ranking import Query, Ranked, Ranker

# Words that point back to something said before. Only English: in other languages a follow-up is
# recognised by its shortness alone.
_POINTS_BACK = re.compile(
    r"\b(it|its|that|they|them|their|those|these|this|there|one|ones|same|instead|else)\b"
    r"|^\s*(and|but|so|or|also|then|what about|how about|what if)\b",
    re.IGNORECASE,
)
# Words that point at a file of the conversation.
_A_FILE = re.compile(
    r"\b(attach(ed|ment|ments)?|upload(ed|s)?|files?|documents?|pdf|docx?|paper|manuscript|handout)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
_LONGEST_QUERY = 60  # words: a longer message is pasted text, and its first words say what is wanted
_NEAR = 6  # of the best are told, that one which contradicts what was given can be looked for
_LONGEST_MEANT = 2000  # characters
_BY_ITSELF = 0.9  # so relevant a passage is what was asked for, whatever was talked about before
_SHARES = 0.4  # of a message's words a passage of an attached file has if it is what is asked for


@dataclass(frozen=True)
class Found:
    """What a search gave: the passages for the model, and how much was looked through.

    `searched_passages` and `searched_documents` are 0 where the task wants no documents. `relevance` is
    that of the best passage in 0..1, also where it was too low; `coverage` the share of the message's
    words that this passage has, and `unknown` the share that no document has, both by weight. `near`
    are the best passages, given or not.
    """

    passages: tuple[Passage, ...]
    searched_passages: int
    searched_documents: int
    search_ms: float
    relevance: float = 0.0
    coverage: float = 0.0
    unknown: float = 0.0
    near: tuple[Passage, ...] = ()


class Retriever:
    """Chooses few, short and relevant passages of an index; safe to use from several threads.

    `files` is everywhere the index of a conversation's own files, if it has any.
    """

    def __init__(self, index: KnowledgeIndex, settings: RetrievalSettings | None = None) -> None:
        self.index = index
        self._settings = settings or load_retrieval(product_folder())
        self._about_the_answer = frozenset(terms(" ".join(self._settings.about_the_answer)))

    @property
    def problems(self) -> list[str]:
        """Documents that could not be read, each with what to do."""
        return self.index.problems

    def document(self, source_id: str, files: KnowledgeIndex | None = None) -> Document:
        """The document that a passage is a piece of. Raises KeyError if it is no longer there."""
        if files is not None:
            try:
                return files.document(source_id)
            except KeyError:
                pass  # it is one of the folder's
        return self.index.document(source_id)

    def passages_named(
        self, passage_ids: Iterable[str], files: KnowledgeIndex | None = None
    ) -> list[Passage]:
        """The passages with these ids, for showing an old answer again."""
        found = []
        for passage_id in passage_ids:
            own = files.passages_named([passage_id]) if files is not None else []
            found += own or self.index.passages_named([passage_id])
        return found

    def find(
        self,
        message: str,
        history: Sequence[Message],
        *,
        task: str,
        budget_tokens: int,
        files: KnowledgeIndex | None = None,
        attached: bool = False,
    ) -> Found:
        """The passages that `message` asks for, best first.

        `history` is the conversation before the message; a follow-up takes words from it.
        `budget_tokens` is what the model may be given to read in all; passages take a share of it.
        `attached`: files came with this very message, so it is about them.
        """
        began = time.perf_counter()
        if files is not None and files.passages and (attached or _A_FILE.search(message)):
            return self._in_files(message, history, files, budget_tokens, began)
        if task in self._settings.never_for:
            return Found((), 0, 0, _ms_since(began))
        indexes = [index for index in (files, self.index) if index is not None and index.passages]
        if not indexes:
            return Found((), 0, 0, _ms_since(began))
        sure = task in self._settings.only_when_sure
        least = self._settings.sure_relevance if sure else self._settings.min_relevance
        ranker, query = self._asked(indexes, message, history)
        ranked = ranker.ranked(query)
        chosen = self._within(self._relevant(ranked, least), budget_tokens)
        if sure and not chosen:
            return Found((), 0, 0, _ms_since(began))
        return _found(chosen, indexes, ranked, ranker.unknown(query), began)

    def ranked(
        self,
        message: str,
        history: Sequence[Message] = (),
        limit: int = 3,
        files: KnowledgeIndex | None = None,
    ) -> list[Passage]:
        """The best passages whatever their relevance, which is their score."""
        return [ranked.passage for ranked in self.considered(message, history, files)[:limit]]

    def considered(
        self, message: str, history: Sequence[Message] = (), files: KnowledgeIndex | None = None
    ) -> list[Ranked]:
        """All passages that were looked at, best first, with what their relevance is made of."""
        indexes = [index for index in (files, self.index) if index is not None and index.passages]
        ranker, query = self._asked(indexes, message, history)
        return ranker.ranked(query)

    def _in_files(
        self,
        message: str,
        history: Sequence[Message],
        files: KnowledgeIndex,
        budget_tokens: int,
        began: float,
    ) -> Found:
        """What the conversation's files say; where nothing fits ("sum it up"), what they begin with."""
        ranker, query = self._asked([files], message, history)
        ranked = ranker.ranked(query)
        # The message is about the file, so sharing some of its words is enough.
        shares = bool(ranked) and ranked[0].features.coverage >= _SHARES
        least = 0.0 if shares else self._settings.min_relevance
        chosen = self._within(self._relevant(ranked, least), budget_tokens)
        if not chosen:
            room = int(budget_tokens * self._settings.share_for_a_whole_file)
            first = files.first_passages(self._settings.max_passages_of_a_file)
            chosen = self._fitting(first, room, len(first))
        return _found(chosen, [files], ranked, ranker.unknown(query), began)

    def _asked(
        self, indexes: Sequence[KnowledgeIndex], message: str, history: Sequence[Message]
    ) -> tuple[Ranker, Query]:
        ranker = Ranker(indexes, self._settings)
        own = list(dict.fromkeys(terms(message)[:_LONGEST_QUERY]))
        new = [stem for stem in own if stem not in self._about_the_answer]
        meant = message[:_LONGEST_MEANT]
        if not new:
            last = next((said.content for said in reversed(history) if said.role == "user"), "")
            return ranker, ranker.query(last[:_LONGEST_MEANT], _earlier_terms(history), [])
        alone = ranker.query(meant, own, [])
        before = _earlier_terms(history) if _points_back(message, own) else []
        if not before or any(found.passage.score >= _BY_ITSELF for found in ranker.ranked(alone)[:1]):
            return ranker, alone
        return ranker, ranker.query(meant, new, before)

    def _relevant(self, ranked: Sequence[Ranked], least: float) -> list[Passage]:
        """Those that are relevant enough, and not much less so than the best."""
        if not ranked or ranked[0].passage.score < least:
            return []
        close = max(least, self._settings.min_of_best * ranked[0].passage.score)
        return [item.passage for item in ranked if item.passage.score >= close]

    def _within(self, passages: Sequence[Passage], budget_tokens: int) -> tuple[Passage, ...]:
        room = int(budget_tokens * self._settings.share_of_budget)
        return self._fitting(passages, room, self._settings.max_passages)

    def _fitting(self, passages: Sequence[Passage], budget_tokens: int, most: int) -> tuple[Passage, ...]:
        chosen: list[Passage] = []
        left = budget_tokens
        for passage in passages[:most]:
            cost = estimate_tokens(shown(len(chosen) + 1, passage))
            if cost > left and passage is passages[0]:
                passage = _shortened(passage, left)
                cost = estimate_tokens(shown(1, passage))
            if passage.text and cost <= left:
                chosen.append(passage)
                left -= cost
        return tuple(chosen)


def _found(
    chosen: tuple[Passage, ...],
    indexes: Sequence[KnowledgeIndex],
    ranked: Sequence[Ranked],
    unknown: float,
    began: float,
) -> Found:
    best = ranked[0] if ranked else None
    return Found(
        passages=chosen,
        searched_passages=sum(index.passages for index in indexes),
        searched_documents=sum(index.documents for index in indexes),
        search_ms=_ms_since(began),
        relevance=best.passage.score if best else 0.0,
        coverage=best.features.coverage if best else 0.0,
        unknown=unknown,
        near=tuple(each.passage for each in ranked[:_NEAR]),
    )


def _points_back(message: str, own: list[str]) -> bool:
    return len(own) <= 1 or (len(own) <= 4 and _POINTS_BACK.search(message) is not None)


def _earlier_terms(history: Sequence[Message]) -> list[str]:
    """Words of the last user message that had any."""
    said = (terms(message.content) for message in reversed(history) if message.role == "user")
    return next((stems[:_LONGEST_QUERY] for stems in said if stems), [])


def _shortened(passage: Passage, budget_tokens: int) -> Passage:
    """The passage up to the last sentence that fits; with no text if not even one does."""
    for found in reversed(list(_SENTENCE_END.finditer(passage.text))):
        text = passage.text[: found.end()].rstrip()
        shorter = passage.model_copy(update={"text": text, "end": passage.start + len(text)})
        if estimate_tokens(shown(1, shorter)) <= budget_tokens:
            return shorter
    return passage.model_copy(update={"text": "", "end": passage.start})


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
