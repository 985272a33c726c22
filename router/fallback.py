"""Whom to ask when a model gives no answer: the same model again, or another tier, or nobody."""

from __future__ import annotations

from data.events import Event, FellBack, Retrying
from data.presets import Preset, TierModel
from data.records import GenerationRole
from router.errors import ModelError

Attempt = tuple[TierModel, GenerationRole]


def attempts(preset: Preset, model: TierModel, *, compares: bool = False) -> list[Attempt]:
    """The chosen tier, then one other: the nearest heavier one, else the nearest lighter one.

    Where that has the same key, the nearest with another key follows: another provider may be up.

    A model of our own machine gets a second try first, since its process is started again when it
    died; a provider does not, as whoever waits has waited long enough. Whoever `compares` tiers wants
    this one or none.
    """
    tiers = list(preset.tiers)
    others = tiers[tiers.index(model) + 1 :] + tiers[: tiers.index(model)][::-1]
    plan: list[Attempt] = [(model, "compare" if compares else "primary")]
    if preset.kind == "local":
        plan.append((model, "retry"))
    if compares:
        return plan
    chosen = others[:1]
    if chosen and chosen[0].key_env == model.key_env:
        chosen += [other for other in others if other.key_env != model.key_env][:1]
    return plan + [(other, "fallback") for other in chosen]


def of_use(error: ModelError, failed: TierModel, following: TierModel) -> bool:
    """Whether asking `following` may help: not where it must fail for the same reason."""
    if error.error_type == "Blank":
        return False
    if error.error_type == "EmptyAnswer":
        return following is not failed  # it would read the same, and say the same
    if error.error_type == "TooLong":
        return following.context_tokens > failed.context_tokens
    if error.error_type in ("OllamaMissing", "MissingSetting"):
        return False
    refused = error.error_type == "MissingKey" or error.http_status in (401, 403)
    if refused and failed.key_env:
        return following.key_env != failed.key_env
    return True


def said(error: ModelError, failed: TierModel, following: TierModel, role: GenerationRole) -> Event:
    """The event that tells of the next attempt."""
    if role == "retry":
        return Retrying(tier=following.tier, error_type=error.error_type, message=error.message)
    return FellBack(
        from_tier=failed.tier,
        to_tier=following.tier,
        request_model=following.model_name,
        model_label=following.label,
        error_type=error.error_type,
        message=error.message,
    )
