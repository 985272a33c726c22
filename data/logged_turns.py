"""Turns of the log with the conversation that they were asked in, as far as its text is still kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.records import Message, Record
from data.store import reading

_NOT_USUAL = ("cold", "cache_hit", "warmed", "joined")
_QUERY = """
SELECT v_turns.*, turn_text.prompt, turn_text.answer
FROM v_turns LEFT JOIN turn_text
    ON turn_text.turn_id = v_turns.turn_id AND (expires_at IS NULL OR expires_at > :now)
ORDER BY submitted_at, v_turns.turn_id
"""


class LoggedTurn(Record):
    """A turn that was decided. `_ms` count from the server's receipt; None was not measured.

    `messages` is what the router saw, the last one being the message; None where text of it is gone
    or was never kept. `usual` turns did not wait for a start and were not read in advance or cached.
    """

    turn_id: str
    session_id: str | None
    submitted_at: str
    purpose: str | None
    preset: str | None
    task: str | None
    tier: str
    request_model: str | None
    overridden: bool
    status: str
    usual: bool
    first_content_ms: float | None
    done_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    messages: tuple[Message, ...] | None


def read_turns(
    log: Path, since: str | None = None, purposes: Sequence[str] = (), now: datetime | None = None
) -> list[LoggedTurn]:
    """The log's turns that have ended and were given to a tier, oldest first.

    `since` is a day or time in ISO 8601 (UTC). Text whose time is over is not used, even where it
    has not been deleted yet. Raises LogUnavailable.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
    with reading(log) as connection:
        rows = {row["turn_id"]: row for row in connection.execute(_QUERY, {"now": moment})}
    return [
        _turn(row, rows)
        for row in rows.values()
        if row["tier"]
        and row["status"] not in (None, "open")
        and (since is None or row["submitted_at"] >= since)
        and (not purposes or row["purpose"] in purposes)
    ]


def _turn(row: sqlite3.Row, rows: Mapping[str, sqlite3.Row]) -> LoggedTurn:
    plain = (
        *("turn_id", "session_id", "submitted_at", "purpose", "preset", "task", "tier", "request_model"),
        *("status", "first_content_ms", "done_ms", "input_tokens", "output_tokens", "cost_usd"),
    )
    fields: dict[str, Any] = {name: row[name] for name in plain}
    return LoggedTurn(
        **fields,
        overridden=bool(row["overridden"]),
        usual=not any(row[name] for name in _NOT_USUAL),
        messages=_messages(row, rows),
    )


def _messages(row: sqlite3.Row, rows: Mapping[str, sqlite3.Row]) -> tuple[Message, ...] | None:
    """The conversation up to the turn's message; None if any text of it is gone."""
    if not row["prompt"]:
        return None
    earlier = _earlier(row, rows)
    if earlier is None:
        return None
    found: list[Message] = []
    for turn in earlier:
        if turn["status"] == "error":
            continue  # a turn that failed was not part of what the next one saw
        if not turn["prompt"]:
            return None
        if turn["answer"]:
            found.append(Message(role="user", content=turn["prompt"]))
            found.append(Message(role="assistant", content=turn["answer"]))
    return (*found, Message(role="user", content=row["prompt"]))


def _earlier(row: sqlite3.Row, rows: Mapping[str, sqlite3.Row]) -> list[sqlite3.Row] | None:
    """The turns that this one follows, oldest first; None if the log lacks one of them.

    A second answer to the same message has the first one as its parent and the same place in the
    conversation: it saw what that one saw.
    """
    found: list[sqlite3.Row] = []
    seen = {row["turn_id"]}
    here = row
    while here["parent_turn_id"]:
        parent = rows.get(here["parent_turn_id"])
        if parent is None or parent["turn_id"] in seen:
            return None
        seen.add(parent["turn_id"])
        if parent["turn_index"] != here["turn_index"]:
            found.append(parent)
        here = parent
    return found[::-1]
