"""What the sentence encoder learns from, and what it made of each prompt without having learned from it."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data.paths import shipped
from data.policy import TASKS, Policy
from data.records import Message
from router.classifier import heard
from router.features import extract
from router.follow_ups import kind_of
from router.prompts import Prompt
from router.sentence_encoder import Ids, SentenceEncoder

FILE = "readings.npz"
_SUBSTANTIVE = ("fresh", "follow_up", "new_topic")


@dataclass(frozen=True)
class Example:
    """The pieces of a message's parts (READ), and what it asks for; `follows`: after what came before.

    `teaches` is false where the message alone does not show what it asks for: only read, not learned from.
    """

    key: int
    parts: tuple[Ids, ...]
    heavy: bool
    task: int
    fold: int
    writer: str
    follows: bool
    teaches: bool


def key_of(messages: Sequence[Message]) -> int:
    """A number for a conversation's text: 63 bits."""
    text = "\n".join(f"{message.role}: {message.content}" for message in messages)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big") >> 1


def before(messages: Sequence[Message]) -> str:
    """The last thing that was asked before the last of `messages`, greetings and the like left out."""
    asked = [message.content for message in messages[:-1] if message.role == "user"]
    return next((text for text in reversed(asked) if kind_of(text, True) in _SUBSTANTIVE), "")


def examples(
    prompts: Sequence[Prompt], encoder: SentenceEncoder, policy: Policy, folds: int
) -> list[Example]:
    """Each prompt by itself, and with what was asked before it, if anything was."""
    found = []
    for prompt in prompts:
        said, asked = extract(prompt.messages[-1].content), before(prompt.messages)
        for follows in (False, True) if asked else (False,):
            texts = heard(said, extract(asked) if follows else None)
            found.append(
                Example(
                    key_of(prompt.messages),
                    tuple(encoder.ids(name, text) for name, text in texts.items()),
                    policy.level_of(prompt.task) >= 0.5,
                    TASKS.index(prompt.task),
                    prompt.fold(folds),
                    prompt.writer,
                    follows,
                    follows or "inherit" not in prompt.tags,
                )
            )
    return found


class Readings:
    """The logits that encoders gave which had not learned from a prompt, nor from others of its fold.

    `kinds` name them: "alone" and "follows" (with what was asked before), and the same with
    "writer " before: from encoders that had learned nothing of the prompt's writer.
    """

    def __init__(self, encoder: str, kinds: dict[str, dict[int, float]]) -> None:
        self.encoder, self._kinds = encoder, kinds

    def has(self, kind: str) -> bool:
        """Are there any of this kind?"""
        return bool(self._kinds.get(kind))

    def of(self, prompt: Prompt, kind: str) -> float | None:
        """The logit, or None if the encoder has not learned from this prompt."""
        return self._kinds.get(kind, {}).get(key_of(prompt.messages))

    def save(self, folder: Path) -> None:
        """Write the file beside the encoder's."""
        arrays: dict[str, NDArray[np.generic]] = {"about": np.array(json.dumps(self.encoder))}
        for kind, found in self._kinds.items():
            arrays[f"keys {kind}"] = np.array(sorted(found), np.int64)
            arrays[f"logits {kind}"] = np.array([found[key] for key in sorted(found)], np.float32)
        np.savez_compressed(folder / FILE, **arrays)  # type: ignore[arg-type]


def shipped_readings(encoder: SentenceEncoder, folder: Path | None = None) -> Readings:
    """Those that belong to the encoder; none if the file is of another one or not there."""
    kinds: dict[str, dict[int, float]] = {}
    try:
        with np.load((folder or shipped("router_reader")) / FILE, allow_pickle=False) as file:
            if json.loads(str(file["about"])) == encoder.name:
                for name in (name[5:] for name in file.files if name.startswith("keys ")):
                    pairs = zip(file[f"keys {name}"].tolist(), file[f"logits {name}"].tolist(), strict=True)
                    kinds[name] = dict(pairs)
    except (OSError, KeyError, ValueError, BadZipFile, EOFError, zlib.error):
        return Readings(encoder.name, {})
    return Readings(encoder.name, kinds)
