"""What the server says when it starts."""

from __future__ import annotations

import sys

from data.config import ConfigError
from data.paths import models_folder
from router.runtime import Runtime


def say(current: Runtime) -> None:
    """Print which models answer, what will be fetched, and where the log is."""
    preset = current.preset
    lines = [f"Upshift: {preset.title}. {preset.where}"]
    lines += [f"  {model.tier:6} {model.label} ({model.model_name})" for model in preset.tiers]
    lines += [
        f"  {model.tier:6} {model.label}: not available. Set {' and '.join(model.missing())} and start again."
        for model in current.services.left_out
    ]
    missing = preset.missing_keys()
    if missing:
        lines.append(f"  Not set: {', '.join(missing)}. Set it and start again.")
    if preset.kind == "local":
        lines += _fetching(current)
    lines += [f"  Left out: {problem}" for problem in current.services.retriever.problems]
    lines.append(f"  Log: {current.log.path}")
    _print(lines)


def say_mistake(error: ConfigError) -> None:
    """Print what is wrong with the configuration."""
    _print(["Upshift cannot answer yet, because a setting is wrong:", f"  {error}"])


def _fetching(current: Runtime) -> list[str]:
    """What is still to be downloaded, how big it is and where to, and how to do without."""
    missing = current.services.missing_weights()
    if not missing:
        return [f"  Models: {models_folder()} (complete)"]
    total_mb = sum(bytes_ for _, bytes_ in missing) / 1e6
    names = ", ".join(f"{name} ({bytes_ / 1e6:.0f} MB)" for name, bytes_ in missing)
    return [
        f"  Fetching {total_mb:,.0f} MB of model weights now: {names}",
        f"  into {models_folder()}; the page is usable meanwhile.",
        "  To use a key instead: stop this, then UPSHIFT_PRESET=openai OPENAI_API_KEY=... make run",
    ]


def _print(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
