"""The log's schema, in numbered steps that are never changed once they have been released.

A step that is wrong is mended by the next one. `python -m data doctor` names the last step that a
file has had. Two clocks, never mixed: columns in `_ms` are offsets from the server's receipt of the
message, `client_…_ms` offsets from the press in the browser; null means that nobody reported it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

SET_NAME = "upshift"

Step = Callable[[Any], None]


def migrate(connection: sqlite3.Connection, stop_before: str | None = None) -> list[str]:
    """Bring the file up to date and return the names of the steps that were applied.

    `connection` must be in autocommit mode (`isolation_level=None`) and the caller must hold the
    set-up lock: two processes that create the same table at once fail. Each step is one transaction
    with its record. Raises sqlite3.Error.
    """
    wanted = [step.__name__ for step in STEPS]
    if stop_before is None and not set(wanted) - set(applied(connection)):
        return []
    # Imported only where there is work to do: it brings pandas when that is installed (0.5 s).
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(SET_NAME)
    for step in STEPS:
        migrations()(step)
    before = set(applied(connection))
    # IMMEDIATE around the whole: steps read before they write, and an app that is already running
    # may write in between. Each step is a savepoint within it.
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(Database(connection), stop_before=stop_before)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return [name for name in applied(connection) if name not in before]


def applied(connection: sqlite3.Connection) -> list[str]:
    """Names of the steps that this file has had, in order; empty for a new file."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
    if known is None:
        return []
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", [SET_NAME]
    )
    return [name for (name,) in rows]


def pending(connection: sqlite3.Connection) -> list[str]:
    """Names of the steps that this file still lacks."""
    done = set(applied(connection))
    return [step.__name__ for step in STEPS if step.__name__ not in done]


def m001_turns(db: Any) -> None:
    """Sessions, conversations, turns and what happened in them."""
    db.execute("""
        CREATE TABLE sessions (
            session_id TEXT PRIMARY KEY NOT NULL, started_at TEXT, purpose TEXT, participant TEXT,
            study TEXT, app_version TEXT, config_hash TEXT, text_mode TEXT, consent_at TEXT,
            user_agent TEXT
        ) STRICT""")
    db.execute("""
        CREATE TABLE conversations (
            conversation_id TEXT PRIMARY KEY NOT NULL, session_id TEXT, started_at TEXT, title TEXT,
            preset TEXT
        ) STRICT""")
    # Only keys are NOT NULL: a turn's columns arrive in several rows, in any order after a replay.
    db.execute("""
        CREATE TABLE turns (
            turn_id TEXT PRIMARY KEY NOT NULL, trace_id TEXT, session_id TEXT, conversation_id TEXT,
            parent_turn_id TEXT, replaces_turn_id TEXT, turn_index INTEGER, submitted_at TEXT,
            input_origin TEXT, suggestion_id TEXT, task TEXT, tier TEXT, preset TEXT,
            route_reason TEXT, route_score REAL, overridden INTEGER, input_chars INTEGER,
            status TEXT, error_type TEXT,
            cold INTEGER, warmed INTEGER, cache_hit INTEGER, joined INTEGER,
            route_ms REAL, first_feedback_ms REAL, request_sent_ms REAL, first_chunk_ms REAL,
            first_content_ms REAL, readable_ms REAL, last_content_ms REAL, done_ms REAL,
            ended_ms REAL, stall_count INTEGER, stall_total_ms REAL, stall_max_ms REAL,
            client_first_feedback_ms REAL, client_first_cue_ms REAL, client_first_content_ms REAL,
            client_readable_ms REAL, client_done_ms REAL, client_hidden INTEGER,
            clock_offset_ms REAL, clock_error_ms REAL,
            output_chars INTEGER, source_count INTEGER, cited_count INTEGER, uncertainty TEXT
        ) STRICT""")
    db.execute("CREATE INDEX turns_by_conversation ON turns (conversation_id, turn_index)")
    db.execute("CREATE INDEX turns_by_tier ON turns (tier, submitted_at)")
    db.execute("CREATE INDEX turns_open ON turns (status) WHERE status = 'open'")
    db.execute("""
        CREATE TABLE generations (
            generation_id TEXT PRIMARY KEY NOT NULL, turn_id TEXT, attempt INTEGER, tier TEXT,
            role TEXT, provider_name TEXT, request_model TEXT, response_model TEXT,
            response_id TEXT, start_ms REAL, first_content_ms REAL, time_to_first_chunk_s REAL,
            operation_duration_s REAL, time_per_output_chunk_p50_s REAL,
            time_per_output_chunk_p95_s REAL, time_per_output_chunk_max_s REAL, chunk_count INTEGER,
            input_tokens INTEGER, output_tokens INTEGER, cache_read_input_tokens INTEGER,
            reasoning_output_tokens INTEGER, cost_usd REAL, price_source TEXT, finish_reason TEXT,
            error_type TEXT, http_status INTEGER
        ) STRICT""")
    db.execute("CREATE INDEX generations_by_turn ON generations (turn_id, attempt)")
    # Without a rowid the marks of a turn lie side by side, and each costs one page entry, not two.
    db.execute("""
        CREATE TABLE marks (
            turn_id TEXT NOT NULL, seq INTEGER NOT NULL, t_ms REAL, name TEXT, attrs TEXT,
            PRIMARY KEY (turn_id, seq)
        ) STRICT, WITHOUT ROWID""")
    db.execute("""
        CREATE TABLE turn_text (
            turn_id TEXT PRIMARY KEY NOT NULL, prompt TEXT, answer TEXT, sources TEXT,
            redactions TEXT, expires_at TEXT
        ) STRICT""")
    db.execute("CREATE INDEX turn_text_by_expiry ON turn_text (expires_at)")


