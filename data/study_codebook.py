"""What a study's export holds: every column with what it is, its unit, and when it is null.

The export is made from this list, so that it cannot hold a column that is not explained.
"""

from __future__ import annotations

from data.study_columns import AT, DEALT, WHO, Column, Table
from data.study_turn_columns import TURNS

_PEOPLE = Table(
    "participant who agreed to take part",
    "FROM participants AS people WHERE people.study = ? ORDER BY people.joined_at",
    (
        *WHO,
        *DEALT,
        Column("consent_at", "TEXT", "people.consent_at", "when they agreed", AT),
        Column("tasks_done", "INTEGER", "people.tasks_done", "tasks that they said were done", "tasks"),
        Column(
            "completed_at", "TEXT", "people.completed_at", "when they came to the end", AT, "they did not"
        ),
        Column(
            "withdrawn_at",
            "TEXT",
            "people.withdrawn_at",
            "when they stopped taking part",
            AT,
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
_RATINGS = Table(
    "answer to a question about an answer or a task",
    "FROM ratings JOIN participants AS people ON people.study = ratings.study"
    " AND people.participant = ratings.participant WHERE ratings.study = ? ORDER BY ratings.at",
    (
        *WHO,
        *DEALT,
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
        Column("at", "TEXT", "ratings.at", "when, at last", AT),
    ),
)
_MARKERS = Table(
    "marker that the facilitator dropped",
    "FROM markers JOIN participants AS people ON people.study = markers.study"
    " AND people.participant = markers.participant WHERE markers.study = ? ORDER BY markers.at",
    (
        *WHO,
        Column("at", "TEXT", "markers.at", "when the key was pressed", AT),
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
        *WHO,
        Column("turn_id", "TEXT", "turns.turn_id", "random id of the turn"),
        Column("prompt", "TEXT", "turn_text.prompt", "what the participant wrote", "", "not kept"),
        Column("answer", "TEXT", "turn_text.answer", "what was answered", "", "nothing was, or not kept"),
        Column("expires_at", "TEXT", "turn_text.expires_at", "when this text is deleted", AT, "it is not"),
    ),
    has_text=True,
)

TABLES: dict[str, Table] = {
    "people": _PEOPLE,
    "turns": TURNS,
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
