"""Who decides which tier gets a task: ours, litellm's complexity router, chance. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.routing.strategies import Column, Sample, best, top
from benchmarks.routing.tasks import Task
from data.presets import load_preset
from router.peers import litellm_scores
from router.prompts import Prompt
from router.services import decider_for

ROUTED = "routed"
LITELLM = "litellm"
LITELLM_MEDIUM = "litellm, medium up"
LITELLM_SHARE = "litellm at our share"
RANDOM = "random at our share"
BEST = "best possible"


def ours(tasks: Sequence[Task]) -> Column:
    """1 where the app would ask the heavy tier of the local preset."""
    preset = load_preset("local")
    decider = decider_for(preset)
    tiers = [decider.decide(task.messages, tiers=preset.tier_names).tier for task in tasks]
    return np.array([float(tier == preset.tier_names[-1]) for tier in tiers])


def ways(tasks: Sequence[Task], sample: Sample) -> dict[str, Column]:
    """Name → how likely each task goes to the heavy tier.

    litellm has four classes: its two upper ones are heavy, or its three upper ones, or as many of its
    highest scores as our router sends there (then only the ranking is compared, not where the line is).
    """
    routed = ours(tasks)
    prompts = [Prompt(id=task.id, messages=task.messages, task=task.work) for task in tasks]
    scores, classes, _ = litellm_scores(prompts)
    named = [name.upper() for name in classes]
    return {
        "always fast": np.zeros(len(tasks)),
        "always heavy": np.ones(len(tasks)),
        ROUTED: routed,
        LITELLM: np.array([float(name in ("COMPLEX", "REASONING")) for name in named]),
        LITELLM_MEDIUM: np.array([float(name != "SIMPLE") for name in named]),
        LITELLM_SHARE: top([float(score) for score in scores], float(routed.sum())),
        RANDOM: np.full(len(tasks), float(routed.mean())),
        BEST: best(sample),
    }
