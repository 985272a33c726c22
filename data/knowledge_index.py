"""The documents that the assistant may read, cut into passages and searchable.

SQLite's FTS5 ranks them (BM25) over stems made by `data.words`. The index of a folder is kept in a
file (`data.index_file`) and follows the folder (`data.index_update`); that of a few documents is in
memory.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data import index_file, index_update, words
from data.documents import Document
from data.records import Passage
from data.word_vectors import SIZE, Floats, unpacked

LOG = logging.getLogger("upshift.documents")
# What a match in the title, the headings or the text is worth; a heading says what its text is about.
WEIGHTS = "2.0, 3.0, 1.0"
# A word that more passages have than this is only looked up together with another one: counting all
# its places would take longer than the rest of the search.
COMMON = 400
_PAIRED = 3  # common words that are paired, the rarest first
# How often a folder is looked at, and at most which share of the time that takes.
LOOK_S = 3.0
_LOOK_SHARE = 0.02
# More files than this are read in the background while the page is already there.
READ_AT_ONCE = 300


@dataclass(frozen=True)
class Candidate:
    """A passage that may answer a query, with its stems.

    `score` is BM25 with column weights, 0 where it was found by meaning only; `similarity` is the
    product of its vector with the query's, in -1.5..1.5, 0 without one.
    """

    passage: Passage
    title: tuple[str, ...]
    heading: tuple[str, ...]
    text: tuple[str, ...]
    score: float
    similarity: float = 0.0


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
        self._updating = threading.Lock()
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._reading = index_file.open_file(file)
        in_file = self._reading.execute("pragma database_list").fetchone()[2]
        # A second connection writes, so that searching goes on meanwhile; memory has only one.
        self._writing = index_file.open_file(file) if in_file else self._reading
        self._file = file if in_file else None
        self._version = -1
        self._known: dict[str, int] = {}
        self._counts: _Counts | None = None
        self._ids: NDArray[np.int64] = np.zeros(0, np.int64)
        self._vectors: Floats | None = None
        self._missing = folder is not None and not folder.is_dir()
        self._waiting = 0

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
        """As `build`, but leaves it to `watch` to read more than READ_AT_ONCE files."""
        index = cls(folder, file)
        index.refresh(until=READ_AT_ONCE)
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
        if self._missing:
            return [f"{self._folder}: there is no such folder, so there are no documents to search"]
        with self._lock:
            rows = self._reading.execute(
                "select source_id, problem from documents where problem is not null order by source_id"
            ).fetchall()
        told = [f"{self._folder / name if self._folder else name}: {problem}" for name, problem in rows]
        if self._waiting:
            told.append(
                f"{self._folder}: {self._waiting:,} documents are still to be read, in the background"
            )
        return told

    def search(self, query: str, limit: int = 20) -> list[Passage]:
        """The passages that share words with `query`, best first; any text is a safe query."""
        return self.search_terms(words.terms(query), limit)

    def search_terms(self, stems: Sequence[str], limit: int = 20) -> list[Passage]:
        """As `search`, for words that `data.words.terms` has already made stems of."""
        found = self.candidates([(stem,) for stem in dict.fromkeys(stems)], limit)
        return [candidate.passage for candidate in found]

    def candidates(
        self, wanted: Sequence[Sequence[str]], limit: int = 20, vector: Floats | None = None
    ) -> list[Candidate]:
        """Passages that have wanted words, best first; then those that are near a vector in meaning.

        Each wanted word is a list of stems of which any will do. Words that very many passages have
        count only together with another one. Up to `limit` of both.
        """
        with self._lock:
            self._notice_changes()
            match = self._match(wanted)
            scores: dict[int, float] = {}
            if match:
                ranked = f"""select rowid, -bm25(words, {WEIGHTS}) as score from words where words match ?
                             order by score desc limit ?"""
                scores = dict(self._reading.execute(ranked, [match, limit]).fetchall())
            near: dict[int, float] = {}
            if vector is not None:
                near = self._near(vector, limit, list(scores))
            ids = list(dict.fromkeys([*scores, *near]))
            rows = self._reading.execute(
                f"{_CANDIDATE} where passages.id in ({', '.join('?' * len(ids))})", ids
            ).fetchall()
        by_id = {row[0]: row[1:] for row in rows}
        return [
            _candidate(by_id[number], scores.get(number, 0.0), near.get(number, 0.0))
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
            row = self._reading.execute(
                "select title, text, markdown from documents where source_id = ? and problem is null",
                [source_id],
            ).fetchone()
        if row is None:
            raise KeyError(source_id)
        return Document(source_id=source_id, title=row[0], text=row[1], markdown=bool(row[2]))

    def passages_named(self, passage_ids: Iterable[str]) -> list[Passage]:
        """The passages with these ids, in their order; those that are no longer there are left out."""
        found = [self._named(passage_id) for passage_id in passage_ids]
        return [passage for passage in found if passage is not None]

    def first_passages(self, limit: int, source_id: str | None = None) -> list[Passage]:
        """The passages that the documents begin with, in their order."""
        where, given = ("where passages.source_id = ?", [source_id]) if source_id else ("", [])
        with self._lock:
            rows = self._reading.execute(
                f"""{_PASSAGE} {where} order by passages.id limit ?""", [*given, limit]
            ).fetchall()
        return [_passage(*row) for row in rows]

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

        Takes as long as the reading takes, while others go on searching.
        """
        if self._folder is None:
            return False
        with self._updating:
            self._missing = not self._folder.is_dir()
            todo = index_update.changes(self._writing, index_update.files_in(self._folder))
            if not todo:
                self._waiting = 0
                return False
            lock = self._file.with_suffix(".lock") if self._file else None
            if self._writing is self._reading:
                with self._lock:
                    index_update.update(self._writing, todo, lock, until=until)
                    self._forget()
            else:
                index_update.update(self._writing, todo, lock, until=until)
                self._read_vectors()
            self._waiting = max(0, len(todo.look_into) - until) if until >= 0 else 0
            return True

    def watch(self) -> None:
        """Follow the folder in the background from now on: look every few seconds, read what changed."""
        if self._folder is not None and self._watcher is None:
            self._watcher = threading.Thread(target=self._follow, name="documents", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        """Stop following, and let the file go."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join(timeout=5)
        with self._updating, self._lock:
            self._reading.close()
            if self._writing is not self._reading:
                self._writing.close()

    def _follow(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            began = time.monotonic()
            try:
                self.refresh()
            except (sqlite3.Error, OSError) as problem:
                if not self._stop.is_set():
                    LOG.warning("the documents could not be looked at: %s", problem)
            pause_s = max(LOOK_S, (time.monotonic() - began) / _LOOK_SHARE)

    def _match(self, wanted: Sequence[Sequence[str]]) -> str:
        """The query in FTS5's language. In quotes nothing is an operator; stems are letters and digits."""
        counted = []
        for stems in wanted:
            having = sum(map(self.having, stems))
            if having:
                counted.append((having, "(" + " OR ".join(f'"{stem}"' for stem in stems) + ")"))
        counted.sort(key=lambda item: item[0])
        rare = [match for having, match in counted if having <= COMMON]
        common = [match for having, match in counted if having > COMMON][:_PAIRED]
        if not rare and len(common) == 1:
            return common[0]
        pairs = [f"({one} AND {other})" for at, one in enumerate(common) for other in common[at + 1 :]]
        return " OR ".join([*rare, *pairs])

    def _named(self, passage_id: str) -> Passage | None:
        source_id, _, place = passage_id.rpartition("#")
        start, _, end = place.partition("-")
        if not (start.isdigit() and end.isdigit()):
            return None
        with self._lock:
            row = self._reading.execute(
                f"{_PASSAGE} where passages.source_id = ? and start = ? and end = ?",
                [source_id, int(start), int(end)],
            ).fetchone()
        return _passage(*row) if row else None

    def _near(self, vector: Floats, limit: int, also: list[int]) -> dict[int, float]:
        """Passage → product of its vector with this one, for the highest and for those in `also`."""
        if self._vectors is None:
            self._read_vectors()
        assert self._vectors is not None
        if not len(self._ids) or not vector.any():
            return {}
        products = self._vectors @ vector
        best = (
            np.argpartition(-products, limit)[:limit] if len(products) > limit else np.arange(len(products))
        )
        places = np.searchsorted(self._ids, also)
        known = [
            place
            for place, number in zip(places.tolist(), also, strict=True)
            if place < len(self._ids) and self._ids[place] == number
        ]
        return {int(self._ids[place]): float(products[place]) for place in [*best.tolist(), *known]}

    def _read_vectors(self) -> None:
        """Read all vectors again: 0.1 s for 70,000 passages."""
        with self._lock:
            rows = self._reading.execute("select id, vector from passages order by id").fetchall()
            self._ids = np.array([row[0] for row in rows], np.int64)
            self._vectors = unpacked(row[1] for row in rows) if rows else np.zeros((0, SIZE), np.float32)

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
            self._known.clear()
            self._counts = None

    def _forget(self) -> None:
        """Forget what was read and counted: this connection has written."""
        self._known.clear()
        self._counts = None
        self._vectors = None

    def _one(self, sql: str) -> int:
        value: int = self._reading.execute(sql).fetchone()[0]
        return value


_CANDIDATE = """select passages.id, passages.source_id, passages.heading, start, end, documents.title,
                    substr(documents.text, start + 1, end - start), words.title, words.heading, words.text
                from passages join words on words.rowid = passages.id
                join documents on documents.source_id = passages.source_id"""
_PASSAGE = """select passages.source_id, heading, start, end, title, substr(text, start + 1, end - start)
              from passages join documents on documents.source_id = passages.source_id"""


def weight_of(having: int, passages: int) -> float:
    """How telling a stem is that `having` of `passages` have: BM25's inverse document frequency.

    ln(1 + (N - n + 0.5) / (n + 0.5)) (Robertson and Zaragoza, The Probabilistic Relevance Framework,
    2009); largest for a stem that no passage has.
    """
    return math.log(1 + (passages - having + 0.5) / (having + 0.5))


def _passage(
    source_id: str, heading: str, start: int, end: int, title: str, text: str, score: float = 0.0
) -> Passage:
    return Passage(
        passage_id=f"{source_id}#{start}-{end}",
        source_id=source_id,
        source_title=title,
        heading=tuple(json.loads(heading)),
        text=text,
        start=start,
        end=end,
        score=score,
    )


def _candidate(row: Sequence[Any], score: float, similarity: float) -> Candidate:
    source_id, heading, start, end, title, text, *stems = row
    passage = _passage(source_id, heading, start, end, title, text, score)
    in_title, in_heading, in_text = (tuple(part.split()) for part in stems)
    return Candidate(passage, in_title, in_heading, in_text, score, similarity)
