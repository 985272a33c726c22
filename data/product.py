"""The product that the assistant helps with: one folder with product.toml and its documents.

Upshift's own folder is data/; `UPSHIFT_PRODUCT` points at another one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from data.config import ConfigError, load_toml
from data.records import Record

PRODUCT_FILE = "product.toml"

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
# A local model reads about 70 tokens a second, so every 280 characters here can cost a second of
# everybody's wait whenever the prompt is not in the model's cache.
SystemPrompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=800)]


class Suggestion(Record):
    """Something to ask: `label` is on the button, `prompt` is what is sent, `id` is in the log."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    label: Label
    prompt: Prompt


class Product(Record):
    """What a product folder says about itself.

    `also_called`: other words by which people mean it; who asks for a fact and uses its name or one of
    them is told where the documents say nothing. `promise`: one sentence on what the assistant is good
    for; `caution`: what it may get wrong. `suggestions` are offered on the empty page, `follow_ups`
    after an answer. `knowledge` is the
    folder of its documents, in product.toml relative to that file.
    """

    name: Label
    also_called: tuple[Label, ...] = ()
    promise: Line
    caution: Line
    system_prompt: SystemPrompt
    suggestions: tuple[Suggestion, ...] = Field(default=(), max_length=5)
    follow_ups: tuple[Suggestion, ...] = Field(default=(), max_length=3)
    knowledge: Path = Path("knowledge")

    @field_validator("suggestions", "follow_ups")
    @classmethod
    def _ids_differ(cls, offered: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
        ids = [suggestion.id for suggestion in offered]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"each id must be used once, but {', '.join(twice)} is used again")
        return offered


def load_product(folder: Path) -> Product:
    """Read the product in `folder`; `knowledge` of the result is an absolute path.

    Raises ConfigError, which names the file, the key and what would be right.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: there is no such folder; UPSHIFT_PRODUCT must name a folder with a "
            f"{PRODUCT_FILE} in it (without UPSHIFT_PRODUCT Upshift's own is used)"
        )
    product = load_toml(folder / PRODUCT_FILE, Product)
    return product.model_copy(update={"knowledge": (folder / product.knowledge).resolve()})
