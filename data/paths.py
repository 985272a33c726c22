"""Where Upshift keeps things. Nothing is ever written inside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_HERE = Path(__file__).parent


def log_path() -> Path:
    """The SQLite log: `UPSHIFT_DB`, or upshift.db in the user's data folder."""
    chosen = os.environ.get("UPSHIFT_DB")
    return (
        Path(chosen).expanduser()
        if chosen
        else Path(platformdirs.user_data_dir("upshift", False)) / "upshift.db"
    )


def models_folder() -> Path:
    """The weights' folder: `UPSHIFT_MODELS`, or models/ in the user's cache folder."""
    chosen = os.environ.get("UPSHIFT_MODELS")
    return (
        Path(chosen).expanduser()
        if chosen
        else Path(platformdirs.user_cache_dir("upshift", False)) / "models"
    )


def product_folder() -> Path:
    """The product that the assistant helps with: `UPSHIFT_PRODUCT`, or Upshift itself."""
    chosen = os.environ.get("UPSHIFT_PRODUCT")
    return Path(chosen).expanduser() if chosen else _HERE


def presets_folder() -> Path:
    """The presets that ship with Upshift."""
    return _HERE / "presets"


def shipped(name: str) -> Path:
    """A file that ships in data/, such as models.toml."""
    return _HERE / name
