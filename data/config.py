"""Reading configuration files: a mistake names the file, the key and what would be right."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(ValueError):
    """A configuration file cannot be used. The text says which file, which key, and how to mend it."""


def load_toml(path: Path, model: type[Model]) -> Model:
    """Read `path` as a `model`.

    Raises ConfigError if the file is missing, is not TOML, or does not fit the model.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets in brackets
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    return validate(raw, model, str(path))


def validate(raw: dict[str, Any], model: type[Model], where: str) -> Model:
    """Check `raw` against `model`; `where` names the file in the message of a ConfigError."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(problem, model) for problem in _own(error.errors())]
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in problems)) from None


def _own(problems: list[Any]) -> list[Any]:
    """The problems without those that only follow from another: a list that is short of its bad items."""
    around = {problem["loc"][:depth] for problem in problems for depth in range(len(problem["loc"]))}
    return [problem for problem in problems if problem["type"] != "too_short" or problem["loc"] not in around]


def _explain(problem: Any, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "(top level)"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(sorted(_fields_at(model, problem["loc"][:-1]))) or "none"
        return f"key '{key}' is not known; known here: {known}"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    # A mistake between keys is about all of them: what was found there is the whole file.
    found = "" if isinstance(problem["input"], dict) else f" (found {problem['input']!r})"
    return f"key '{key}': {problem['msg'].removeprefix('Value error, ')}{found}"


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Names of the fields of the model nested at `location`, as far as its annotations tell."""
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        # What is no field is a name of the file's own, whose values are the model found already.
        if part in fields:
            current = _model_within(fields[part].annotation)
    return list(current.model_fields) if hasattr(current, "model_fields") else []


def _model_within(annotation: Any) -> Any:
    """The pydantic model inside an annotation such as `tuple[Tier, ...]` or `dict[str, Tier]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_within(inner)
        if found is not None:
            return found
    return None
