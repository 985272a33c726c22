"""What can go wrong with local models, in words that say what to do next."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Literal

ErrorKind = Literal["network", "wrong_file", "disk_full", "unwritable", "cancelled", "not_ready"]

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
PULL = "python -m router models pull"


class LocalModelError(Exception):
    """A local model cannot be used. The text says what happened and what to do; `kind` is for code."""

    def __init__(self, message: str, kind: ErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


def of_folder(error: OSError, folder: Path) -> LocalModelError:
    """What an operating system's error while writing to `folder` means for a person."""
    if error.errno in _FULL:
        return LocalModelError(
            f"The disk that holds {folder} is full. Free some space, or set UPSHIFT_MODELS to a folder on "
            "another disk; what has arrived is kept and the download goes on from there.",
            "disk_full",
        )
    return LocalModelError(
        f"The models' folder {folder} cannot be used ({error.strerror or error}). Make it writable, or set "
        "UPSHIFT_MODELS to a folder that is.",
        "unwritable",
    )


def megabytes(count: int) -> str:
    """`count` bytes for a person: '491 MB', '1.12 GB' (decimal units, as download pages give them)."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
