"""Rows of the index as documents, passages and candidates."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.documents import Document
from data.records import Passage

CANDIDATE = """select passages.id, passages.source_id, passages.heading, start, end, documents.title,
                   substr(documents.text, start + 1, end - start), words.title, words.heading, words.text
               from passages join words on words.rowid = passages.id
               join documents on documents.source_id = passages.source_id"""
PASSAGE = """select passages.source_id, heading, start, end, title, substr(text, start + 1, end - start)
             from passages join documents on documents.source_id = passages.source_id"""


@dataclass(frozen=True)
class Closely:
    """How near a passage is to a question as a whole: products of their vectors, in -1..1.

    `text` of what the passage says, `path` of the path of its headings; `text_above` and `path_above` how
    much more that is than for the tenth nearest passage: what the whole collection is about, such as the
    product's name, brings a question near to all of it and tells nothing. `asked`: how near the nearest
    way to ask for the passage is (`data.ways_to_ask`), -1 where none is written down.
    """

    text: float
    path: float
    text_above: float
    path_above: float
    asked: float = -1.0


@dataclass(frozen=True)
class Near:
    """How near a passage is to a question in meaning.

    `words`: product of the means of their words' vectors, in -1.5..1.5; `closely` is None where the
    passages were not read as a whole.
    """

    words: float = 0.0
    closely: Closely | None = None


@dataclass(frozen=True)
class Candidate:
    """A passage that may answer a query, with its stems.

    `score` is BM25 with column weights, 0 where it was found by meaning only.
    """

    passage: Passage
    title: tuple[str, ...]
    heading: tuple[str, ...]
    text: tuple[str, ...]
    score: float
    near: Near = Near()


def weight_of(having: int, passages: int) -> float:
    """How telling a stem is that `having` of `passages` have: BM25's inverse document frequency.

    ln(1 + (N - n + 0.5) / (n + 0.5)) (Robertson and Zaragoza, The Probabilistic Relevance Framework,
    2009); largest for a stem that no passage has.
    """
    return math.log(1 + (passages - having + 0.5) / (having + 0.5))


def passage_of(
    source_id: str, heading: str, start: int, end: int, title: str, text: str, score: float = 0.0
) -> Passage:
    """The passage of a row of PASSAGE."""
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


def candidate_of(row: Sequence[Any], score: float, near: Near) -> Candidate:
    """The candidate of a row of CANDIDATE without its id."""
    source_id, heading, start, end, title, text, *stems = row
    passage = passage_of(source_id, heading, start, end, title, text, score)
    in_title, in_heading, in_text = (tuple(part.split()) for part in stems)
    return Candidate(passage, in_title, in_heading, in_text, score, near)


def document(connection: sqlite3.Connection, source_id: str) -> Document:
    """The document of this id. Raises KeyError if there is none."""
    row = connection.execute(
        "select title, text, markdown from documents where source_id = ? and problem is null", [source_id]
    ).fetchone()
    if row is None:
        raise KeyError(source_id)
    return Document(source_id=source_id, title=row[0], text=row[1], markdown=bool(row[2]))


def passage_named(connection: sqlite3.Connection, passage_id: str) -> Passage | None:
    """The passage of this id; None if there is none, or no longer."""
    source_id, _, place = passage_id.rpartition("#")
    start, _, end = place.partition("-")
    if not (start.isdigit() and end.isdigit()):
        return None
    row = connection.execute(
        f"{PASSAGE} where passages.source_id = ? and start = ? and end = ?", [source_id, int(start), int(end)]
    ).fetchone()
    return passage_of(*row) if row else None


def first_passages(connection: sqlite3.Connection, limit: int, source_id: str | None) -> list[Passage]:
    """The passages that the documents begin with, or one of them, in their order."""
    where, given = ("where passages.source_id = ?", [source_id]) if source_id else ("", [])
    rows = connection.execute(f"{PASSAGE} {where} order by passages.id limit ?", [*given, limit]).fetchall()
    return [passage_of(*row) for row in rows]


def problems(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Documents that could not be used, each with what to do about it, in their order."""
    return connection.execute(
        "select source_id, problem from documents where problem is not null order by source_id"
    ).fetchall()
