"""What a study's export holds: every column with what it is, its unit, and when it is null.

The export is made from this list, so that it cannot hold a column that is not explained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["TEXT", "INTEGER", "REAL"]


@dataclass(frozen=True)
class Column:
    """One column: `sql` is where it comes from, `null` says when it is empty (`never` if it is not)."""

    name: str
    kind: SqlType
    sql: str
    what: str
    unit: str = ""
    null: str = "never"


@dataclass(frozen=True)
class Table:
    """One file of an export: a row for each `row`; `source` has one parameter, the study's name."""

    row: str
    source: str
    columns: tuple[Column, ...]
    has_text: bool = False

    @property
    def sql(self) -> str:
        """The query that gives its rows."""
        names = ", ".join(f"{column.sql} AS {column.name}" for column in self.columns)
        return f"SELECT {names} {self.source}"


def _ms(name: str, what: str, null: str) -> Column:
    clock = "milliseconds from the press, by the browser's clock"
    if not name.startswith("client_"):
        clock = "milliseconds from the server's receipt, by the server's clock"
    return Column(name, "REAL", f"turns.{name}", what, clock, null)


def _flag(name: str, what: str) -> Column:
    return Column(name, "INTEGER", f"turns.{name}", what, "1 yes, 0 no", "not known")


_NOT_SEEN = "the browser did not report it (page closed, moment never came)"
_NEVER_CAME = "it never came"
_STAYED = "they stayed to its end, or the browser did not report it"
_WHO = (
    Column("study", "TEXT", "people.study", "the study's name"),
    Column("participant", "TEXT", "people.participant", "the participant's id, as in their link"),
)
_DEALT = (
    Column("arm", "TEXT", "people.arm", "the variants dealt to this person, in order"),
    Column(
        "forced",
        "INTEGER",
        "people.forced",
        "whether a link fixed the variant; left out of the review",
        "1 yes, 0 no",
    ),
)
_AT = "ISO 8601, UTC"

