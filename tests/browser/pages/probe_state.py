"""What the test server keeps between page runs: received turns and the marks that came in."""

from __future__ import annotations

from typing import Any

RECEIVED: dict[str, float] = {}
ROWS: list[dict[str, Any]] = []


class KeptRows:
    """Stands for the log: the rows can be read back at /test/rows."""

    def put(self, table: str, row: dict[str, Any], *, keep_first: bool = False) -> None:
        ROWS.append(
            {"table": table, "keep_first": keep_first, "received_ms": RECEIVED[row["turn_id"]], **row}
        )
