"""Times of turns summed up: by group, by day, as a distribution and as cumulative curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.latency_turns import MEASURES, NO_NAME, Bools, Column, Floats, Turns
from data.percentiles import Summary, summarise

# More lines than this in one picture cannot be told apart; tables have all groups.
MOST_CURVES = 4
# Ten bins for each power of ten: the width of a bin is always 26 % of where it stands.
BINS_PER_DECADE = 10
_SHARES = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class GroupFigure:
    """One group's times: as the server and as the browser measured them, each with its n."""

    name: str
    turns: int
    server: Summary
    browser: Summary


@dataclass(frozen=True)
class Curve:
    """How one group's times are spread: `points` are (milliseconds, share of turns)."""

    name: str
    side: str
    n: int
    points: tuple[tuple[float, float], ...]


def by_group(turns: Turns, counted: Bools, by: str, measure: str) -> list[GroupFigure]:
    """Every group that has turns, the largest first; days in their order."""
    server, browser = (turns.times[column] for column in MEASURES[measure])
    figures = [
        GroupFigure(name, int(mine.sum()), summarise(server[mine]), summarise(browser[mine]))
        for name, mine in groups(turns.words[by], counted)
    ]
    return figures if by == "day" else sorted(figures, key=lambda figure: -figure.turns)


def groups(column: Column, counted: Bools) -> Iterator[tuple[str, Bools]]:
    """(name, which turns) of each group with a turn in it; turns without a name come last."""
    there = np.bincount(column.codes[counted], minlength=len(column.names))
    named = [code for code in np.flatnonzero(there) if column.names[code] != NO_NAME]
    rest = [code for code in np.flatnonzero(there) if column.names[code] == NO_NAME]
    for code in (*named, *rest):
        yield column.names[code], counted & (column.codes == code)


def distribution(turns: Turns, counted: Bools, by: str, measure: str) -> list[Curve]:
    """For each of the largest groups the share of its turns in each bin; a point stands at a bin's start.

    Of the browser's times, since people feel those; the server's where no browser reported any.
    """
    return [
        Curve(name, side, len(values), tuple(_binned(values)))
        for name, side, values in _felt(turns, counted, by, measure)
    ]


def cumulative(turns: Turns, counted: Bools, by: str, measure: str) -> list[Curve]:
    """For each of the largest groups, browser and server, which share of the turns took at most so long.

    The points are the percentiles 0 to 100 (data.percentiles).
    """
    curves = []
    for name, mine in _largest(turns, counted, by):
        for side, column in zip(("browser", "server"), reversed(MEASURES[measure]), strict=True):
            values = _known(turns.times[column][mine])
            if len(values):
                quantiles = np.quantile(values, _SHARES)
                points = tuple(zip(quantiles.tolist(), _SHARES.tolist(), strict=True))
                curves.append(Curve(name, side, len(values), points))
    return curves


def _felt(turns: Turns, counted: Bools, by: str, measure: str) -> Iterator[tuple[str, str, Floats]]:
    server, browser = (turns.times[column] for column in MEASURES[measure])
    for name, mine in _largest(turns, counted, by):
        seen, told = _known(browser[mine]), _known(server[mine])
        if len(seen) or len(told):
            yield (name, "browser", seen) if len(seen) else (name, "server", told)


def _largest(turns: Turns, counted: Bools, by: str) -> list[tuple[str, Bools]]:
    """The groups that get a curve. Days would be too many: there all turns are one group."""
    if by == "day":
        return [("all days", counted)]
    return sorted(groups(turns.words[by], counted), key=lambda group: -int(group[1].sum()))[:MOST_CURVES]


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _binned(values: Floats) -> Iterator[tuple[float, float]]:
    """(start of the bin in ms, share of the values), from the first bin with values to one after the last."""
    place = np.floor(np.log10(np.maximum(values, 1.0)) * BINS_PER_DECADE).astype(int)
    low, counts = int(place.min()), np.bincount(place - place.min())
    for number, count in enumerate((*counts.tolist(), 0)):
        yield 10 ** ((low + number) / BINS_PER_DECADE), count / len(values)
