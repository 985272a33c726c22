"""What a turn would have cost and taken with another model: by what the log measured of that model."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data.logged_turns import LoggedTurn
from data.presets import TierModel

LEAST = 5
"""So many measured turns are needed before they speak for others."""

METHOD = (
    "A turn that stays with its model keeps its own measured time and cost. A turn that changes takes "
    "the median time and the mean cost of that model's complete, usual turns of the same task "
    f"(at least {LEAST}, else of all its tasks, again at least {LEAST}); where the log has no cost, the "
    "list price times the turn's own tokens. Turns that went to a model because they were hard weigh on "
    "its figures, so what moves to it is probably quicker than estimated, and what moves away slower."
)


@dataclass(frozen=True)
class Estimate:
    """One turn under one choice. `by`: own (measured), task, model, price or none."""

    done_ms: float | None
    cost_usd: float | None
    time_by: str
    cost_by: str


class Measured:
    """Times and costs of the log's turns, by model and task."""

    def __init__(
        self,
        turns: Sequence[LoggedTurn],
        price: Callable[[TierModel], tuple[float, float] | None] = lambda model: None,
    ) -> None:
        """`price` gives US dollars per million tokens read and written, None if unknown."""
        self._price = price
        self._done: dict[tuple[str | None, str | None], list[float]] = {}
        self._cost: dict[tuple[str | None, str | None], list[float]] = {}
        for turn in turns:
            if turn.status != "ok":
                continue
            for key in ((turn.request_model, turn.task), (turn.request_model, None)):
                if turn.usual and turn.done_ms is not None:
                    self._done.setdefault(key, []).append(turn.done_ms)
                if turn.cost_usd is not None:
                    self._cost.setdefault(key, []).append(turn.cost_usd)

    def estimate(self, turn: LoggedTurn, model: TierModel) -> Estimate:
        """What the turn took, or would take, with `model`."""
        if turn.request_model == model.model_name:
            own_time = "own" if turn.done_ms is not None else "none"
            own_cost = "own" if turn.cost_usd is not None else "none"
            return Estimate(turn.done_ms, turn.cost_usd, own_time, own_cost)
        done, time_by = _typical(self._done, model, turn.task, statistics.median)
        cost, cost_by = _typical(self._cost, model, turn.task, statistics.fmean)
        if cost is None:
            cost, cost_by = self._by_price(turn, model)
        return Estimate(done, cost, time_by, cost_by)

    def by_model(self) -> dict[str, dict[str, Any]]:
        """For each model: how many turns were measured, and their median time (ms)."""
        return {
            str(model): {"n": len(times), "done_p50_ms": round(statistics.median(times), 1)}
            for (model, task), times in sorted(self._done.items(), key=lambda item: str(item[0]))
            if task is None
        }

    def _by_price(self, turn: LoggedTurn, model: TierModel) -> tuple[float | None, str]:
        prices = self._price(model)
        if prices is None or turn.input_tokens is None or turn.output_tokens is None:
            return None, "none"
        return (turn.input_tokens * prices[0] + turn.output_tokens * prices[1]) / 1e6, "price"


def _typical(
    values: dict[tuple[str | None, str | None], list[float]],
    model: TierModel,
    task: str | None,
    mean: Callable[[list[float]], float],
) -> tuple[float | None, str]:
    for by, key in (("task", task), ("model", None)):
        there = values.get((model.model_name, key), [])
        if len(there) >= LEAST:
            return mean(there), by
    return None, "none"
