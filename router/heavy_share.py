"""The threshold above which a wanted share of messages is heavy work, for `[policy] heavy_share`.

Which messages: the labelled prompts that ship, evenly picked. A product's own mix differs, so the
share that its log shows is what counts in the end.
"""

from __future__ import annotations

from router.decide import Decider
from router.prompts import read_prompts

# Enough for a share within a few hundredths, few enough for a start that nobody notices.
SAMPLE = 400


def sample_scores(decider: Decider) -> list[float]:
    """Scores of the sample, lowest first."""
    prompts = read_prompts()
    step = max(1, len(prompts) // SAMPLE)
    return sorted(decider.decide(prompt.messages).score for prompt in prompts[::step])


def threshold_for(share: float, decider: Decider) -> float:
    """The threshold (0..1, exclusive) that `share` of the sample reaches."""
    scores = sample_scores(decider)
    at = min(len(scores) - 1, round((1 - share) * len(scores)))
    return min(max(scores[at], 1e-4), 1 - 1e-4)
