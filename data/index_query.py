"""The query of a search in FTS5's language, and the search itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

# What a match in the title, the headings or the text is worth; a heading says what its text is about.
WEIGHTS = "2.0, 3.0, 1.0"
# A word that more passages have than this is only looked up together with another one: counting all
# its places would take longer than the rest of the search.
COMMON = 400
_PAIRED = 3  # common words that are paired, the rarest first
# A word that this share of all passages has tells them apart no more, and is only looked up if all are so.
_EVERYWHERE = 0.2


def scores(connection: sqlite3.Connection, match: str, limit: int) -> dict[int, float]:
    """The ids of the best passages for a query with their BM25, higher is better. Raises sqlite3.Error."""
    if not match:
        return {}
    ranked = f"""select rowid, -bm25(words, {WEIGHTS}) as score from words where words match ?
                 order by score desc limit ?"""
    return dict(connection.execute(ranked, [match, limit]).fetchall())


def match(wanted: Sequence[Sequence[str]], having: Callable[[str], int], passages: int) -> str:
    """The query for wanted words, each a list of stems of which any will do; empty if none is known.

    `having` tells how many of the `passages` have a stem. In quotes nothing is an operator; stems are
    letters and digits.
    """
    counted = []
    for stems in wanted:
        count = sum(map(having, stems))
        if count:
            counted.append((count, "(" + " OR ".join(f'"{stem}"' for stem in stems) + ")"))
    counted.sort(key=lambda item: item[0])
    rare = [word for count, word in counted if count <= COMMON]
    common = [word for count, word in counted if COMMON < count <= _EVERYWHERE * passages]
    if not rare and not common:
        common = [word for _, word in counted]
    common = common[:_PAIRED]
    if not rare and len(common) == 1:
        return common[0]
    pairs = [f"({one} AND {other})" for at, one in enumerate(common) for other in common[at + 1 :]]
    return " OR ".join([*rare, *pairs])
