"""Whether new weights are worse than old ones, on labelled prompts that neither was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.decide import Decider
from router.measures import auc, share
from router.prompts import Prompt

DRAWS = 2000
SURE = 0.9
LIMITS = {"accuracy": 0.02, "auc": 0.01}
WORSE = (
    f"Worse means: accuracy falls by more than {LIMITS['accuracy'] * 100:.0f} points or AUC by more than "
    f"{LIMITS['auc']}, or either falls in at least {SURE:.0%} of {DRAWS:,} paired bootstrap draws of the "
    "held-out prompts."
)


def compare(before: Decider, after: Decider, prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Figures of both, their differences with 95 % intervals, and `worse`: what got worse, in words.

    Prompts that are variants of one another are drawn together.
    """
    policy = before.policy
    heavy = np.array([policy.level_of(prompt.task) >= 0.5 for prompt in prompts])
    read = [_read(decider, prompts, heavy) for decider in (before, after)]
    drawn = _draws([prompt.group for prompt in prompts])
    found: dict[str, Any] = {
        "n": len(prompts),
        "before": _figures(*read[0], heavy),
        "after": _figures(*read[1], heavy),
        "changed": int((read[0][1] != read[1][1]).sum()),
    }
    falls = {
        "accuracy": [float(read[1][1][rows].mean() - read[0][1][rows].mean()) for rows in drawn],
        "auc": [
            float((auc(read[1][0][rows], heavy[rows]) or 0) - (auc(read[0][0][rows], heavy[rows]) or 0))
            for rows in drawn
        ],
    }
    found["difference"] = {name: _difference(found, name, np.array(drawn_)) for name, drawn_ in falls.items()}
    found["worse"] = [name for name, one in found["difference"].items() if is_worse(name, one)]
    return found


def is_worse(name: str, difference: dict[str, Any]) -> bool:
    """By the rule in WORSE; `difference` has `value` and `falls` (share of draws)."""
    return bool(difference["value"] < -LIMITS[name] or difference["falls"] >= SURE)


def _read(
    decider: Decider, prompts: Sequence[Prompt], heavy: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores, and whether each prompt went to the right side."""
    made = [decider.decide(prompt.messages) for prompt in prompts]
    lightest = decider.policy.tier_names[0]
    chosen = np.array([decision.tier != lightest for decision in made])
    return np.array([decision.score for decision in made]), chosen == heavy


def _figures(
    scores: NDArray[np.float64], right: NDArray[np.bool_], heavy: NDArray[np.bool_]
) -> dict[str, float | None]:
    return {
        "accuracy": share(right),
        "auc": auc(scores, heavy),
        "heavy_recall": share(right[heavy]),
        "fast_recall": share(right[~heavy]),
    }


def _draws(groups: Sequence[str]) -> list[NDArray[np.int64]]:
    """Row numbers of each bootstrap draw; always the same for the same groups."""
    names = sorted(set(groups))
    members = {name: [at for at, group in enumerate(groups) if group == name] for name in names}
    random = np.random.default_rng(0)
    picked = random.integers(0, len(names), (DRAWS, len(names)))
    return [np.array([at for pick in draw for at in members[names[pick]]], np.int64) for draw in picked]


def _difference(found: dict[str, Any], name: str, drawn: NDArray[np.float64]) -> dict[str, Any]:
    value = (found["after"][name] or 0) - (found["before"][name] or 0)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "value": round(value, 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "falls": round(float((drawn < 0).mean()), 4),
    }
