"""The team's own router weights, beside the log: they go before those that ship.

Made by `python -m router train --from-log`. Damaged ones, or such for another version of the router, are
left alone, and the ones that ship are used with one line that says so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

from data.config import ConfigError
from data.paths import log_path, shipped
from router import weights_file
from router.classifier import Classifier

LOG = logging.getLogger("upshift.router")
_SHIPPED = "router_weights"
_said: set[str] = set()


def own_folder() -> Path:
    """Where own weights lie: a folder beside the log, named after it (upshift.db: upshift-router)."""
    log = log_path()
    return log.with_name(f"{log.stem}-router")


def shipped_digest() -> str:
    """A fingerprint of the weights that ship: own ones are only good beside those they were made with."""
    return hashlib.sha256((shipped(_SHIPPED) / "card.json").read_bytes()).hexdigest()[:16]


def load_in_use() -> Classifier:
    """The team's own weights if there are any that fit, else those that ship. Raises ConfigError."""
    folder = own_folder()
    if not (folder / "card.json").exists():
        return weights_file.load()
    try:
        _fitting_card(folder)
        return weights_file.load(folder)
    except ConfigError as error:
        if str(error) not in _said:  # once for each thing that is wrong, not for every decider
            _said.add(str(error))
            LOG.warning("%s The weights that ship are used instead.", error)
        return weights_file.load()


def describe() -> str:
    """One line: whose weights are in use, from how many lessons, and where they lie."""
    folder = own_folder()
    if not (folder / "card.json").exists():
        return "weights: those that ship"
    try:
        card = _fitting_card(folder)
        lessons = card["from_log"]
        if not zipfile.is_zipfile(folder / "weights.npz"):
            raise ConfigError(f"{folder}: weights.npz is missing or damaged.")
        return (
            f"weights: your own, from {lessons['lessons']} lessons of your log"
            f"{' on ' + card['date'] if card.get('date') else ''} ({folder})"
        )
    except (ConfigError, KeyError, TypeError) as error:
        return f"weights: those that ship; your own cannot be used: {error}"


def _fitting_card(folder: Path) -> dict[str, Any]:
    """The card of own weights. Raises ConfigError if it is damaged or of another version."""
    again = "Make them again: python -m router train --from-log."
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        made_beside = card["from_log"]["shipped"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder}: your own router weights cannot be read ({error}). {again}") from error
    if made_beside != shipped_digest():
        raise ConfigError(f"{folder}: your own router weights are of another version of Upshift. {again}")
    assert isinstance(card, dict)
    return card
