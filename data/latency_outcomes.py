"""How turns ended, what they cost, and whether people agreed with the app's doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.latency_figures import groups
from data.latency_turns import Bools, Turns

# Doubt is estimated between 0 and 1; so many equal steps of it are compared.
DOUBT_STEPS = 5


@dataclass(frozen=True)
class Outcome:
    """How many of a group's turns had each ending; `priced` of them have a known cost."""

    name: str
    turns: int
    overridden: int
    stopped: int
    abandoned: int
    stalled: int
    error: int
    priced: int
    cost_usd: float


@dataclass(frozen=True)
class DoubtStep:
    """Answers with a doubt between `low` and `high` that got a thumb: how many, and how many down.

    `share_low` to `share_high` is the 95 % interval of the share that was down (Wilson, Journal of the
    American Statistical Association 22 (1927) 209-212).
    """

    low: float
    high: float
    n: int
    down: int
    share_low: float
    share_high: float


def outcomes(turns: Turns, fitting: Bools, by: str) -> list[Outcome]:
    """For every group of the turns that have ended, the largest first (days in their order)."""
    status = turns.words["status"]
    ended = fitting & ~status.where(["open"])
    how = {name: status.where([name]) for name in ("stopped", "abandoned", "error")}
    how |= {name: turns.flags[name] for name in ("overridden", "stalled")}
    priced = ~np.isnan(turns.cost_usd)
    found = [
        Outcome(
            name=name,
            turns=int(mine.sum()),
            priced=int((mine & priced).sum()),
            cost_usd=float(turns.cost_usd[mine & priced].sum()),
            **{key: int((mine & flag).sum()) for key, flag in how.items()},
        )
        for name, mine in groups(turns.words[by], ended)
    ]
    return found if by == "day" else sorted(found, key=lambda outcome: -outcome.turns)


def doubt_and_thumbs(turns: Turns, fitting: Bools) -> list[DoubtStep]:
    """How often an answer got a thumb down, by how much the app itself doubted it."""
    said = turns.said
    thumbs = said.kind.where(["thumbs"]) & said.value.where(["up", "down"]) & ~np.isnan(said.doubt)
    thumbs &= fitting[said.turn]
    step = np.minimum((said.doubt[thumbs] * DOUBT_STEPS).astype(int), DOUBT_STEPS - 1)
    down = said.value.where(["down"])[thumbs]
    found = []
    for number in range(DOUBT_STEPS):
        n = int((step == number).sum())
        if n:
            bad = int(down[step == number].sum())
            low, high = wilson(bad, n)
            found.append(DoubtStep(number / DOUBT_STEPS, (number + 1) / DOUBT_STEPS, n, bad, low, high))
    return found


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; n > 0."""
    z = 1.959964
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
