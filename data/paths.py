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


def studies_folder() -> Path:
    """The studies' files: `UPSHIFT_STUDIES`, or studies/ beside the log, so that both go together."""
    chosen = os.environ.get("UPSHIFT_STUDIES")
    return Path(chosen).expanduser() if chosen else log_path().parent / "studies"


def models_folder() -> Path:
    """The weights' folder: `UPSHIFT_MODELS`, or models/ in the user's cache folder."""
    chosen = os.environ.get("UPSHIFT_MODELS")
    return (
        Path(chosen).expanduser()
        if chosen
        else Path(platformdirs.user_cache_dir("upshift", False)) / "models"
    )


def index_folder() -> Path:
    """Where the index of the documents is kept: `UPSHIFT_INDEX`, or index/ in the user's cache folder."""
    chosen = os.environ.get("UPSHIFT_INDEX")
    return (
        Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("upshift", False)) / "index"
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
