"""What the router is measured beside: litellm's complexity router, the prompt's length, and chance."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.policy import Policy
from router.figures import timing, truth
from router.measures import Scores, auc, heavy_recall, share
from router.prompts import Prompt


def litellm_scores(prompts: Sequence[Prompt]) -> tuple[Scores, list[str], dict[str, float]]:
    """litellm's complexity router: its scores, its tiers, its time. Imports litellm (seconds)."""
    for name, value in (
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
        ("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True"),
        ("LITELLM_MODE", "PRODUCTION"),
        ("LITELLM_LOG", "ERROR"),
    ):
        os.environ.setdefault(name, value)
    from litellm.router import Router
    from litellm.router_strategy.complexity_router.complexity_router import ComplexityRouter

    peer = ComplexityRouter(model_name="auto", litellm_router_instance=Router(model_list=[]))
    made = [peer.classify(prompt.messages[-1].content) for prompt in prompts]
    scores = np.array([float(score) for _, score, _ in made])
    spent = timing(lambda messages: peer.classify(messages[-1].content), prompts)
    return scores, [str(getattr(tier, "value", tier)) for tier, _, _ in made], spent


def peer_figures(prompts: Sequence[Prompt], policy: Policy, litellm: bool) -> dict[str, dict[str, Any]]:
    """Figures by name; without `litellm`, whose import takes seconds, if so wished."""
    lengths = np.array([float(len(prompt.messages[-1].content)) for prompt in prompts])
    chance = np.random.default_rng(0).random(len(prompts))
    found = {
        name: _figures(scores, prompts, policy) for name, scores in (("length", lengths), ("random", chance))
    }
    if litellm:
        scores, tiers, spent = litellm_scores(prompts)
        high = np.array([tier.upper() in ("COMPLEX", "REASONING") for tier in tiers])
        heavy = truth(prompts, policy)
        own = {"heavy_recall": share(high[heavy]), "fast_recall": share(~high[~heavy])}
        found = {"litellm": {**_figures(scores, prompts, policy), **own, **spent}, **found}
    return found


def _figures(scores: Scores, prompts: Sequence[Prompt], policy: Policy) -> dict[str, Any]:
    heavy = truth(prompts, policy)
    foreign = np.array(["en" not in prompt.tags for prompt in prompts], bool)
    return {
        "auc": auc(scores, heavy),
        "heavy_recall_at_fast_recall_90": heavy_recall(scores, heavy),
        "not_english": {"auc": auc(scores[foreign], heavy[foreign])},
    }
