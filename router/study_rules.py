"""What a study sets about answering: which tier or threshold, and that text never leaves this machine."""

from __future__ import annotations

from copy import copy

from data.records import Decision, StudyTerms, Turn
from router.errors import ModelError
from router.services import Services


def decide(turn: Turn, services: Services) -> Decision:
    """The decision for a turn, by the terms of its study if it has any.

    Raises ModelError for a turn of a study when the models are not on this machine: what a participant
    writes is never sent to anybody, however the server was switched meanwhile.
    """
    tiers, terms = services.preset.tier_names, turn.study
    if terms is None:
        return services.decider.decide(turn.messages, choice=turn.choice, tiers=tiers)
    if not services.preset.stays_here():
        message = (
            "In a study nothing is sent to another company's models, and these would be. Nothing was sent."
        )
        raise ModelError("NotInAStudy", message)
    decider = services.decider
    if terms.threshold is not None:
        decider = copy(decider)  # what it has learned is shared; only the line that it draws is another
        decider.policy = decider.policy.model_copy(update={"threshold": terms.threshold})
    if terms.routing not in ("fast", "heavy"):
        return decider.decide(turn.messages, choice=turn.choice, tiers=tiers)
    decision = decider.decide(turn.messages, tiers=tiers)
    tier = _tier(terms, tiers)
    reasons = (f"every message goes to the {tier} model here",)
    return decision.model_copy(update={"tier": tier, "reasons": reasons, "overridden": False})


def _tier(terms: StudyTerms, tiers: tuple[str, ...]) -> str:
    """`fast` or `heavy` among a preset's tiers, lightest first, whatever they are called."""
    if terms.routing in tiers:
        return terms.routing
    return tiers[0] if terms.routing == "fast" else tiers[-1]