def m002_people(db: Any) -> None:
    """What people said about answers, and what studies need."""
    db.execute("""
        CREATE TABLE feedback (
            feedback_id TEXT PRIMARY KEY NOT NULL, turn_id TEXT, at TEXT, kind TEXT, value TEXT,
            note TEXT
        ) STRICT""")
    db.execute("CREATE INDEX feedback_by_turn ON feedback (turn_id)")
    db.execute("""
        CREATE TABLE exposures (
            session_id TEXT NOT NULL, experiment TEXT NOT NULL, variant TEXT, unit_hash TEXT,
            forced INTEGER, exposed_at TEXT, PRIMARY KEY (session_id, experiment)
        ) STRICT, WITHOUT ROWID""")
    db.execute("""
        CREATE TABLE tasks (
            session_id TEXT NOT NULL, task_id TEXT NOT NULL, started_at TEXT, ended_at TEXT,
            outcome TEXT, PRIMARY KEY (session_id, task_id)
        ) STRICT, WITHOUT ROWID""")


def m003_health_and_runs(db: Any) -> None:
    """Troubles of the log itself, and which running app a turn belongs to."""
    db.execute("""
        CREATE TABLE log_health (
            health_id TEXT PRIMARY KEY NOT NULL, at TEXT, kind TEXT, n INTEGER, detail TEXT
        ) STRICT""")
    db.execute("ALTER TABLE turns ADD COLUMN run_id TEXT")


def m004_views(db: Any) -> None:
    """Views for people who open the file with a tool of their own."""
    from data import views

    for statement in views.V1:
        db.execute(statement)


def m005_studies(db: Any) -> None:
    """Who takes part in a study, what they said, and what must stay deleted."""
    from data import study_schema

    for statement in study_schema.V1:
        db.execute(statement)


def m006_leaving(db: Any) -> None:
    """When somebody went away from an answer that was not complete."""
    db.execute("ALTER TABLE turns ADD COLUMN left_ms REAL")
    db.execute("ALTER TABLE turns ADD COLUMN client_left_ms REAL")


def m007_reasons_without_words(db: Any) -> None:
    """Reasons quoted words of messages; these are text, and go from logs that were written before."""
    found = db.execute(
        "SELECT turn_id, route_reason FROM turns WHERE route_reason LIKE '%says “%'"
    ).fetchall()
    for turn_id, reasons in found:
        kept = "; ".join(reason for reason in reasons.split("; ") if not reason.startswith("says “"))
        db.execute("UPDATE turns SET route_reason = ? WHERE turn_id = ?", [kept, turn_id])


STEPS: tuple[Step, ...] = (
    m001_turns,
    m002_people,
    m003_health_and_runs,
    m004_views,
    m005_studies,
    m006_leaving,
    m007_reasons_without_words,
)
