"""The views of the log, by version: a released version is never changed, a new one replaces it."""

from __future__ import annotations

# Turns with what their session and their last model call say: what reports and exports read.
_TURNS = """
CREATE VIEW v_turns AS
SELECT turns.*,
       sessions.purpose, sessions.participant, sessions.study, sessions.app_version,
       generations.request_model, generations.response_model, generations.provider_name,
       generations.finish_reason, generations.input_tokens, generations.output_tokens,
       generations.cache_read_input_tokens, generations.time_to_first_chunk_s,
       (SELECT COUNT(*) FROM generations AS every WHERE every.turn_id = turns.turn_id) AS generation_count,
       (SELECT SUM(cost_usd) FROM generations AS every WHERE every.turn_id = turns.turn_id) AS cost_usd
FROM turns
LEFT JOIN sessions ON sessions.session_id = turns.session_id
LEFT JOIN generations ON generations.generation_id = (
    SELECT last.generation_id FROM generations AS last
    WHERE last.turn_id = turns.turn_id ORDER BY last.attempt DESC LIMIT 1)
WHERE turns.submitted_at IS NOT NULL
"""

# (what people feel, server column, browser column); the same list as data.reports.FIGURES.
_FIGURES = (
    ("first_feedback", "first_feedback_ms", "client_first_feedback_ms"),
    ("first_cue", None, "client_first_cue_ms"),
    ("first_text", "first_content_ms", "client_first_content_ms"),
    ("readable", "readable_ms", "client_readable_ms"),
    ("done", "done_ms", "client_done_ms"),
)

_COUNTED = """submitted_at IS NOT NULL AND tier IS NOT NULL
    AND COALESCE(cold, 0) = 0 AND COALESCE(cache_hit, 0) = 0 AND COALESCE(warmed, 0) = 0
    AND COALESCE(joined, 0) = 0 AND COALESCE(client_hidden, 0) = 0"""


def _percentile(share: float) -> str:
    """Linear interpolation between the two nearest ranks, as data.percentiles does it."""
    place = f"({share} * (n - 1))"
    low, weight = f"CAST({place} AS INTEGER)", f"({place} - CAST({place} AS INTEGER))"
    return (
        f"SUM(CASE rank WHEN {low} THEN value * (1 - {weight}) "
        f"WHEN {low} + 1 THEN value * {weight} ELSE 0 END)"
    )


_VALUES = "\nUNION ALL ".join(
    f"SELECT tier, '{figure}' AS figure, '{side}' AS side, {column} AS value FROM turns\n"
    f"WHERE {column} IS NOT NULL AND {_COUNTED}"
    for figure, server, browser in _FIGURES
    for side, column in (("server", server), ("browser", browser))
    if column is not None
)

_PERCENTILES = f"""
CREATE VIEW v_percentiles AS
WITH measured AS ({_VALUES}),
ranked AS (
    SELECT tier, figure, side, value,
           ROW_NUMBER() OVER (PARTITION BY tier, figure, side ORDER BY value) - 1 AS rank,
           COUNT(*) OVER (PARTITION BY tier, figure, side) AS n
    FROM measured)
SELECT tier, figure, side, n, {_percentile(0.5)} AS p50_ms,
       CASE WHEN n >= 60 THEN {_percentile(0.95)} END AS p95_ms
FROM ranked GROUP BY tier, figure, side, n
"""

_OUTCOMES = """
CREATE VIEW v_outcomes AS
SELECT tier, preset, task, COUNT(*) AS turns,
       SUM(status = 'ok') AS ok, SUM(status = 'error') AS error, SUM(status = 'stopped') AS stopped,
       SUM(status = 'abandoned') AS abandoned, SUM(status = 'open') AS open,
       SUM(COALESCE(overridden, 0)) AS overridden, SUM(COALESCE(stall_count, 0) > 0) AS stalled,
       SUM(EXISTS (SELECT 1 FROM feedback WHERE feedback.turn_id = turns.turn_id
                   AND kind = 'thumbs' AND value = 'up')) AS thumbs_up,
       SUM(EXISTS (SELECT 1 FROM feedback WHERE feedback.turn_id = turns.turn_id
                   AND kind = 'thumbs' AND value = 'down')) AS thumbs_down
FROM turns WHERE submitted_at IS NOT NULL
GROUP BY tier, preset, task
"""

V1 = (_TURNS, _PERCENTILES, _OUTCOMES)
