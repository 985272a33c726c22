"""Presets: which models serve which tiers. One TOML file each in data/presets/."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data.config import ConfigError, load_toml
from data.paths import presets_folder
from data.records import Record

DEFAULT_PRESET = "local"


class TierModel(Record):
    """One tier and the model that serves it.

    `model` is litellm's name for it. `weights` names an entry of models.toml (local presets only).
    `context_tokens` is the model's window for one request; `input_budget_tokens` is how much of it
    system prompt, passages and history may take before old turns are left out, because reading a
    prompt is what the person waits for. `key_env` names the variable that holds the key and
    `api_base_env` those that may hold another address, as the provider documents them.
    """

    tier: str
    label: str
    model: str
    weights: str | None = None
    key_env: str | None = None
    api_base: str | None = None
    api_base_env: tuple[str, ...] = ()
    context_tokens: int = Field(gt=255)
    input_budget_tokens: int = Field(gt=127)
    max_output_tokens: int = Field(gt=0)
    temperature: float | None = Field(default=None, ge=0, le=2)
    seed: int | None = None
    first_chunk_timeout_s: float = Field(default=60, gt=0)
    stall_timeout_s: float = Field(default=30, gt=0)

    @model_validator(mode="after")
    def _budget_fits(self) -> TierModel:
        if self.input_budget_tokens >= self.context_tokens:
            raise ValueError("input_budget_tokens must be smaller than context_tokens: the answer needs room")
        return self

    @property
    def provider_name(self) -> str:
        """The provider by OpenTelemetry's `gen_ai.provider.name`; our own models are `upshift.local`."""
        return "upshift.local" if self.weights else self.model.split("/", 1)[0]

    @property
    def model_name(self) -> str:
        """The model's name without litellm's provider prefix."""
        return self.model.split("/", 1)[-1]


class Preset(Record):
    """An ordered list of tiers, lightest first.

    `where` says in one line where a person's text goes.
    """

    name: str
    title: str
    kind: Literal["local", "hosted", "scripted"]
    where: str
    tiers: tuple[TierModel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tiers_fit(self) -> Preset:
        names = [tier.tier for tier in self.tiers]
        if len(set(names)) != len(names):
            raise ValueError("each tier may be named only once")
        if self.kind == "local" and any(tier.weights is None for tier in self.tiers):
            raise ValueError("every tier of a local preset needs 'weights', a name from models.toml")
        return self

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Names of the tiers, lightest first."""
        return tuple(tier.tier for tier in self.tiers)

    def tier(self, name: str) -> TierModel:
        """The tier called `name`. Raises KeyError."""
        for tier in self.tiers:
            if tier.tier == name:
                return tier
        raise KeyError(name)

    def missing_keys(self, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
        """Names of the environment variables that this preset needs and that are not set."""
        wanted = dict.fromkeys(tier.key_env for tier in self.tiers if tier.key_env)
        return tuple(name for name in wanted if not environment.get(name))


def preset_names() -> list[str]:
    """The presets that ship with Upshift."""
    return sorted(path.stem for path in presets_folder().glob("*.toml"))


def load_preset(chosen: str | None = None) -> Preset:
    """The preset `chosen` by name or by path, else `UPSHIFT_PRESET`, else the local one.

    Raises ConfigError if there is no such preset or if its file has a mistake.
    """
    name = chosen or os.environ.get("UPSHIFT_PRESET") or DEFAULT_PRESET
    path = Path(name).expanduser() if name.endswith(".toml") else presets_folder() / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(preset_names())
        raise ConfigError(
            f"UPSHIFT_PRESET={name}: there is no such preset. "
            f"Use one of: {known}; or the path of a TOML file of your own."
        )
    return load_toml(path, Preset)
