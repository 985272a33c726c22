"""What routing to the fast model saved: its turns beside the measured times of heavy ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.latency_figures import groups
from data.latency_turns import MEASURES, Bools, Floats, Turns

# Fewer heavy turns than this say too little about how long the heavy model would have taken.
FEWEST = 20


@dataclass(frozen=True)
class Saved:
    """Of the turns that the router decided, how many went to the fast tier, and what that saved.

    Method: within each preset, the median time of turns that a heavier tier answered, minus the median
    of those that the fast tier answered (server clock; complete answers only, the person's own choices
    left out). `median_ms` is the mean of these differences, weighted by fast turns; `low_ms` to `high_ms`
    uses each median's 95 % interval by order statistics (ranks n/2 ± 0.98 √n), the ends taken against each
    other, so it is wider than 95 %. `total_ms` is `median_ms` times `fast`. All None below FEWEST turns
    on either side. Heavy turns ask for more: their first words are comparable, their ends less so.
    """

    routed: int
    routed_fast: int
    fast: int
    heavy: int
    median_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None

    @property
    def share(self) -> float | None:
        """Share of the routed turns that went to the fast tier."""
        return self.routed_fast / self.routed if self.routed else None

    @property
    def total_ms(self) -> float | None:
        """What all fast turns together saved."""
        return None if self.median_ms is None else self.median_ms * self.fast


def saved(turns: Turns, counted: Bools, measure: str) -> Saved:
    """The saving, for turns that a view counts."""
    values = turns.times[MEASURES[measure][0]]
    routed = counted & ~turns.flags["overridden"]
    is_fast = turns.words["tier"].where(["fast"])
    usable = routed & turns.words["status"].where(["ok"]) & ~np.isnan(values)
    base = Saved(int(routed.sum()), int((routed & is_fast).sum()), 0, 0)
    presets = turns.words["preset"]
    parts = []
    for code in range(len(presets.names)):
        here = usable & (presets.codes == code)
        fast, heavy = values[here & is_fast], values[here & ~is_fast]
        if len(fast) >= FEWEST and len(heavy) >= FEWEST:
            parts.append((len(fast), len(heavy), _difference(fast, heavy)))
    if not parts:
        every = int((usable & is_fast).sum()), int((usable & ~is_fast).sum())
        return Saved(base.routed, base.routed_fast, *every)
    weights = [part[0] for part in parts]
    middle, low, high = np.average([part[2] for part in parts], axis=0, weights=weights)
    heavy_turns = sum(part[1] for part in parts)
    return Saved(
        base.routed, base.routed_fast, sum(weights), heavy_turns, float(middle), float(low), float(high)
    )


def _difference(fast: Floats, heavy: Floats) -> tuple[float, float, float]:
    (f_low, f_mid, f_high), (h_low, h_mid, h_high) = _median(fast), _median(heavy)
    return h_mid - f_mid, h_low - f_high, h_high - f_low


def _median(values: Floats) -> tuple[float, float, float]:
    """The median between the ends of its 95 % interval (Conover, Practical Nonparametric Statistics, 3.2)."""
    half = min(0.5, 0.98 / np.sqrt(len(values)))
    low, middle, high = np.quantile(values, [0.5 - half, 0.5, 0.5 + half])
    return float(low), float(middle), float(high)


def fast_by_task(turns: Turns, counted: Bools) -> list[tuple[str, int, int]]:
    """(task, turns that the router decided, how many of them went to the fast tier), most turns first."""
    routed = counted & ~turns.flags["overridden"]
    is_fast = turns.words["tier"].where(["fast"])
    found = [
        (name, int(mine.sum()), int((mine & is_fast).sum()))
        for name, mine in groups(turns.words["task"], routed)
    ]
    return sorted(found, key=lambda task: -task[1])
