"""The settings of the search: which tasks it serves and how relevant a passage must be."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from data import paths
from data.config import load_toml
from data.records import Record

RETRIEVAL_FILE = "retrieval.toml"


class RetrievalSettings(Record):
    """What the keys mean is written in the shipped retrieval.toml; shares are in 0..1."""

    never_for: tuple[str, ...]
    max_passages: int = Field(ge=0, le=9)
    share_of_budget: float = Field(gt=0, le=1)
    share_for_a_whole_file: float = Field(gt=0, le=1)
    max_passages_of_a_file: int = Field(ge=1, le=20)
    min_relevance: float = Field(ge=0, le=1)
    only_when_sure: tuple[str, ...] = ()
    sure_relevance: float = Field(ge=0, le=1)
    min_of_best: float = Field(ge=0, le=1)
    earlier_words: float = Field(ge=0, le=1)
    about_the_answer: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()

    @field_validator("synonyms")
    @classmethod
    def _groups_are_apart(cls, groups: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        words = [word for group in groups for word in group]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise ValueError(f"each word must stand in one group only, but {', '.join(twice)} is in two")
        return groups


def load_retrieval(folder: Path) -> RetrievalSettings:
    """The settings of the product in `folder`, or the shipped ones. Raises ConfigError."""
    own = folder / RETRIEVAL_FILE
    return load_toml(own if own.is_file() else paths.shipped(RETRIEVAL_FILE), RetrievalSettings)
