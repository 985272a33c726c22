"""What models cost, by the price list that comes with litellm. What is not in it is unknown, never guessed.

These are list prices: what a provider's contract, discounts or taxes make of them is not known here.
"""

from __future__ import annotations

import functools
import logging
from importlib.metadata import version
from typing import Any

from data.presets import TierModel
from data.records import Record
from router.litellm_client import Litellm

LOG = logging.getLogger("upshift.prices")
LOCAL = "local"
"""Source of a price of 0: a model of one's own machine is not paid for by the token."""

_LOCAL_PROVIDERS = ("upshift.local", "ollama", "ollama_chat")


class Price(Record):
    """US dollars per million tokens read and written; `source` is `local` or the list's name."""

    input_usd: float
    output_usd: float
    source: str


def price_of(litellm: Litellm, model: TierModel) -> Price | None:
    """The model's price; None where the list does not have it, or litellm is not loaded yet.

    Never waits: it may be asked while a page is drawn.
    """
    if model.provider_name in _LOCAL_PROVIDERS:
        return Price(input_usd=0, output_usd=0, source=LOCAL)
    entry = _entry(litellm, model)
    reading = entry.get("input_cost_per_token")
    writing = entry.get("output_cost_per_token")
    if reading is None or writing is None:
        return None
    return Price(input_usd=reading * 1e6, output_usd=writing * 1e6, source=_source())


def cost_of(litellm: Litellm, model: TierModel, usage: Any) -> tuple[float | None, str | None]:
    """US dollars for one call and where the price is from; None where tokens or price are unknown.

    Tokens that the provider read from its cache, and long prompts, have prices of their own in the
    list; litellm's own calculation knows them.
    """
    if model.provider_name in _LOCAL_PROVIDERS:
        return 0.0, LOCAL
    if usage is None or price_of(litellm, model) is None:
        return None, None
    try:
        reading, writing = litellm.module().cost_per_token(
            model=model.model_name, custom_llm_provider=model.provider_name, usage_object=usage
        )
    except Exception:  # litellm raises what it likes, and an answer must not fail over its price
        LOG.exception("the price of a call could not be told")
        return None, None
    return reading + writing, _source()


def _entry(litellm: Litellm, model: TierModel) -> dict[str, Any]:
    if not (model.listed_price and litellm.ready):
        return {}
    prices = litellm.module().model_cost
    found = prices.get(model.model) or prices.get(model.model_name) or {}
    # A name alone may be another provider's.
    return found if found.get("litellm_provider") == model.provider_name else {}


@functools.cache
def _source() -> str:
    return f"litellm {version('litellm')}"
