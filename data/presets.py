"""Presets: which models serve which tiers. One TOML file each in data/presets/."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data.addresses import fill_in, is_this_machine, unfilled, url_of
from data.config import ConfigError, load_toml
from data.paths import presets_folder
from data.policy import TASKS, Policy
from data.records import Record

DEFAULT_PRESET = "local"


class TierModel(Record):
    """One tier and the model that serves it.

    `model` is litellm's name for it. `weights` names an entry of models.toml (local presets only).
    `context_tokens` is the model's window for one request; `input_budget_tokens` is how much of it
    system prompt, passages and history may take before old turns are left out, because reading a
    prompt is what the person waits for. `key_env` names the variable that holds the key and
    `api_base_env` those that may hold another address than `api_base`, as the provider documents
    them. `listed_price`: the provider charges what litellm's list says for this name.
    `log_probabilities`: the provider tells how likely each token was, which helps to tell doubt.
    """

    tier: str
    label: str
    model: str
    weights: str | None = None
    key_env: str | None = None
    key_optional: bool = False
    api_base: str | None = None
    api_base_env: tuple[str, ...] = ()
    context_tokens: int = Field(gt=255)
    input_budget_tokens: int = Field(gt=127)
    max_output_tokens: int = Field(gt=0)
    temperature: float | None = Field(default=None, ge=0, le=2)
    seed: int | None = None
    first_chunk_timeout_s: float = Field(default=60, gt=0)
    stall_timeout_s: float = Field(default=30, gt=0)
    listed_price: bool = True
    log_probabilities: bool = False

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

    def address(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Where the model is reached, if not at the provider's own address."""
        chosen = next((environment[name] for name in self.api_base_env if environment.get(name)), None)
        return url_of(chosen) if chosen else self.api_base

    def missing(self, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
        """Names of the environment variables without which this model cannot be asked."""
        wanted = list(unfilled(f"{self.model} {self.api_base or ''}"))
        if self.key_env and not self.key_optional and not environment.get(self.key_env):
            wanted.append(self.key_env)
        return tuple(dict.fromkeys(wanted))


class PresetPolicy(Record):
    """Where a preset draws the line between light and heavy work.

    `threshold` is on the score (0..1). `heavy_share` asks instead for the threshold above which this
    share of the prompts in data/prompts lies. Without either, data/policy.toml decides.
    """

    threshold: float | None = Field(default=None, gt=0, lt=1)
    heavy_share: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_of_them(self) -> PresetPolicy:
        if self.threshold is not None and self.heavy_share is not None:
            raise ValueError("give 'threshold' or 'heavy_share', not both")
        return self


class Preset(Record):
    """An ordered list of tiers, lightest first.

    `where` says in one line where a person's text goes. `tasks` gives a task to one of the tiers;
    what it does not name goes by data/policy.toml: light work to the first tier, heavy to the last.
    """

    name: str
    title: str
    kind: Literal["local", "hosted", "ollama", "scripted"]
    where: str
    tiers: tuple[TierModel, ...] = Field(min_length=1)
    tasks: dict[str, str] = Field(default_factory=dict)
    policy: PresetPolicy = PresetPolicy()

    @model_validator(mode="after")
    def _tiers_fit(self) -> Preset:
        names = [tier.tier for tier in self.tiers]
        if len(set(names)) != len(names):
            raise ValueError("each tier may be named only once")
        if self.kind == "local" and any(tier.weights is None for tier in self.tiers):
            raise ValueError("every tier of a local preset needs 'weights', a name from models.toml")
        return self

    @model_validator(mode="after")
    def _tasks_are_known(self) -> Preset:
        for task, tier in self.tasks.items():
            if task not in TASKS:
                raise ValueError(f"[tasks] names the unknown task '{task}'; known: {', '.join(TASKS)}")
            if tier not in self.tier_names:
                known = ", ".join(self.tier_names)
                raise ValueError(f"[tasks] gives '{task}' to the unknown tier '{tier}'; tiers: {known}")
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

    def stays_here(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Whether everything that a person writes stays on this machine, as far as we can know."""
        if self.kind in ("local", "scripted"):
            return True
        addresses = [tier.address(environment) for tier in self.tiers]
        return all(address is not None and is_this_machine(address) for address in addresses)

    def missing_keys(self, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
        """Names of the environment variables that this preset needs and that are not set."""
        return tuple(dict.fromkeys(name for tier in self.tiers for name in tier.missing(environment)))

    def runnable(self, environment: Mapping[str, str] = os.environ) -> Preset:
        """The preset with only those tiers that can be asked; the whole one if none can be.

        The work of a tier that is left out goes to the next heavier one, else to the next lighter.
        """
        there = tuple(tier for tier in self.tiers if not tier.missing(environment))
        if not there or there == self.tiers:
            return self
        names = self.tier_names

        def instead(tier: str) -> str:
            at = names.index(tier)
            kept = [model.tier for model in there]
            return next((name for name in (*names[at:], *names[:at][::-1]) if name in kept), kept[0])

        tasks = {task: instead(tier) for task, tier in self.tasks.items()}
        return self.model_copy(update={"tiers": there, "tasks": tasks})

    def table(self, policy: Policy) -> dict[str, str] | None:
        """Task → tier for every task, where this preset's differs from the policy's; else None."""
        names = self.tier_names
        if not self.tasks and names == policy.tier_names:
            return None
        by_level = {task: names[round(policy.level_of(task) * (len(names) - 1))] for task in TASKS}
        return by_level | self.tasks


def preset_names() -> list[str]:
    """The presets that ship with Upshift."""
    return sorted(path.stem for path in presets_folder().glob("*.toml"))


def load_preset(chosen: str | None = None, environment: Mapping[str, str] = os.environ) -> Preset:
    """The preset `chosen` by name or by path, else `UPSHIFT_PRESET`, else the local one.

    `{NAME}` and `{NAME=otherwise}` in a model, label or address stand for an environment variable.
    Raises ConfigError if there is no such preset or if its file has a mistake.
    """
    name = chosen or environment.get("UPSHIFT_PRESET") or DEFAULT_PRESET
    path = Path(name).expanduser() if name.endswith(".toml") else presets_folder() / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(preset_names())
        raise ConfigError(
            f"UPSHIFT_PRESET={name}: there is no such preset. "
            f"Use one of: {known}; or the path of a TOML file of your own."
        )
    return _in_environment(load_toml(path, Preset), environment)


def _in_environment(preset: Preset, environment: Mapping[str, str]) -> Preset:
    """The preset with its placeholders filled in, and with where the text really goes."""
    tiers = tuple(
        tier.model_copy(
            update={
                "model": fill_in(tier.model, environment),
                "label": fill_in(tier.label, environment),
                "api_base": fill_in(tier.api_base, environment) if tier.api_base else None,
            }
        )
        for tier in preset.tiers
    )
    filled = preset.model_copy(update={"tiers": tiers})
    if preset.kind in ("local", "scripted"):
        return filled
    addresses = {tier.address(environment) for tier in tiers}
    if None in addresses or any(unfilled(address or "") for address in addresses):
        return filled
    there = " and ".join(sorted(address or "" for address in addresses))
    where = f"Your text goes to {there} on this machine." if filled.stays_here(environment) else ""
    return filled.model_copy(update={"where": where or f"Your text is sent to {there}."})
