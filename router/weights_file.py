"""Writes and reads what the router learned: weights.npz and card.json."""

from __future__ import annotations

import json
import logging
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from data.config import ConfigError
from data.paths import shipped
from router.classifier import Classifier, CloseReading, FollowUps, HeavyHead
from router.features import IGNORED, size
from router.pieces import SEGMENTS, Vocabulary
from router.sentence_encoder import shipped_encoder

LOG = logging.getLogger("upshift.router")
DAMAGED = (OSError, KeyError, ValueError, TypeError, AttributeError, EOFError, BadZipFile, zlib.error)
"""What reading an absent, cut or altered file can raise."""


def save(classifier: Classifier, folder: Path, card: dict[str, Any]) -> None:
    """Write weights.npz (rows that are not zero, 16 bits) and card.json."""
    folder.mkdir(parents=True, exist_ok=True)
    used = np.flatnonzero(np.abs(classifier.weights).max(axis=1) > 1e-4)
    arrays = {
        "rows": used.astype(np.int32),
        "values": classifier.weights[used].astype(np.float16),
        "bias": classifier.bias.astype(np.float32),
    }
    card = {
        **card,
        "tasks": list(classifier.tasks),
        "features": size(),
        "calibration": {"slope": classifier.slope, "offset": classifier.offset},
    }
    if head := classifier.head:
        text = "\n".join(head.vocabulary.pieces).encode()
        arrays["heavy"] = head.weights[used].astype(np.float16)
        arrays["pieces"] = head.pieces.astype(np.float16)
        arrays["vocabulary"] = np.frombuffer(text, np.uint8)
        card["heavy_head"] = {"heavy": sorted(head.heavy), "bias": head.bias, "blend": list(head.blend)}
    if follow_ups := classifier.follow_ups:
        arrays["leaning"] = follow_ups.weights[used].astype(np.float16)
        card["follow_ups"] = {
            "bias": follow_ups.bias,
            "mix": list(follow_ups.mix),
            "closer": list(follow_ups.closer),
        }
    if close := classifier.close:
        card["close_reading"] = {"encoder": close.encoder.name, "blend": list(close.blend)}
    np.savez_compressed(folder / "weights.npz", **arrays)  # type: ignore[arg-type]
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load(folder: Path | None = None) -> Classifier:
    """Read the weights that ship, or those in `folder`. Raises ConfigError."""
    folder = folder or shipped("router_weights")
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        if card["features"] != size():
            raise ConfigError(
                f"{folder}: the weights are for {card['features']} features, this version has {size()}: "
                "train them again (python -m router train)"
            )
        with (folder / "weights.npz").open("rb") as raw, np.load(raw) as file:
            weights = np.zeros((size(), len(card["tasks"])), np.float32)
            weights[file["rows"]] = file["values"]
            head = _head(card["heavy_head"], file) if "heavy_head" in card else None
            follow_ups = _follow_ups(card["follow_ups"], file) if "follow_ups" in card else None
            slope, offset = (float(card["calibration"][name]) for name in ("slope", "offset"))
            close = _close(card["close_reading"]) if "close_reading" in card else None
            return Classifier(
                tuple(card["tasks"]), weights, file["bias"], slope, offset, head, follow_ups, close
            )
    except DAMAGED as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{folder}: the router's weights cannot be read ({error}); "
            "train them again (python -m router train)"
        ) from error


def _head(card: dict[str, Any], file: Any) -> HeavyHead:
    weights = np.zeros(size(), np.float32)
    weights[file["rows"]] = file["heavy"]
    text = file["vocabulary"].tobytes().decode()
    pieces = file["pieces"].astype(np.float32).reshape(-1, len(SEGMENTS))
    of_task, of_head, offset = (float(number) for number in card["blend"])
    vocabulary = Vocabulary(text.split("\n") if text else (), IGNORED)
    return HeavyHead(
        frozenset(card["heavy"]), weights, float(card["bias"]), vocabulary, pieces, (of_task, of_head, offset)
    )


def _follow_ups(card: dict[str, Any], file: Any) -> FollowUps:
    weights = np.zeros(size(), np.float32)
    weights[file["rows"]] = file["leaning"]
    mix, closer = (tuple(float(number) for number in card.get(name, ())) for name in ("mix", "closer"))
    return FollowUps(weights, float(card["bias"]), mix, closer)


def _close(card: dict[str, Any]) -> CloseReading | None:
    """None if there is no such encoder: the first opinion then has the last word."""
    try:
        encoder = shipped_encoder()
    except ConfigError as error:
        LOG.warning("%s Messages are routed without it, less exactly.", error)
        return None
    if card.get("encoder") != encoder.name:
        LOG.warning("These weights were fitted beside another close reading: messages are routed without it.")
        return None
    return CloseReading(encoder, tuple(float(number) for number in card["blend"]))
