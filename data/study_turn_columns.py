"""The columns of a study's turns: a row for each message and its answer."""

from __future__ import annotations

from data.study_columns import AT, DEALT, WHO, Column, Table


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
TURNS = Table(
    "message and its answer",
    "FROM study_conversations AS had JOIN turns ON turns.conversation_id = had.conversation_id"
    " JOIN participants AS people ON people.study = had.study AND people.participant = had.participant"
    " WHERE had.study = ? AND turns.submitted_at IS NOT NULL ORDER BY turns.submitted_at",
    (
        *WHO,
        *DEALT,
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
        Column("submitted_at", "TEXT", "turns.submitted_at", "when it was sent", AT),
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
