"""The tasks: what is asked, how an answer is checked, and answers that the checker must tell apart."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from benchmarks.routing.checkers import Checker
from data.config import ConfigError
from data.policy import TASKS
from data.records import Message, Record

FOLDER = Path(__file__).parents[1] / "routing_tasks"


class Task(Record):
    """A task. `work` is one of the policy's kinds of work, by what it asks for; no router sees it.

    `ask` is the message; `before` what was said before it (user and assistant in turns). `right` are
    answers that the checker must accept, `wrong` such as it must reject.
    """

    id: str
    work: str
    ask: str = Field(min_length=1)
    before: tuple[str, ...] = ()
    checker: Checker
    right: tuple[str, ...] = Field(min_length=1)
    wrong: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Task:
        if self.work not in TASKS:
            raise ValueError(f"unknown work {self.work!r}; known: {', '.join(TASKS)}")
        if len(self.before) % 2:
            raise ValueError("'before' must end with an answer")
        return self

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation, the message to answer last."""
        texts = (*self.before, self.ask)
        return tuple(
            Message(role="assistant" if at % 2 else "user", content=text.strip())
            for at, text in enumerate(texts)
        )

    @property
    def digest(self) -> str:
        """Changes when what is asked changes: an answer to something else is not an answer to this."""
        return hashlib.sha256("\n\0".join(m.content for m in self.messages).encode()).hexdigest()[:16]


_FILE = TypeAdapter(dict[str, tuple[Task, ...]])


def read_tasks(folder: Path = FOLDER) -> list[Task]:
    """All tasks, by file name and then in the order of the file. Raises ConfigError."""
    found: list[Task] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found += _FILE.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))["tasks"]
        except (ValidationError, KeyError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from None
    ids = [task.id for task in found]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ConfigError(f"{folder}: these ids stand there twice: {', '.join(twice)}")
    return found
