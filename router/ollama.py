"""An Ollama that runs already: whether it is there, whether it has the models, and what to do if not."""

from __future__ import annotations

import os
import threading
import time

import httpx

from data.addresses import is_this_machine
from data.events import Queued
from data.presets import Preset
from router.call import Target
from router.errors import ModelError, ollama_missing

# How long an answer of Ollama about its models is believed; a bad one is looked at again sooner.
GOOD_S = 60.0
BAD_S = 3.0
ASK_TIMEOUT_S = 2.0


class OllamaBackend:
    """Asks Ollama which models it has before a tier is used. Starts and ends nothing."""

    n_slots = None

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._lock = threading.Lock()
        self._asked_s = float("-inf")
        self._names: frozenset[str] | None = None

    def start(self) -> None:
        """Nothing to bring up."""

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        """None when Ollama is there with the tier's model. Raises ModelError that says what to do.

        On another machine it is not asked where nobody waits (`timeout_s` 0: a page is being drawn);
        the call itself then says what is wrong.
        """
        model = self._preset.tier(tier)
        address = model.address() or ""
        if timeout_s == 0 and not is_this_machine(address):
            return None
        names = self._models(address)
        if names is None:
            wanted = ", ".join(tier.model_name for tier in self._preset.tiers)
            raise ModelError("OllamaMissing", f"{ollama_missing(model)} It needs the models {wanted}.")
        if model.model_name not in names and f"{model.model_name}:latest" not in names:
            advice = f"Ollama does not have {model.model_name} yet. Pull it: ollama pull {model.model_name}"
            raise ModelError("OllamaModelMissing", advice)
        return None

    def target(self, tier: str) -> Target:
        """Where Ollama is."""
        return Target.hosted(self._preset.tier(tier))

    def close(self) -> None:
        """Nothing to end."""

    def _models(self, address: str) -> frozenset[str] | None:
        """The names that Ollama has; None if it does not answer."""
        with self._lock:
            believed_s = BAD_S if self._names is None else GOOD_S
            if time.monotonic() - self._asked_s > believed_s:
                self._names = _ask(address)
                self._asked_s = time.monotonic()
                if self._names is not None and not self._all_there(self._names):
                    self._asked_s -= GOOD_S - BAD_S  # somebody is about to pull the rest
            return self._names

    def _all_there(self, names: frozenset[str]) -> bool:
        wanted = [tier.model_name for tier in self._preset.tiers]
        return all(name in names or f"{name}:latest" in names for name in wanted)


def _ask(address: str) -> frozenset[str] | None:
    key = os.environ.get("OLLAMA_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(timeout=ASK_TIMEOUT_S, trust_env=not is_this_machine(address)) as client:
            response = client.get(f"{address}/api/tags", headers=headers).raise_for_status()
        return frozenset(str(model["name"]) for model in response.json()["models"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None
