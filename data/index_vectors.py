"""The vectors of an index's passages: which are near a question in meaning, and how near.

Of every passage there is the mean of its words' vectors (`data.word_vectors`), made with the index. In
smaller collections each is also read as a whole (`data.meaning`), later and in the background, as that
takes some 60 ms a passage.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data import meaning
from data.index_rows import PASSAGE, Closely, Near
from data.ways_to_ask import NONE, WaysToAsk
from data.word_vectors import SIZE, Floats, unpacked

# More passages than this are not read closely: it would take a core for minutes. Among fewer, the nearest
# does not stand out enough to say whether it tells what is asked.
MOST_READ_CLOSELY, FEWEST_READ_CLOSELY = 2000, 40
_STANDS_OUT_OF = 10
# A way to ask that is no nearer than this is another question.
_LEAST_ASKED = 0.3


@dataclass(frozen=True)
class Meant:
    """A question's vectors: of its words, and of what it says as a whole (None if that was not read)."""

    words: Floats
    whole: Floats | None = None


class IndexVectors:
    """The vectors of all passages, as they are in the file now: read once, gone through whole."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("select id, vector from passages order by id").fetchall()
        self._ids = np.array([row[0] for row in rows], np.int64)
        self._words = unpacked(row[1] for row in rows) if rows else np.zeros((0, SIZE), np.float32)
        self._whole = _whole(connection, len(rows)) if is_read_closely(len(rows)) else None
        self._ways = WaysToAsk(connection, self._ids) if self._whole is not None else None

    @property
    def read_closely(self) -> bool:
        """Whether every passage was read as a whole."""
        return self._whole is not None

    def near(self, meant: Meant, limit: int, also: Sequence[int]) -> dict[int, Near]:
        """Passages near a question, and those in `also`: up to `limit` by their words and as a whole."""
        if not len(self._ids):
            return {}
        words = self._words @ meant.words
        places = set(_highest(words, limit)) if meant.words.any() else set()
        whole, tenth = None, np.zeros(2, np.float32)
        asked = np.full(len(self._ids), NONE, np.float32)
        if self._whole is not None and self._ways is not None and meant.whole is not None:
            whole = self._whole @ meant.whole
            tenth = np.partition(whole, -_STANDS_OUT_OF, axis=1)[:, -_STANDS_OUT_OF]
            places |= set(_highest(whole.sum(axis=0), limit))
            asked = self._ways.near(meant.whole)
            places |= {place for place in _highest(asked, limit) if asked[place] > _LEAST_ASKED}
        places |= set(self._places(also))
        return {
            int(self._ids[place]): Near(
                float(words[place]),
                None if whole is None else _closely(whole[:, place], tenth, float(asked[place])),
            )
            for place in places
        }

    def _places(self, numbers: Sequence[int]) -> list[int]:
        places = np.searchsorted(self._ids, numbers).tolist()
        return [
            place
            for place, number in zip(places, numbers, strict=True)
            if place < len(self._ids) and self._ids[place] == number
        ]


def is_read_closely(passages: int) -> bool:
    """Whether a collection of so many passages is one to read closely."""
    return FEWEST_READ_CLOSELY <= passages <= MOST_READ_CLOSELY


def read_some(connection: sqlite3.Connection, most: int, encoder: meaning.MeaningEncoder) -> int:
    """Read up to `most` of the passages as a whole that were not yet; how many. Raises sqlite3.Error."""
    rows = connection.execute(
        f"""{PASSAGE.replace("select", "select passages.id,", 1)}
            where passages.id not in (select id from meanings) order by passages.id limit ?""",
        [most],
    ).fetchall()
    for number, _, heading, _, _, title, text in rows:
        vectors = meaning.of_passage(encoder, [title, *json.loads(heading)], text)
        connection.execute("insert or replace into meanings values (?, ?)", [number, vectors])
    return len(rows)


def _whole(connection: sqlite3.Connection, passages: int) -> Floats | None:
    """(2, passages, size): of texts and of headings; None if some were not read yet."""
    rows = connection.execute(
        "select vectors from meanings where id in (select id from passages) order by id"
    ).fetchall()
    return meaning.unpacked((row[0] for row in rows), 2) if rows and len(rows) == passages else None


def _closely(products: Floats, tenth: Floats, asked: float) -> Closely:
    text, path = map(float, products)
    return Closely(text, path, text - float(tenth[0]), path - float(tenth[1]), asked)


def _highest(values: Floats, limit: int) -> list[int]:
    if len(values) <= limit:
        return list(range(len(values)))
    return [int(place) for place in np.argpartition(-values, limit)[:limit]]
