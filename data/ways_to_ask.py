"""How people ask for what a folder's documents tell: `asked.toml` beside them, written by whoever knows them.

A question in quite other words than the text is found by its likeness to one that stands there: two
questions resemble each other more than a question resembles a text. Only for finding: no model reads them.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import RootModel

from data import meaning
from data.config import ConfigError, load_toml

ASKED_FILE = "asked.toml"
MOST, LARGEST_BYTES = 5000, 2_000_000
"""Lines that are used of a file (each is 1.5 kB in memory), and how large it may be."""
NONE = -1.0
"""How near a question is to a section for which no way to ask is written down."""


class _Asked(RootModel[dict[str, dict[str, list[str]]]]):
    """Document → heading (the document's title for what stands above the first one) → questions."""


def fingerprint(folder: Path) -> str:
    """Changes with the folder's file; empty where there is none."""
    path = folder / ASKED_FILE
    try:
        if not path.is_file():
            return ""
        return "too large" if _too_large(path) else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "cannot be read"


def _too_large(path: Path) -> bool:
    return path.stat().st_size > LARGEST_BYTES


def update(connection: sqlite3.Connection, folder: Path) -> None:
    """Put the folder's file into the index, in a transaction of the caller's; a bad one counts as empty.

    Questions that stood there before keep their vectors. Raises sqlite3.Error.
    """
    path, seen = folder / ASKED_FILE, fingerprint(folder)  # before it is read: what comes later is seen later
    problem, lines = "", []
    try:
        if path.is_file() and _too_large(path):
            problem = f"{path} is larger than {LARGEST_BYTES // 1_000_000} MB. Shorten it."
        elif path.is_file():
            lines = list(_lines(load_toml(path, _Asked)))
    except (ConfigError, OSError) as error:
        problem = str(error)
    if len(lines) > MOST:
        problem = f"{path} has {len(lines):,} lines; the first {MOST:,} are used."
    known = dict(connection.execute("select question, vector from ways").fetchall())
    connection.execute("delete from ways")
    connection.executemany(
        "insert into ways (source_id, heading, question, vector) values (?, ?, ?, ?)",
        [
            (source_id, heading, question, known.get(question))
            for source_id, heading, question in lines[:MOST]
        ],
    )
    for name, value in (("asked", seen), ("asked_problem", problem)):
        connection.execute("insert or replace into made values (?, ?)", [name, value])


def is_current(connection: sqlite3.Connection, folder: Path) -> bool:
    """Whether the index has the folder's file as it is now."""
    row = connection.execute("select value from made where name = 'asked'").fetchone()
    return (row[0] if row else "") == fingerprint(folder)


def problems(connection: sqlite3.Connection) -> list[str]:
    """What is wrong with the file: that it cannot be read, or names what is not there."""
    row = connection.execute("select value from made where name = 'asked_problem' and value <> ''").fetchone()
    if row is not None:
        return [row[0]]
    places = {place for _, place in _places(connection)}
    named = connection.execute("select distinct source_id, heading from ways").fetchall()
    return [
        f"{ASKED_FILE}: {source_id} has no text under the heading “{heading}”. Correct its name there."
        for source_id, heading in named
        if (source_id, heading) not in places
    ]


def read_some(connection: sqlite3.Connection, most: int, encoder: meaning.MeaningEncoder) -> int:
    """Read up to `most` of the questions that were not read yet; how many. Raises sqlite3.Error."""
    rows = connection.execute("select id, question from ways where vector is null limit ?", [most]).fetchall()
    for number, question in rows:
        vector = meaning.packed(encoder.encode(question, meaning.MOST_OF_A_QUESTION))
        connection.execute("update ways set vector = ? where id = ?", [vector, number])
    return len(rows)


class WaysToAsk:
    """The vectors of all questions of the file, and the passages that answer each."""

    def __init__(self, connection: sqlite3.Connection, ids: NDArray[np.int64]) -> None:
        """`connection` is the index's; `ids` are the passages', in the order of what `near` gives."""
        rows = connection.execute("select source_id, heading, vector from ways where vector is not null")
        found = rows.fetchall()
        [self._vectors] = meaning.unpacked((row[2] for row in found), 1)
        self._passages = len(ids)
        known = {number: at for at, number in enumerate(ids.tolist())}
        places: dict[tuple[str, str], list[int]] = {}
        for number, place in _places(connection):
            if number in known:  # another process may have written in between
                places.setdefault(place, []).append(known[number])
        pairs = [
            (way, at)
            for way, (source_id, heading, _) in enumerate(found)
            for at in places.get((source_id, heading), ())
        ]
        self._way, self._at = np.array(pairs, np.int64).reshape(-1, 2).T

    def near(self, question: meaning.Floats) -> meaning.Floats:
        """How near the nearest way to ask for each passage is to `question`, -1..1, or NONE: (passages,)."""
        found = np.full(self._passages, NONE, np.float32)
        if len(self._way):
            np.maximum.at(found, self._at, (self._vectors @ question)[self._way])
        return found


def _places(connection: sqlite3.Connection) -> Iterator[tuple[int, tuple[str, str]]]:
    """Of each passage its id and where it stands: (document, innermost heading or title)."""
    rows = connection.execute(
        """select passages.id, passages.source_id, heading, title from passages
           join documents on documents.source_id = passages.source_id order by passages.id"""
    )
    for number, source_id, heading, title in rows:
        yield number, (source_id, (json.loads(heading) or [title])[-1])


def _lines(asked: _Asked) -> Iterator[tuple[str, str, str]]:
    for source_id, sections in asked.root.items():
        for heading, questions in sections.items():
            for question in dict.fromkeys(" ".join(question.split()) for question in questions):
                if question:
                    yield source_id, heading, question
