"""The borders between the floors: what a turn, a decision, a passage and a generation are.

All of them are frozen pydantic models, so that a value that crossed a border cannot change behind
the back of whoever reads it, and can be passed between threads without locks.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

InputOrigin = Literal["typed", "suggestion", "follow_up", "retry", "edit"]
Purpose = Literal["dogfood", "research", "demo", "test"]
TextMode = Literal["none", "redacted", "full"]
Role = Literal["system", "user", "assistant"]
GenerationRole = Literal["primary", "retry", "fallback", "compare"]


class Record(BaseModel):
    """Base of all records: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def new_id() -> str:
    """128 random bits as 32 hexadecimal digits. A conversation's id in the URL admits to it."""
    return secrets.token_hex(16)


def now_iso() -> str:
    """Wall-clock time in UTC, ISO 8601 with milliseconds: for the log, never for durations."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Message(Record):
    """One message of a conversation, in the form that every provider understands."""

    role: Role
    content: str


class Decision(Record):
    """Which tier answers, and why.

    `score` is in 0..1, higher means heavier work. `reasons` are plain words for the page, the most
    telling first. `inherited`: the message was too thin to judge by itself ("why?"), so the task of
    the conversation decided. `overridden`: the person chose the tier.
    """

    task: str
    tier: str
    score: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()
    inherited: bool = False
    overridden: bool = False
    decide_ms: float = 0.0


class Passage(Record):
    """A piece of a document: `text` is characters `start` to `end` of the source's text.

    `score` orders passages of one search (higher is more relevant); it means nothing across searches.
    `left_out`: characters of `text`, from and to, that a model is not given, because they give orders to it.
    """

    passage_id: str
    source_id: str
    source_title: str
    heading: tuple[str, ...] = ()
    text: str
    start: int
    end: int
    score: float = 0.0
    left_out: tuple[tuple[int, int], ...] = ()


class StudyTerms(Record):
    """What a study sets for a participant's conversation: its variant's routing, and what text is kept.

    `threshold` (0..1) goes with the routing `threshold`; `text_days` with the text mode `full`.
    """

    study: str
    variant: str
    task: str | None = None
    routing: str = "auto"
    threshold: float | None = None
    text_mode: TextMode = "none"
    text_days: int | None = None


class Turn(Record):
    """One user message, with what came before it; its answer arrives as events.

    `messages` is the conversation in order, without system prompt; the last one is the message to
    answer. `choice` is the tier that the person asked for, if any; `command` is that tier if they typed
    it before the text, which no longer has it. `compares`: the turn stands beside its parent, whose
    message it answers again with another tier; `beside` is the text of the parent's answer.
    `attachments` are the ids of files that came with the message (router.uploads).
    """

    turn_id: str = Field(default_factory=new_id)
    trace_id: str = Field(default_factory=new_id)
    session_id: str
    conversation_id: str
    messages: tuple[Message, ...] = Field(min_length=1)
    turn_index: int = 0
    parent_turn_id: str | None = None
    replaces_turn_id: str | None = None
    choice: str | None = None
    command: str | None = None
    compares: bool = False
    beside: str = ""
    input_origin: InputOrigin = "typed"
    suggestion_id: str | None = None
    study: StudyTerms | None = None
    attachments: tuple[str, ...] = ()
    submitted_at: str = Field(default_factory=now_iso)

    @property
    def text(self) -> str:
        """The message to answer."""
        return self.messages[-1].content

    @property
    def typed(self) -> str:
        """The message as the person wrote it."""
        return f"/{self.command} {self.text}" if self.command else self.text


class Generation(Record):
    """One model call as it was measured in our own loop, under OpenTelemetry's GenAI names.

    Durations ending in `_s` are seconds, `start_ms` is milliseconds since the server received the
    turn. A value that the provider did not report is None, never 0.
    """

    generation_id: str = Field(default_factory=new_id)
    turn_id: str
    attempt: int
    tier: str
    role: GenerationRole
    provider_name: str
    request_model: str
    response_model: str | None = None
    response_id: str | None = None
    start_ms: float
    first_content_ms: float | None = None
    time_to_first_chunk_s: float | None = None
    operation_duration_s: float | None = None
    time_per_output_chunk_p50_s: float | None = None
    time_per_output_chunk_p95_s: float | None = None
    time_per_output_chunk_max_s: float | None = None
    chunk_count: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    cost_usd: float | None = None
    price_source: str | None = None
    finish_reason: str | None = None
    error_type: str | None = None
    http_status: int | None = None
