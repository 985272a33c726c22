"""What studies add to the log, by version: a released version is never changed."""

from __future__ import annotations

_TABLES = (
    # One row for each person who agreed to take part: written at once, in a transaction of its own,
    # and not by the log's writer, because the next person's variant depends on it.
    """
    CREATE TABLE participants (
        study TEXT NOT NULL, participant TEXT NOT NULL, unit_hash TEXT, slot INTEGER, arm TEXT,
        arm_count INTEGER, variants TEXT, forced INTEGER, joined_at TEXT, consent_at TEXT,
        tasks_done INTEGER, completed_at TEXT, withdrawn_at TEXT, platform_study TEXT,
        platform_session TEXT, PRIMARY KEY (study, participant)
    ) STRICT, WITHOUT ROWID""",
    # No two people in one slot, whatever goes wrong: slots are what keeps the groups balanced.
    "CREATE UNIQUE INDEX participants_by_slot ON participants (study, slot) WHERE slot IS NOT NULL",
    """
    CREATE TABLE study_conversations (
        conversation_id TEXT PRIMARY KEY NOT NULL, study TEXT, participant TEXT, session_id TEXT,
        period INTEGER, variant TEXT, study_task TEXT, started_at TEXT
    ) STRICT""",
    "CREATE INDEX study_conversations_by_person ON study_conversations (study, participant, period)",
    """
    CREATE TABLE ratings (
        rating_id TEXT PRIMARY KEY NOT NULL, study TEXT, participant TEXT, session_id TEXT,
        conversation_id TEXT, turn_id TEXT, study_task TEXT, variant TEXT, scale TEXT, value INTEGER,
        at TEXT
    ) STRICT""",
    "CREATE INDEX ratings_by_person ON ratings (study, participant)",
    """
    CREATE TABLE markers (
        marker_id TEXT PRIMARY KEY NOT NULL, study TEXT, participant TEXT, turn_id TEXT, turn_ms REAL,
        study_task TEXT, at TEXT
    ) STRICT""",
    "CREATE INDEX markers_by_person ON markers (study, participant)",
    "CREATE INDEX sessions_by_study ON sessions (study, participant) WHERE study IS NOT NULL",
    "ALTER TABLE turns ADD COLUMN variant TEXT",
    "ALTER TABLE turns ADD COLUMN study_task TEXT",
    # Random ids of rows that were deleted. They say nothing about anybody, and keep late rows out: of
    # an answer that was still being written, or of another app's side file.
    "CREATE TABLE forgotten (id TEXT PRIMARY KEY NOT NULL, at TEXT) STRICT, WITHOUT ROWID",
)

# Table → the columns by which a row belongs to something that may have been deleted.
_BELONGS = {
    "sessions": ("session_id",),
    "exposures": ("session_id",),
    "tasks": ("session_id",),
    "conversations": ("conversation_id",),
    "study_conversations": ("conversation_id",),
    "turns": ("turn_id", "conversation_id"),
    "generations": ("turn_id",),
    "marks": ("turn_id",),
    "feedback": ("turn_id",),
    "turn_text": ("turn_id",),
    "ratings": ("session_id", "conversation_id"),
    "markers": ("turn_id",),
}


def _keep_out(table: str, columns: tuple[str, ...]) -> str:
    ids = ", ".join(f"NEW.{column}" for column in columns)
    return (
        f"CREATE TRIGGER {table}_stays_forgotten BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM forgotten WHERE id IN ({ids})) BEGIN SELECT RAISE(IGNORE); END"
    )


# Whether the groups have the sizes that they were dealt. `people` agreed and were dealt an arm, `used`
# of them saw it, `finished` came to the end; `expected` is each arm's even share of `used`, and
# `chi_square` (with arms - 1 degrees of freedom) adds up to how far `used` is from that.
_SRM = """
CREATE VIEW v_srm AS
WITH dealt AS (
    SELECT study, arm, arm_count, COUNT(*) AS people,
           SUM(EXISTS (SELECT 1 FROM exposures WHERE exposures.unit_hash = participants.unit_hash
                       AND exposures.experiment LIKE participants.study || '/%')) AS used,
           SUM(completed_at IS NOT NULL) AS finished
    FROM participants WHERE COALESCE(forced, 0) = 0 AND arm IS NOT NULL GROUP BY study, arm, arm_count),
shared AS (
    SELECT dealt.*, 1.0 * SUM(used) OVER (PARTITION BY study) / arm_count AS expected FROM dealt)
SELECT study, arm, arm_count, people, used, finished, expected,
       CASE WHEN expected > 0 THEN (used - expected) * (used - expected) / expected END AS chi_square
FROM shared
"""

V1 = (*_TABLES, *(_keep_out(table, columns) for table, columns in _BELONGS.items()), _SRM)
