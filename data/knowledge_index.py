"""The documents that the assistant may read, cut into passages and searchable.

SQLite's FTS5 ranks them (BM25) over stems made by `data.words`. The index lives in memory and is
built once; a folder that changes is read again at the next start.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

import sqlite_utils

from data import words
from data.passages import split, title_of
from data.records import Passage, Record

KINDS = (".md", ".markdown", ".txt")
LARGEST_BYTES = 5_000_000
# What a match in the title, the headings or the text is worth; a heading says what its text is about.
_WEIGHTS = "2.0, 3.0, 1.0"


class Document(Record):
    """A document as the index read it: passages are ranges of characters of `text`."""

    source_id: str
    title: str
    text: str


class KnowledgeIndex:
    """Searches the passages of a folder's documents; safe to use from several threads.

    `problems` names each document that could not be used, and what to do about it.
    """

    def __init__(self, documents: list[Document], problems: list[str]) -> None:
        self.problems = problems
        self._documents = {document.source_id: document for document in documents}
        self._lock = threading.Lock()
        self._database = sqlite_utils.Database(sqlite3.connect(":memory:", check_same_thread=False))
        self._fill(documents)
        self.documents = len(documents)
        self.passages = len(self._passages)

    @classmethod
    def build(cls, folder: Path) -> KnowledgeIndex:
        """Read every .md, .markdown and .txt file below `folder`, hidden ones left out.

        Never fails for a document: what cannot be read is skipped and told in `problems`.
        """
        if not folder.is_dir():
            return cls([], [f"{folder}: there is no such folder, so there are no documents to search"])
        documents: list[Document] = []
        problems: list[str] = []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.suffix.lower() not in KINDS or any(part.startswith(".") for part in name.split("/")):
                continue
            try:
                documents.append(_read(path, name))
            except _Unusable as problem:
                problems.append(f"{path}: {problem}")
        return cls(documents, problems)

    def search(self, query: str, limit: int = 20) -> list[Passage]:
        """The passages that share words with `query`, best first; any text is a safe query."""
        return self.search_terms(words.terms(query), limit)

    def search_terms(self, stems: list[str], limit: int = 20) -> list[Passage]:
        """As `search`, for words that `data.words.terms` has already made stems of."""
        # In quotes nothing is an operator, and stems are letters and digits only.
        match = " OR ".join(f'"{stem}"' for stem in dict.fromkeys(stems))
        if not match:
            return []
        sql = f"""select rowid, bm25(passages, {_WEIGHTS}) as rank from passages
                  where passages match ? order by rank limit ?"""
        with self._lock:
            rows = self._database.execute(sql, [match, limit]).fetchall()
        return [self._passages[row - 1].model_copy(update={"score": -rank}) for row, rank in rows]

    def weight(self, stem: str) -> float:
        """How telling a stem is: BM25's inverse document frequency over passages.

        ln(1 + (N - n + 0.5) / (n + 0.5)), with n of N passages having it (Robertson and Zaragoza,
        The Probabilistic Relevance Framework, 2009); largest for a stem that no passage has.
        """
        with self._lock:
            row = self._database.execute("select doc from vocabulary where term = ?", [stem]).fetchone()
        having = row[0] if row else 0
        return math.log(1 + (self.passages - having + 0.5) / (having + 0.5))

    def document(self, source_id: str) -> Document:
        """The document that a passage comes from. Raises KeyError if there is none."""
        return self._documents[source_id]

    def passages_named(self, passage_ids: Iterable[str]) -> list[Passage]:
        """The passages with these ids, in their order; those that are no longer there are left out."""
        by_id = {passage.passage_id: passage for passage in self._passages}
        return [by_id[passage_id] for passage_id in passage_ids if passage_id in by_id]

    def _fill(self, documents: list[Document]) -> None:
        self._passages = [
            passage
            for document in documents
            for passage in split(
                document.text, document.source_id, document.title, not document.source_id.endswith(".txt")
            )
        ]
        connection = self._database.conn
        # The words are stems already, so FTS5 only has to cut at spaces. Marks count as letters, or
        # Hindi would fall apart at its vowel signs.
        connection.execute(
            """create virtual table passages using fts5(title, heading, text, detail = full,
               tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'")"""
        )
        connection.execute("create virtual table vocabulary using fts5vocab(passages, 'row')")
        connection.executemany(
            "insert into passages (rowid, title, heading, text) values (?, ?, ?, ?)",
            (
                (row, _stems(passage.source_title), _stems(" ".join(passage.heading)), _stems(passage.text))
                for row, passage in enumerate(self._passages, 1)
            ),
        )
        connection.commit()


class _Unusable(Exception):
    """A document cannot be used; the text says why and what to do."""


def _read(path: Path, name: str) -> Document:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise _Unusable(
                f"is larger than {LARGEST_BYTES // 1_000_000} MB; split it into smaller documents"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _Unusable(f"cannot be read ({error.strerror}); check that it is a readable file") from error
    except UnicodeDecodeError as error:
        raise _Unusable(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise _Unusable("holds binary data, not text; remove it or save it as UTF-8 text")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise _Unusable("is empty; write something in it or remove it")
    fallback = Path(name).stem.replace("_", " ").replace("-", " ")
    return Document(
        source_id=name, title=fallback if name.endswith(".txt") else title_of(text, fallback), text=text
    )


def _stems(text: str) -> str:
    return " ".join(words.terms(text))
