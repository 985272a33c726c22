"""Reads documents in a process of its own: `python -m data.documents`, driven by `data.documents.process`.

Input, for each file: one line of JSON (name, size in bytes, limits), then its bytes. Output: one line
of JSON. A file that makes this process hang or eat memory costs this process and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from data.documents.reading import Limits, Unreadable, read_document

# Enough for 200 pages; a file that asks for more is refused with MemoryError or a dead process.
MEMORY_BYTES = 1_500_000_000


def main() -> int:
    """Answer until the input ends."""
    _limit_memory()
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        content = sys.stdin.buffer.read(asked["size_bytes"])
        print(json.dumps(_answer(asked, content)), flush=True)
    return 0


def _answer(asked: dict[str, Any], content: bytes) -> dict[str, Any]:
    try:
        return {"reading": read_document(asked["name"], content, Limits(**asked["limits"])).model_dump()}
    except Unreadable as problem:
        return {"reason": problem.reason, "message": problem.message}
    except (MemoryError, RecursionError):
        return {"reason": "too_large", "message": "unpacks to more than can be read. Choose another file."}


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows; without it the time limit still holds

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    sys.exit(main())
