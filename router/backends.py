"""Where the tiers of a preset are reached: a provider's service, this machine, or the script."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from data.events import Queued
from data.model_files import find_model
from data.paths import models_folder
from data.presets import Preset
from router.call import Target
from router.errors import ModelError
from router.local.child import LocalModels
from router.local.errors import LocalModelError
from router.local.weights import presence
from router.ollama import OllamaBackend
from router.scripted import load_script


class Backend(Protocol):
    """Brings a preset's models up and says where they are reached."""

    @property
    def n_slots(self) -> int | None:
        """How many answers a tier writes at once; None where that is the provider's business."""

    def start(self) -> None:
        """Begin to bring the models up. Returns at once."""

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        """None when the tier can be asked, else what it waits for, after at most `timeout_s`.

        Raises ModelError when waiting is of no use.
        """

    def target(self, tier: str) -> Target:
        """Where the tier is asked. Raises ModelError if it cannot be."""

    def close(self) -> None:
        """End what `start` began."""


class HostedBackend:
    """Providers on the network: always there, as far as we can know."""

    n_slots = None

    def __init__(self, preset: Preset) -> None:
        self._preset = preset

    def start(self) -> None:
        """Nothing to bring up."""

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        """Raises ModelError if the tier's key is missing; else it can be asked."""
        model = self._preset.tier(tier)
        missing = model.missing()
        if missing == (model.key_env,):
            advice = f"{model.label} needs a key: set {model.key_env} and start Upshift again."
            raise ModelError("MissingKey", advice)
        if missing:
            advice = (
                f"The {tier} model is not set up yet: set {' and '.join(missing)} and start Upshift again."
            )
            raise ModelError("MissingSetting", advice)
        return None

    def target(self, tier: str) -> Target:
        """The provider's model with the key from the environment."""
        return Target.hosted(self._preset.tier(tier))

    def close(self) -> None:
        """Nothing to end."""


class LocalBackend:
    """The embedded models in their child process."""

    def __init__(self, preset: Preset, folder: Path | None = None) -> None:
        self._preset = preset
        weights = {model.tier: model.weights for model in preset.tiers if model.weights}
        self._folder = folder or models_folder()
        self.models = LocalModels(weights, self._folder)

    def missing_weights(self) -> list[tuple[str, int]]:
        """Files that are not there yet, in the order in which they come: label and bytes to fetch."""
        files = [find_model(model.weights) for model in self._preset.tiers if model.weights]
        left = [(file.label, file.bytes - presence(file, self._folder)[1]) for file in files]
        return [(label, count) for label, count in left if count]

    @property
    def n_slots(self) -> int:
        """As many as llama.cpp was given for each model."""
        return self.models.n_slots

    def start(self) -> None:
        """Fetch what is missing, then load; the lightest tier first."""
        self.models.start()

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        """Wait for news of the tier; raises ModelError when it failed for good."""
        status = self.models.wait(tier, timeout_s)
        if status.state == "ready":
            return None
        if status.state == "failed":
            raise ModelError("LocalModel", status.message)
        return Queued(
            reason="download" if status.done_bytes < status.total_bytes else "loading",
            tier=tier,
            done_bytes=status.done_bytes,
            total_bytes=status.total_bytes,
            remaining_s=status.remaining_s,
        )

    def target(self, tier: str) -> Target:
        """The model's server on loopback."""
        try:
            endpoint = self.models.endpoint(tier)
        except LocalModelError as error:
            raise ModelError("LocalModel", str(error)) from error
        return Target(self._preset.tier(tier), endpoint.api_base, endpoint.api_key, own_machine=True)

    def close(self) -> None:
        """End the child process."""
        self.models.close()


class ScriptedBackend:
    """The scripted provider of the tests, in a process of its own as a model would be."""

    n_slots = 8

    def __init__(self, preset: Preset) -> None:
        load_script()  # a mistake in it is said here, with file and key, not by a process that dies
        self._preset = preset
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the provider and read its port."""
        with self._lock:
            if self._process is not None:
                return
            self._process = subprocess.Popen(
                [sys.executable, "-m", "router.scripted"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._process.stdout is not None
            self._port = json.loads(self._process.stdout.readline())["port"]

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        """Always ready once started."""
        self.start()
        return None

    def target(self, tier: str) -> Target:
        """The script's address on loopback."""
        return Target(
            self._preset.tier(tier), f"http://127.0.0.1:{self._port}/v1", "scripted", own_machine=True
        )

    def close(self) -> None:
        """End the provider; it goes when its standard input closes."""
        with self._lock:
            if self._process is None:
                return
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process = None


def backend_for(preset: Preset) -> Backend:
    """The backend that a preset's kind asks for."""
    kinds: dict[str, Callable[[Preset], Backend]] = {
        "local": LocalBackend,
        "hosted": HostedBackend,
        "ollama": OllamaBackend,
        "scripted": ScriptedBackend,
    }
    return kinds[preset.kind](preset)
