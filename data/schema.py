"""The log's tables as the code knows them: columns, keys and what may be put into them.

`data.migrations` builds the same tables step by step; a test holds the two together. Checking a
row here costs microseconds and names the mistake, before the row is on another thread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | None
Row = dict[str, Value]

_LARGEST = 2**63 - 1


class LogMistake(ValueError):
    """A row does not fit the log: unknown table or column, wrong type, no key. A programming error."""


@dataclass(frozen=True)
class Table:
    """One table: its primary key and its columns by kind; `choices` limits some text columns.

    `flag` columns are true or false, stored as 1 or 0. Text columns take JSON-able dicts and lists.
    """

    key: tuple[str, ...]
    text: str = ""
    whole: str = ""
    real: str = ""
    flag: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, str]:
        """Column → `text`, `whole`, `real` or `flag`."""
        return {
            column: kind
            for kind in ("text", "whole", "real", "flag")
            for column in getattr(self, kind).split()
        }

    @property
    def sql_types(self) -> dict[str, str]:
        """Column → its type in SQLite."""
        names = {"text": "TEXT", "whole": "INTEGER", "real": "REAL", "flag": "INTEGER"}
        return {column: names[kind] for column, kind in self.kinds.items()}


TABLES: dict[str, Table] = {
    "sessions": Table(
        key=("session_id",),
        text="session_id started_at purpose participant study app_version config_hash text_mode consent_at"
        " user_agent",
        choices={
            "purpose": ("dogfood", "research", "demo", "test"),
            "text_mode": ("none", "redacted", "full"),
        },
    ),
    "exposures": Table(
        key=("session_id", "experiment"),
        text="session_id experiment variant unit_hash exposed_at",
        flag="forced",
    ),
    "conversations": Table(
        key=("conversation_id",), text="conversation_id session_id started_at title preset"
    ),
    "turns": Table(
        key=("turn_id",),
        text="turn_id trace_id session_id conversation_id parent_turn_id replaces_turn_id submitted_at"
        " input_origin suggestion_id task tier preset route_reason status error_type uncertainty run_id"
        " variant study_task",
        whole="turn_index input_chars stall_count output_chars source_count cited_count",
        real="route_score route_ms first_feedback_ms request_sent_ms first_chunk_ms first_content_ms"
        " readable_ms last_content_ms done_ms ended_ms left_ms stall_total_ms stall_max_ms"
        " client_first_feedback_ms client_first_cue_ms client_first_content_ms client_readable_ms"
        " client_done_ms client_left_ms clock_offset_ms clock_error_ms",
        flag="overridden cold warmed cache_hit joined client_hidden",
        choices={
            "input_origin": ("typed", "suggestion", "follow_up", "retry", "edit"),
            "status": ("open", "ok", "error", "stopped", "abandoned"),
        },
    ),
    "generations": Table(
        key=("generation_id",),
        text="generation_id turn_id tier role provider_name request_model response_model response_id"
        " price_source finish_reason error_type",
        whole="attempt chunk_count input_tokens output_tokens cache_read_input_tokens"
        " reasoning_output_tokens http_status",
        real="start_ms first_content_ms time_to_first_chunk_s operation_duration_s"
        " time_per_output_chunk_p50_s time_per_output_chunk_p95_s time_per_output_chunk_max_s cost_usd",
        choices={"role": ("primary", "retry", "fallback", "compare")},
    ),
    "marks": Table(key=("turn_id", "seq"), text="turn_id name attrs", whole="seq", real="t_ms"),
    "feedback": Table(key=("feedback_id",), text="feedback_id turn_id at kind value note"),
    "tasks": Table(key=("session_id", "task_id"), text="session_id task_id started_at ended_at outcome"),
    "turn_text": Table(key=("turn_id",), text="turn_id prompt answer sources redactions expires_at"),
    "participants": Table(
        key=("study", "participant"),
        text="study participant unit_hash arm variants joined_at consent_at completed_at withdrawn_at"
        " platform_study platform_session",
        whole="slot arm_count tasks_done",
        flag="forced",
    ),
    "study_conversations": Table(
        key=("conversation_id",),
        text="conversation_id study participant session_id variant study_task started_at",
        whole="period",
    ),
    "ratings": Table(
        key=("rating_id",),
        text="rating_id study participant session_id conversation_id turn_id study_task variant scale at",
        whole="value",
    ),
    "markers": Table(
        key=("marker_id",), text="marker_id study participant turn_id study_task at", real="turn_ms"
    ),
    "forgotten": Table(key=("id",), text="id at"),
    "log_health": Table(key=("health_id",), text="health_id at kind detail", whole="n"),
}

_KINDS = {name: table.kinds for name, table in TABLES.items()}


def encode(table: str, row: Mapping[str, object]) -> Row:
    """The row as SQLite stores it: bools as 0/1, dicts and lists as JSON text, NaN as null.

    Raises LogMistake when the table or a column is unknown, a type is wrong or a key is missing.
    """
    kinds = _KINDS.get(table)
    if kinds is None:
        raise LogMistake(f"the log has no table '{table}'; it has {', '.join(TABLES)}")
    encoded: Row = {}
    for column, value in row.items():
        kind = kinds.get(column)
        if kind is None:
            raise LogMistake(f"table '{table}' has no column '{column}'; it has {', '.join(kinds)}")
        encoded[column] = None if value is None else _value(table, column, kind, value)
    for column in TABLES[table].key:
        if encoded.get(column) is None:
            raise LogMistake(f"a row for '{table}' lacks its key '{column}'")
    return encoded


def _value(table: str, column: str, kind: str, value: object) -> Value:
    if kind == "text":
        return _text(table, column, value)
    if kind == "real" and isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return None if math.isnan(number) else number
    if kind == "whole" and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        return int(value)
    if kind == "flag" and isinstance(value, int) and value in (0, 1):
        return int(value)
    wanted = {"real": "a number", "whole": "a whole number", "flag": "true or false"}[kind]
    raise LogMistake(f"{table}.{column} wants {wanted}, got {value!r}")


def _text(table: str, column: str, value: object) -> str:
    if isinstance(value, dict | list | tuple):
        try:
            value = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise LogMistake(f"{table}.{column} cannot be written as JSON: {error}") from None
    if not isinstance(value, str):
        raise LogMistake(f"{table}.{column} wants text, got {value!r}")
    choices = TABLES[table].choices.get(column)
    if choices is not None and value not in choices:
        raise LogMistake(f"{table}.{column} wants one of {', '.join(choices)}, got {value!r}")
    # A lone surrogate (half an emoji, cut by a browser) is legal in Python but not in UTF-8.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