_PEOPLE = Table(
    "participant who agreed to take part",
    "FROM participants AS people WHERE people.study = ? ORDER BY people.joined_at",
    (
        *_WHO,
        *_DEALT,
        Column("consent_at", "TEXT", "people.consent_at", "when they agreed", _AT),
        Column("tasks_done", "INTEGER", "people.tasks_done", "tasks that they said were done", "tasks"),
        Column(
            "completed_at", "TEXT", "people.completed_at", "when they came to the end", _AT, "they did not"
        ),
        Column(
            "withdrawn_at",
            "TEXT",
            "people.withdrawn_at",
            "when they stopped taking part",
            _AT,
            "they did not",
        ),
        Column(
            "visits",
            "INTEGER",
            "(SELECT COUNT(*) FROM sessions WHERE sessions.study = people.study"
            " AND sessions.participant = people.participant)",
            "how often they opened the page",
            "visits",
        ),
        Column(
            "platform_study", "TEXT", "people.platform_study", "STUDY_ID of their link", "", "not in the link"
        ),
        Column(
            "platform_session",
            "TEXT",
            "people.platform_session",
            "SESSION_ID of their link",
            "",
            "not in the link",
        ),
    ),
)
_TURNS = Table(
    "message and its answer",
    "FROM study_conversations AS had JOIN turns ON turns.conversation_id = had.conversation_id"
    " JOIN participants AS people ON people.study = had.study AND people.participant = had.participant"
    " WHERE had.study = ? AND turns.submitted_at IS NOT NULL ORDER BY turns.submitted_at",
    (
        *_WHO,
        *_DEALT,
        Column("variant", "TEXT", "had.variant", "the variant of the app in which it was"),
        Column(
            "period",
            "INTEGER",
            "had.period",
            "0 for the first variant (without tasks: day of use), 1 for the next",
        ),
        Column("study_task", "TEXT", "had.study_task", "the task in the study", "", "the study has no tasks"),
        Column("conversation_id", "TEXT", "had.conversation_id", "random id of the conversation"),
        Column("turn_id", "TEXT", "turns.turn_id", "random id of the turn"),
        Column(
            "turn_index",
            "INTEGER",
            "turns.turn_index",
            "place in the conversation, from 0",
            "turns",
            "not known",
        ),
        Column("submitted_at", "TEXT", "turns.submitted_at", "when it was sent", _AT),
        Column(
            "input_origin",
            "TEXT",
            "turns.input_origin",
            "typed, suggestion, follow_up, retry or edit",
            "",
            "not known",
        ),
        Column("suggestion_id", "TEXT", "turns.suggestion_id", "which suggestion", "", "it was none"),
        Column(
            "task", "TEXT", "turns.task", "kind of work that the router saw in it", "", "it was never routed"
        ),
        Column("tier", "TEXT", "turns.tier", "the tier that answered", "", "it was never routed"),
        Column("status", "TEXT", "turns.status", "open, ok, error, stopped or abandoned", "", "not known"),
        Column("error_type", "TEXT", "turns.error_type", "what went wrong", "", "nothing did"),
        _flag("cold", "the models were still being loaded; left out of the review's times"),
        _flag("warmed", "the prompt had been read in advance; left out of the review's times"),
        _flag("cache_hit", "answered from a cache; left out of the review's times"),
        _flag("joined", "joined an answer under way; left out of the review's times"),
        _flag("client_hidden", "the page was in the background meanwhile; left out of the review's times"),
        _ms("client_first_feedback_ms", "first visible change", _NOT_SEEN),
        _ms("client_first_cue_ms", "first progress text", _NOT_SEEN),
        _ms("client_first_content_ms", "first words of the answer seen", _NOT_SEEN),
        _ms("client_readable_ms", "first sentence or 120 characters seen", _NOT_SEEN),
        _ms("client_done_ms", "whole answer seen", _NOT_SEEN),
        _ms("client_left_ms", "page closed, reloaded or left before the whole answer was seen", _STAYED),
        _ms("route_ms", "model chosen", _NEVER_CAME),
        _ms("first_content_ms", "first words from the model", _NEVER_CAME),
        _ms("done_ms", "last words from the model", _NEVER_CAME),
        _ms("ended_ms", "answer ended, in whatever way", "the server died over it"),
        _ms("left_ms", "last page that showed it was gone", "somebody was there at its end"),
        Column(
            "stall_count",
            "INTEGER",
            "turns.stall_count",
            "pauses of over 1 s between two pieces",
            "pauses",
            "no words came",
        ),
        Column(
            "stall_total_ms",
            "REAL",
            "turns.stall_total_ms",
            "how long these were together",
            "milliseconds",
            "no words came",
        ),
        Column(
            "input_chars", "INTEGER", "turns.input_chars", "length of the message", "characters", "not known"
        ),
        Column(
            "output_chars",
            "INTEGER",
            "turns.output_chars",
            "length of the answer",
            "characters",
            "it has not ended",
        ),
        Column(
            "source_count",
            "INTEGER",
            "turns.source_count",
            "passages that the model was given",
            "passages",
            "it has not ended",
        ),
        Column(
            "cited_count",
            "INTEGER",
            "turns.cited_count",
            "passages that the answer names",
            "passages",
            "it has not ended",
        ),
        Column(
            "kept",
            "INTEGER",
            "EXISTS (SELECT 1 FROM feedback WHERE feedback.turn_id = turns.turn_id"
            " AND feedback.kind IN ('copy', 'export'))",
            "whether the answer was copied or exported",
            "1 yes, 0 no",
        ),
    ),
)
_RATINGS = Table(
    "answer to a question about an answer or a task",
    "FROM ratings JOIN participants AS people ON people.study = ratings.study"
    " AND people.participant = ratings.participant WHERE ratings.study = ? ORDER BY ratings.at",
    (
        *_WHO,
        *_DEALT,
        Column("variant", "TEXT", "ratings.variant", "the variant that was rated"),
        Column(
            "study_task", "TEXT", "ratings.study_task", "the task in the study", "", "the study has no tasks"
        ),
        Column("turn_id", "TEXT", "ratings.turn_id", "the turn that was rated", "", "a task was rated"),
        Column("scale", "TEXT", "ratings.scale", "what was asked"),
        Column(
            "value",
            "INTEGER",
            "ratings.value",
            "what was said",
            "points, 1 (least) to 7 (most)",
            "taken back",
        ),
        Column("at", "TEXT", "ratings.at", "when, at last", _AT),
    ),
)
_MARKERS = Table(
    "marker that the facilitator dropped",
    "FROM markers JOIN participants AS people ON people.study = markers.study"
    " AND people.participant = markers.participant WHERE markers.study = ? ORDER BY markers.at",
    (
        *_WHO,
        Column("at", "TEXT", "markers.at", "when the key was pressed", _AT),
        Column(
            "study_task", "TEXT", "markers.study_task", "the task at that moment", "", "none was under way"
        ),
        Column("turn_id", "TEXT", "markers.turn_id", "the last turn before it", "", "there was none yet"),
        Column(
            "turn_ms",
            "REAL",
            "markers.turn_ms",
            "time since that turn",
            "milliseconds from the server's receipt, by the server's clock",
            "there was none yet",
        ),
    ),
)
_TEXT = Table(
    "turn whose text is kept",
    "FROM study_conversations AS had JOIN turns ON turns.conversation_id = had.conversation_id"
    " JOIN turn_text ON turn_text.turn_id = turns.turn_id"
    " JOIN participants AS people ON people.study = had.study AND people.participant = had.participant"
    " WHERE had.study = ? ORDER BY turns.submitted_at",
    (
        *_WHO,
        Column("turn_id", "TEXT", "turns.turn_id", "random id of the turn"),
        Column("prompt", "TEXT", "turn_text.prompt", "what the participant wrote", "", "not kept"),
        Column("answer", "TEXT", "turn_text.answer", "what was answered", "", "nothing was, or not kept"),
        Column("expires_at", "TEXT", "turn_text.expires_at", "when this text is deleted", _AT, "it is not"),
    ),
    has_text=True,
)

TABLES: dict[str, Table] = {
    "people": _PEOPLE,
    "turns": _TURNS,
    "ratings": _RATINGS,
    "markers": _MARKERS,
    "text": _TEXT,
}
# Not from one query: what the review compares.
MEASURES = (
    Column("study", "TEXT", "", "the study's name"),
    Column("participant", "TEXT", "", "the participant's id, as in their link"),
    Column("variant", "TEXT", "", "the variant"),
    Column("measure", "TEXT", "", "which measure"),
    Column(
        "value",
        "REAL",
        "",
        "this person's median (times, ratings) or share under this variant",
        "milliseconds, points of 7, or a share from 0 to 1, by measure",
    ),
)


def codebook(with_text: bool) -> list[tuple[str, str, str, str, str, str]]:
    """A row for each column of an export: table, column, type, what it is, unit, when it is null."""
    tables = {name: table.columns for name, table in TABLES.items() if with_text or not table.has_text}
    return [
        (name, column.name, column.kind, column.what, column.unit, column.null)
        for name, columns in (tables | {"measures": MEASURES}).items()
        for column in columns
    ]
