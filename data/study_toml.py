"""Writes a study's TOML file: the one place where this project writes TOML."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from data.config import ConfigError, validate
from data.studies import Study, study_path

_HEAD = """\
# A study; data/knowledge/studies.md says what each key means. Leave it as it is once people take part.

"""


def as_toml(study: Study) -> str:
    """The study as a file that `load_study` reads back to the same study."""
    return _HEAD + "\n".join(_table(study.model_dump(exclude_none=True, exclude_defaults=False), ())) + "\n"


def save_study(raw: dict[str, Any], folder: Path | None = None, *, replace: bool = False) -> Path:
    """Check `raw` and write its file, whole or not at all; returns where.

    Raises ConfigError for a mistake in it, or if there is a study of this name and not `replace`.
    """
    study = validate(raw, Study, f"study {raw.get('name', '')}".strip())
    path = study_path(study.name, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        fresh.write_text(as_toml(study), encoding="utf-8")
        if replace:
            fresh.replace(path)
        else:
            os.link(fresh, path)  # unlike a rename, refuses to take another's place
    except FileExistsError:
        raise ConfigError(f"{path}: there is a study of this name already; choose another") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error})") from error
    finally:
        fresh.unlink(missing_ok=True)
    return path


def _table(values: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    """Plain values first: in TOML what follows a table's header belongs to that table."""
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if not _is_table(value)]
    for key, value in values.items():
        inner = (*path, key)
        if isinstance(value, dict):
            lines += ["", f"[{'.'.join(inner)}]", *_table(value, inner)]
        elif _is_table(value):
            for item in value:
                lines += ["", f"[[{'.'.join(inner)}]]", *_table(item, inner)]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _string(value)
    return f"[{', '.join(_value(item) for item in value)}]"


def _string(text: str) -> str:
    """A JSON string is a TOML string but for DEL, and lines are kept as lines for whoever reads the file."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    if "\n" not in text:
        return _escaped(text)
    return '"""\n' + "\n".join(_escaped(line)[1:-1] for line in text.split("\n")) + '"""'


def _escaped(line: str) -> str:
    return json.dumps(line, ensure_ascii=False).replace("\x7f", "\\u007f")
