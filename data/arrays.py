"""Reads the arrays of a file of weights."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from data.config import ConfigError


def read_arrays(path: Path, whose: str) -> dict[str, Any]:
    """The arrays by their names; `whose` they are is for the message. Raises ConfigError."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return {name: file[name] for name in file.files}
    except (OSError, KeyError, ValueError, BadZipFile, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: {whose} cannot be loaded ({error}).") from error
