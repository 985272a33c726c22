"""The documents that the assistant may read, cut into passages and searchable.

SQLite's FTS5 ranks them (BM25) over stems made by `data.words`; `data.index_vectors` finds what is near in
meaning. The index of a folder is kept in a file (`data.index_file`) and follows the folder
(`data.index_follower`); that of a few documents is in memory.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import index_file, index_query, index_rows, index_update, ways_to_ask, words
from data.documents import Document
from data.index_follower import Follower
from data.index_rows import Candidate, Near, candidate_of, weight_of
from data.index_vectors import MOST_READ_CLOSELY, IndexVectors, Meant
from data.records import Passage

LOG = logging.getLogger("upshift.documents")
# More files than this are read in the background while the page is already there.
READ_AT_ONCE = 300


@dataclass(frozen=True)
class _Counts:
    """How much there is to search, as last counted."""

    documents: int
    passages: int
    mean_words: float


class KnowledgeIndex:
    """Searches the passages of documents; safe to use from several threads.

    `folder` is followed where there is one; `file` is where the index is kept, None for memory.
    """

    def __init__(self, folder: Path | None = None, file: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._reading = index_file.open_file(file)
        in_file = self._reading.execute("pragma database_list").fetchone()[2]
        # A second connection writes, so that searching goes on meanwhile; memory has only one.
        self._writing = index_file.open_file(file) if in_file else self._reading
        own = contextlib.nullcontext() if in_file else self._lock
        kept_in = file if in_file else None
        self._follower = Follower(folder, self._writing, kept_in, own, self._written)
        self._version = -1
        self._known: dict[str, int] = {}
        self._counts: _Counts | None = None
        self._vectors: IndexVectors | None = None

    @classmethod
    def build(cls, folder: Path, file: Path | None = None) -> KnowledgeIndex:
        """The index of every document below `folder`, read whole, or as far as it has changed.

        Never fails for a document: what cannot be read is skipped and told in `problems`.
        """
        index = cls(folder, file)
        index.refresh()
        return index

    @classmethod
    def open(cls, folder: Path, file: Path | None) -> KnowledgeIndex:
        """As `build`, but leaves it to `watch` to read more than READ_AT_ONCE files.

        So it is left to `watch` when the first look fails, as on a full disk.
        """
        index = cls(folder, file)
        try:
            index.refresh(until=READ_AT_ONCE)
        except (sqlite3.Error, OSError) as problem:
            LOG.warning("the documents could not be looked at yet: %s", problem)
        return index

    @classmethod
    def of(cls, documents: Iterable[Document]) -> KnowledgeIndex:
        """The index of these documents, in memory."""
        index = cls()
        index.add(documents)
        return index

    @property
    def documents(self) -> int:
        """How many documents can be searched."""
        return self._counted().documents

    @property
    def passages(self) -> int:
        """How many passages they have."""
        return self._counted().passages

    @property
    def mean_words(self) -> float:
        """How many stems a passage has on average; 1 where there are none."""
        return self._counted().mean_words

    @property
    def problems(self) -> list[str]:
        """Each document that could not be used, and what to do about it."""
        if self._follower.missing:
            return [f"{self._folder}: there is no such folder, so there are no documents to search"]
        with self._lock:
            rows = index_rows.problems(self._reading)
            of_ways = ways_to_ask.problems(self._reading)
        told = [f"{self._folder / name if self._folder else name}: {problem}" for name, problem in rows]
        if waiting := self._follower.waiting:
            of_ways = []  # headings of documents that were not read yet
            told.append(f"{self._folder}: {waiting:,} documents are still to be read, in the background")
        return told + of_ways

    @property
    def is_read_closely(self) -> bool:
        """Whether every passage was read as a whole, so that a question should be too."""
        with self._lock:
            self._notice_changes()
            return self._vectors_now().read_closely

    def search(self, query: str, limit: int = 20) -> list[Passage]:
        """The passages that share words with `query`, best first; any text is a safe query."""
        stems = dict.fromkeys(words.terms(query))
        found = self.candidates([(stem,) for stem in stems], limit)
        return [candidate.passage for candidate in found]

    def candidates(
        self, wanted: Sequence[Sequence[str]], limit: int = 20, meant: Meant | None = None
    ) -> list[Candidate]:
        """Passages that have wanted words, best first; then those that are near in meaning.

        Each wanted word is a list of stems of which any will do. Words that very many passages have
        count only together with another one. Up to `limit` of each.
        """
        with self._lock:
            self._notice_changes()
            query = index_query.match(wanted, self.having, self.passages)
            scores = index_query.scores(self._reading, query, limit)
            near: dict[int, Near] = {}
            if meant is not None:
                near = self._vectors_now().near(meant, limit, list(scores))
            ids = list(dict.fromkeys([*scores, *near]))
            rows = self._reading.execute(
                f"{index_rows.CANDIDATE} where passages.id in ({', '.join('?' * len(ids))})", ids
            ).fetchall()
        by_id = {row[0]: row[1:] for row in rows}
        return [
            candidate_of(by_id[number], scores.get(number, 0.0), near.get(number, Near()))
            for number in ids
            if number in by_id
        ]

    def having(self, stem: str) -> int:
        """How many passages have a stem."""
        with self._lock:
            known = self._known.get(stem)
            if known is None:
                row = self._reading.execute("select doc from vocabulary where term = ?", [stem]).fetchone()
                known = self._known[stem] = row[0] if row else 0
            return known

    def weight(self, stem: str) -> float:
        """How telling a stem is: see `weight_of`."""
        return weight_of(self.having(stem), self.passages)

    def document(self, source_id: str) -> Document:
        """The document that a passage comes from. Raises KeyError if there is none."""
        with self._lock:
            return index_rows.document(self._reading, source_id)

    def passages_named(self, passage_ids: Iterable[str]) -> list[Passage]:
        """The passages with these ids, in their order; those that are no longer there are left out."""
        with self._lock:
            found = [index_rows.passage_named(self._reading, passage_id) for passage_id in passage_ids]
        return [passage for passage in found if passage is not None]

    def first_passages(self, limit: int, source_id: str | None = None) -> list[Passage]:
        """The passages that the documents begin with, in their order."""
        with self._lock:
            return index_rows.first_passages(self._reading, limit, source_id)

    def add(self, documents: Iterable[Document]) -> None:
        """Put documents into an index in memory."""
        with self._lock:
            index_update.add(self._writing, documents)
            self._forget()

    def remove(self, source_id: str) -> None:
        """Take a document out of an index in memory."""
        with self._lock:
            index_update.remove(self._writing, source_id)
            self._forget()

    def refresh(self, *, until: int = -1) -> bool:
        """Look at the folder and read what has changed (at most `until` files); whether anything had.

        Takes as long as the reading takes, while others go on searching. Raises sqlite3.Error.
        """
        return self._follower.refresh(until)

    def read_closely(self) -> None:
        """Read each passage as a whole now, which `watch` does in the background: some 60 ms for each."""
        self._follower.read_closely()

    def watch(self) -> None:
        """Follow the folder in the background from now on: look every few seconds, read what changed."""
        self._follower.watch()

    def close(self) -> None:
        """Stop following, and let the file go."""
        self._follower.close()
        with self._lock:
            self._reading.close()

    def _vectors_now(self) -> IndexVectors:
        if self._vectors is None:
            self._vectors = IndexVectors(self._reading)  # 0.1 s for 70,000 passages
        return self._vectors

    def _counted(self) -> _Counts:
        with self._lock:
            if self._counts is None:
                words_mean = self._one("select avg(words) from passages")
                self._counts = _Counts(
                    documents=self._one("select count(*) from documents where problem is null"),
                    passages=self._one("select count(*) from passages"),
                    mean_words=float(words_mean or 1.0),
                )
            return self._counts

    def _notice_changes(self) -> None:
        """Forget what was counted when another connection has written to the file."""
        version = self._one("pragma data_version")
        if version != self._version:
            self._version = version
            # Those of very many passages take long to read; they follow when all is written.
            kept = self._vectors if self._counted().passages > MOST_READ_CLOSELY else None
            self._forget()
            self._vectors = kept

    def _written(self) -> None:
        """Take note of what was written to the file; who searches next should not wait for the vectors."""
        with self._lock:
            self._forget()
            self._vectors_now()

    def _forget(self) -> None:
        """Forget what was read and counted."""
        self._known.clear()
        self._counts = None
        self._vectors = None

    def _one(self, sql: str) -> int:
        value: int = self._reading.execute(sql).fetchone()[0]
        return value
