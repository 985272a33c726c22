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
from pydantic import RootModel

from data import meaning
from data.config import ConfigError, load_toml

ASKED_FILE = "asked.toml"
MOST = 5000
"""Lines that are used of a file: each is 1.5 kB in memory and takes a question 0.3 µs."""
_SCALE = 400  # as in data.meaning: numbers of a vector of length 1 in a byte each


class _Asked(RootModel[dict[str, dict[str, list[str]]]]):
    """Document → heading (the document's title for what stands above the first one) → questions."""


def fingerprint(folder: Path) -> str:
    """Changes with the folder's file; empty where there is none."""
    try:
        return hashlib.sha256((folder / ASKED_FILE).read_bytes()).hexdigest()
    except OSError:
        return ""


def update(connection: sqlite3.Connection, folder: Path) -> None:
    """Put the folder's file into the index, in a transaction of the caller's; a bad one counts as empty.

    Questions that stood there before keep their vectors. Raises sqlite3.Error.
    """
    problem, lines = "", []
    if (folder / ASKED_FILE).is_file():
        try:
            lines = list(_lines(load_toml(folder / ASKED_FILE, _Asked)))[:MOST]
        except ConfigError as error:
            problem = str(error)
    known = dict(connection.execute("select question, vector from ways").fetchall())
    connection.execute("delete from ways")
    connection.executemany(
        "insert into ways (source_id, heading, question, vector) values (?, ?, ?, ?)",
        [(source_id, heading, question, known.get(question)) for source_id, heading, question in lines],
    )
    for name, value in (("asked", fingerprint(folder)), ("asked_problem", problem)):
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
        vector = encoder.encode(question, meaning.MOST_OF_A_QUESTION)
        packed = np.clip(np.round(vector * _SCALE), -127, 127).astype(np.int8).tobytes()
        connection.execute("update ways set vector = ? where id = ?", [packed, number])
    return len(rows)


class WaysToAsk:
    """The vectors of all questions of the file, and the passages that answer each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """`connection` is the index's; passages are numbered as they lie in it, by their id."""
        rows = connection.execute("select source_id, heading, vector from ways where vector is not null")
        found = rows.fetchall()
        numbers = np.frombuffer(b"".join(row[2] for row in found), np.int8).reshape(-1, meaning.SIZE)
        self._vectors = np.asarray(numbers, np.float32) / np.float32(_SCALE)
        places: dict[tuple[str, str], list[int]] = {}
        self._passages = 0
        for at, place in _places(connection):
            places.setdefault(place, []).append(at)
            self._passages = at + 1
        pairs = [
            (way, at)
            for way, (source_id, heading, _) in enumerate(found)
            for at in places.get((source_id, heading), ())
        ]
        self._way, self._at = np.array(pairs, np.int64).reshape(-1, 2).T

    def near(self, question: meaning.Floats) -> meaning.Floats:
        """How near the nearest way to ask for each passage is to `question`, in 0..1: (passages,)."""
        found = np.zeros(self._passages, np.float32)
        if len(self._way):
            np.maximum.at(found, self._at, (self._vectors @ question)[self._way])
        return found


def _places(connection: sqlite3.Connection) -> Iterator[tuple[int, tuple[str, str]]]:
    """Of each passage its number and where it stands: (document, innermost heading or title)."""
    rows = connection.execute(
        """select passages.source_id, heading, title from passages
           join documents on documents.source_id = passages.source_id order by passages.id"""
    )
    for at, (source_id, heading, title) in enumerate(rows):
        yield at, (source_id, (json.loads(heading) or [title])[-1])


def _lines(asked: _Asked) -> Iterator[tuple[str, str, str]]:
    for source_id, sections in asked.root.items():
        for heading, questions in sections.items():
            for question in dict.fromkeys(" ".join(question.split()) for question in questions):
                if question:
                    yield source_id, heading, question
