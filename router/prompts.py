"""Labelled prompts: reading them, and the fixed split that keeps a fifth aside."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

from pydantic import ValidationError, field_validator

from data.config import ConfigError
from data.paths import shipped
from data.policy import TASKS
from data.records import Message, Record

_VARIANT = re.compile(r"(?<=\d)[a-z]$")

_FIRST_HAND = frozenset(
    ("analyst", "conversations", "developer", "everyday", "languages", "office", "steering", "student")
)


class Prompt(Record):
    """A message (the last of `messages`) with its task. Variants share an id up to a last letter."""

    id: str
    messages: tuple[Message, ...]
    task: str
    tags: tuple[str, ...] = ()
    reason: str = ""

    @field_validator("task")
    @classmethod
    def _task_is_known(cls, task: str) -> str:
        if task not in TASKS:
            raise ValueError(f"unknown task {task!r}; known: {', '.join(TASKS)}")
        return task

    @property
    def group(self) -> str:
        """Prompts of one group never stand on both sides of a split."""
        return _VARIANT.sub("", self.id)

    @property
    def file(self) -> str:
        """The file that its id names."""
        return self.id.rsplit("-", 1)[0]

    @property
    def writer(self) -> str:
        """Who wrote it: a file each, but for the first eight, which are one hand's."""
        return "first hand" if self.file in _FIRST_HAND else self.file

    @property
    def language(self) -> str:
        """The first tag that is a language's code."""
        return next((tag for tag in self.tags if len(tag) == 2), "en")

    @property
    def held_out(self) -> bool:
        """One of the fifth that is only measured on."""
        return zlib.crc32(f"held out/{self.group}".encode()) % 5 == 0

    def fold(self, folds: int) -> int:
        """Which part of the training prompts it belongs to when they are cross-validated."""
        return zlib.crc32(f"fold/{self.group}".encode()) % folds


def read_prompts(folder: Path | None = None) -> list[Prompt]:
    """All prompts of `folder` (*.jsonl, by name), or those that ship. Raises ConfigError."""
    found: list[Prompt] = []
    for path in sorted((folder or shipped("prompts")).glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    found.append(Prompt.model_validate(json.loads(line)))
                except (ValidationError, json.JSONDecodeError) as error:
                    raise ConfigError(f"{path}, line {number}: {error}") from None
    return found
