"""The models that can run on this machine: which file each is, and where it may be fetched from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from data.config import ConfigError, load_toml
from data.paths import shipped
from data.records import Record


class HubSource(Record):
    """A file in a repository of the model hub."""

    kind: Literal["hub"]
    repo: str
    file: str
    revision: str = "main"


class WheelSource(Record):
    """A file cut into wheels of a Python package index; `{part}` counts from 1 to `parts`.

    The wheels' members, joined in that order, are the file.
    """

    kind: Literal["wheels"]
    package: str
    version: str
    parts: int = Field(ge=1)
    member: str

    def package_of(self, part: int) -> str:
        """Name of the package that holds `part`."""
        return self.package.format(part=part)

    def member_of(self, part: int) -> str:
        """Path of the data file within the wheel of `part`."""
        return self.member.format(part=part)

    @model_validator(mode="after")
    def _each_part_has_its_name(self) -> WheelSource:
        if self.parts > 1 and self.package_of(1) == self.package_of(2):
            raise ValueError("with several parts, 'package' needs {part} in it")
        return self


class ModelFile(Record):
    """One model: `bytes` and `sha256` are those of `file`, which is a GGUF file.

    `kv_bytes_per_token` is the memory that one token of context takes, in bytes.
    """

    name: str
    label: str
    use: str
    file: str = Field(pattern=r"^[A-Za-z0-9][\w.+-]*\.gguf$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    origin: str
    kv_bytes_per_token: int = Field(ge=0)
    sources: tuple[Annotated[HubSource | WheelSource, Field(discriminator="kind")], ...] = Field(min_length=1)


class ModelFiles(Record):
    """The whole of models.toml."""

    models: tuple[ModelFile, ...]


def load_models(path: Path | None = None) -> dict[str, ModelFile]:
    """All models of `path` (default: the models.toml that ships with Upshift) by name.

    Raises ConfigError if the file is broken.
    """
    where = path or shipped("models.toml")
    models = load_toml(where, ModelFiles).models
    by_name = {model.name: model for model in models}
    if len(by_name) < len(models):
        raise ConfigError(f"{where}: key 'models': two models have the same name; each needs its own")
    return by_name


def find_model(name: str, path: Path | None = None) -> ModelFile:
    """The model called `name`. Raises ConfigError naming the known ones if there is none."""
    models = load_models(path)
    if name not in models:
        raise ConfigError(f"there is no model '{name}'; known models: {', '.join(models)}")
    return models[name]
