"""What a call cost: by the list, by nobody's guess, and never in the way of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from data.presets import load_preset, preset_names
from router.litellm_client import Litellm
from router.prices import Price, cost_of, price_of


class Usage:
    """Tokens as litellm reports them."""

    def __new__(cls, read: int, wrote: int, cached: int = 0) -> Any:
        import litellm

        details = {"cached_tokens": cached} if cached else None
        return litellm.Usage(
            prompt_tokens=read,
            completion_tokens=wrote,
            total_tokens=read + wrote,
            prompt_tokens_details=details,
        )


MINI = load_preset("openai", {}).tier("fast")


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "posthog"])
def test_every_model_that_ships_is_known_to_the_list_and_not_about_to_be_switched_off(
    litellm: Litellm, name: str
) -> None:
    for tier in load_preset(name, {}).tiers:
        price = price_of(litellm, tier)
        assert price is not None, tier.model
        assert 0 < price.input_usd < price.output_usd < 100
        prices = litellm.module().model_cost
        entry = prices.get(tier.model) or prices[tier.model_name]
        assert entry.get("deprecation_date") is None
        assert tier.context_tokens <= entry["max_input_tokens"]
        assert tier.max_output_tokens <= entry["max_output_tokens"]


def test_what_was_read_from_the_providers_cache_is_cheaper(litellm: Litellm) -> None:
    whole, _ = cost_of(litellm, MINI, Usage(1000, 100))
    cached, _ = cost_of(litellm, MINI, Usage(1000, 100, cached=900))
    assert whole == pytest.approx(1000 * 0.4e-6 + 100 * 1.6e-6)
    assert cached is not None
    assert cached < whole


def test_unknown_is_none_and_a_machine_of_ones_own_is_free(litellm: Litellm) -> None:
    usage = Usage(10, 10)
    stranger = MINI.model_copy(update={"model": "openai/of-nobody"})
    elsewhere = MINI.model_copy(update={"listed_price": False})
    # A name that the list has under another provider.
    mixed_up = MINI.model_copy(update={"model": "anthropic/gpt-4.1-mini"})
    for model in (stranger, elsewhere, mixed_up):
        assert price_of(litellm, model) is None
        assert cost_of(litellm, model, usage) == (None, None)
    assert cost_of(litellm, MINI, None) == (None, None)
    for name in ("local", "ollama"):
        free = load_preset(name, {}).tier("fast")
        assert price_of(litellm, free) == Price(input_usd=0, output_usd=0, source="local")
        assert cost_of(litellm, free, None) == (0.0, "local")


def test_before_the_client_library_is_there_nobody_waits_for_a_price() -> None:
    not_loaded = Litellm()
    assert price_of(not_loaded, MINI) is None
    assert not_loaded._thread is None, "asking does not even begin to load it"


def test_a_price_that_cannot_be_told_costs_no_answer(
    litellm: Litellm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(litellm.module(), "cost_per_token", broken)
    assert cost_of(litellm, MINI, Usage(10, 10)) == (None, None)


def test_all_presets_have_a_price_or_say_that_there_is_none(litellm: Litellm) -> None:
    unpriced: set[str] = set()
    for name in preset_names():
        unpriced |= {name for tier in load_preset(name, {}).tiers if price_of(litellm, tier) is None}
    assert unpriced == {"openai-compatible", "scripted"}
