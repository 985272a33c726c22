"""Finding what the documents say about a message, and showing it to a model in few tokens.

Relevance is BM25 (which passage of those that share words) together with coverage (whether what
they share is what the message is about), so that a message on something else finds nothing.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data.documents.reading import Document
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
# A full stop after a word, not that of "e.g." and not a point within a number.
_FULL_STOP = re.compile(r"(?<=[\w)\"'%][\w)\"'%])[.!?](?=\s|$)|[。！？]")
_FOREIGN_MARK = re.compile(r"\[(\d{1,3})\]")
_CLOSING = re.compile(r"</\s*notes", re.IGNORECASE)
_CANDIDATES = 20
# A very long message is pasted text; its first words say what is wanted.
_LONGEST_QUERY = 60
_FEWEST_MATCHES = 2
_HEADING_PART = 0.5


@dataclass(frozen=True)
class Found:
    """What a search gave: the passages for the model, and how much was looked through.

    `searched_passages` and `searched_documents` are 0 where the task wants no documents.
    """

    passages: tuple[Passage, ...]
    searched_passages: int
    searched_documents: int
    search_ms: float


@dataclass(frozen=True)
class Query:
    """What is searched for: words of the message and, in a follow-up, words from before it.

    Each stem comes with its weight, which says how telling it is.
    """

    own: dict[str, float]
    earlier: dict[str, float]


class Retriever:
    """Chooses few, short and relevant passages of an index; safe to use from several threads."""

    def __init__(self, index: KnowledgeIndex, settings: RetrievalSettings | None = None) -> None:
        self._index = index
        self._settings = settings or load_retrieval(product_folder())
        self._about_the_answer = frozenset(terms(" ".join(self._settings.about_the_answer)))
        groups = [frozenset(terms(" ".join(group))) for group in self._settings.synonyms]
        self._like = {stem: group for group in groups for stem in group}

    @property
    def problems(self) -> list[str]:
        """Documents that could not be read, each with what to do."""
        return self._index.problems

    def document(self, source_id: str) -> Document:
        """The document that a passage is a piece of. Raises KeyError if it is no longer there."""
        return self._index.document(source_id)

    def passages_named(self, passage_ids: Iterable[str]) -> list[Passage]:
        """The passages with these ids, for showing an old answer again."""
        return self._index.passages_named(passage_ids)

    def find(self, message: str, history: Sequence[Message], *, task: str, budget_tokens: int) -> Found:
        """The passages that `message` asks for, best first.

        `history` is the conversation before the message; a follow-up takes words from it.
        `budget_tokens` is what the model may be given to read in all; passages take a share of it.
        """
        began = time.perf_counter()
        if task in self._settings.never_for or self._index.passages == 0:
            return Found((), 0, 0, _ms_since(began))
        relevant = self._relevant(self._query(message, history))
        chosen = self._within(relevant, int(budget_tokens * self._settings.share_of_budget))
        return Found(chosen, self._index.passages, self._index.documents, _ms_since(began))

    def _query(self, message: str, history: Sequence[Message]) -> Query:
        own = list(dict.fromkeys(terms(message)[:_LONGEST_QUERY]))
        new = [stem for stem in own if stem not in self._about_the_answer]
        if not new:
            return Query(self._weights(_earlier_terms(history)), {})
        before = _earlier_terms(history) if _points_back(message, own) else []
        if not before:
            return Query(self._weights(own), {})
        share = self._settings.earlier_words
        earlier = self._weights([stem for stem in before if stem not in new])
        return Query(self._weights(new), {stem: share * weight for stem, weight in earlier.items()})

    def _weights(self, stems: list[str]) -> dict[str, float]:
        return {stem: min(map(self._index.weight, self._alike(stem))) for stem in stems}

    def _alike(self, stem: str) -> frozenset[str]:
        return self._like.get(stem, frozenset((stem,)))

    def _relevant(self, query: Query) -> list[Passage]:
        """Candidates above the thresholds, best first.

        `score` is coverage times the root of BM25 relative to the best, times how well the heading
        fits: a section on exactly what is asked beats one that only mentions it often.
        """
        wanted = {**query.earlier, **query.own}
        searched = [alike for stem in wanted for alike in sorted(self._alike(stem))]
        candidates = self._index.search_terms(searched, _CANDIDATES)
        scored = []
        for passage in candidates:
            coverage = self._coverage(passage, query, wanted)
            if coverage >= self._settings.min_coverage:
                rank = math.sqrt(max(passage.score, 0) / candidates[0].score)
                score = coverage * rank * (1 - _HEADING_PART + _HEADING_PART * self._fit(passage, wanted))
                scored.append(passage.model_copy(update={"score": round(score, 4)}))
        scored.sort(key=lambda passage: -passage.score)
        least = self._settings.min_of_best * scored[0].score if scored else 0
        return [passage for passage in scored if passage.score >= least]

    def _coverage(self, passage: Passage, query: Query, wanted: dict[str, float]) -> float:
        """Share of the wanted words' weight that the passage has; 0 where it can only be chance."""
        has = _stems_of(passage)
        matched = {stem for stem in wanted if not self._alike(stem).isdisjoint(has)}
        if not matched & query.own.keys() or (query.earlier and not matched & query.earlier.keys()):
            return 0.0
        # One rare word in common is not enough for a question that has several.
        if len(matched) < min(_FEWEST_MATCHES, len(wanted)):
            return 0.0
        return sum(wanted[stem] for stem in matched) / sum(wanted.values())

    def _fit(self, passage: Passage, wanted: dict[str, float]) -> float:
        """Dice's coefficient of the heading's stems and the wanted ones, in 0..1."""
        heading = set(terms(" ".join(passage.heading[-1:]) or passage.source_title))
        matched = sum(not self._alike(stem).isdisjoint(heading) for stem in wanted)
        return 2 * matched / (len(heading) + len(wanted))

    def _within(self, passages: list[Passage], budget_tokens: int) -> tuple[Passage, ...]:
        chosen: list[Passage] = []
        left = budget_tokens
        for passage in passages[: self._settings.max_passages]:
            cost = estimate_tokens(_shown(len(chosen) + 1, passage))
            if cost > left and passage is passages[0]:
                passage = _shortened(passage, left)
                cost = estimate_tokens(_shown(1, passage))
            if passage.text and cost <= left:
                chosen.append(passage)
                left -= cost
        return tuple(chosen)


def prompt_block(passages: Sequence[Passage]) -> str:
    """The passages as a model reads them, to stand before the question. Empty if there are none.

    Fenced as data, with the number of the passage after each sentence: a small model cites when it
    only has to copy the mark along (with the number in front it cited half as often).
    """
    if not passages:
        return ""
    shown = "\n".join(_shown(number, passage) for number, passage in enumerate(passages, 1))
    marks = " or ".join(f"[{number}]" for number in range(1, len(passages) + 1))
    return (
        f"<notes>\n{shown}\n</notes>\n"
        f"Answer in full sentences from the notes. End every sentence with {marks}."
    )


def estimate_tokens(text: str) -> int:
    """About how many tokens a model counts: 4 ASCII characters, or 1.5 others, to a token."""
    ascii_count = sum(character < "\x80" for character in text)
    return math.ceil(ascii_count / 4 + (len(text) - ascii_count) / 1.5)


def _points_back(message: str, own: list[str]) -> bool:
    return len(own) <= 1 or (len(own) <= 4 and _POINTS_BACK.search(message) is not None)


def _earlier_terms(history: Sequence[Message]) -> list[str]:
    """Words of the last user message that had any."""
    said = (terms(message.content) for message in reversed(history) if message.role == "user")
    return next((stems[:_LONGEST_QUERY] for stems in said if stems), [])


def _stems_of(passage: Passage) -> set[str]:
    return set(terms(" ".join((passage.source_title, *passage.heading, passage.text))))


def _shown(number: int, passage: Passage) -> str:
    about = " > ".join((passage.source_title, *passage.heading[-1:]))
    # A document must not be able to close the fence that marks it as data, or bring marks along.
    text = _CLOSING.sub("(/notes", _FOREIGN_MARK.sub(r"(\1)", passage.text))
    lines = [plain(about)]
    in_code = False
    for line in text.splitlines():
        fence = line.lstrip().startswith(("```", "~~~"))
        in_code = in_code != fence
        lines.append(line if fence or in_code else _marked(plain(line), number))
    return "\n".join(line for line in lines if line.strip())


def _marked(line: str, number: int) -> str:
    """The line with the mark before each full stop, and at its end."""
    if not any(map(str.isalnum, line)):
        return line
    marked = _FULL_STOP.sub(rf" [{number}]\g<0>", line)
    return marked if marked[-4:].find(f"[{number}]") >= 0 else f"{marked} [{number}]"


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
