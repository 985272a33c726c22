"""A model call: which model, where it is reached, what it is asked, and what was measured of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from data.addresses import is_this_machine
from data.percentiles import percentile
from data.presets import TierModel
from data.records import Generation, GenerationRole, Message
from router.errors import ModelError


@dataclass(frozen=True)
class Target:
    """Which model, and where it is reached.

    `own_machine`: at an address of this machine; no proxy is used, and no connection twice.
    """

    model: TierModel
    api_base: str | None = None
    api_key: str = ""
    own_machine: bool = False

    @classmethod
    def hosted(cls, model: TierModel) -> Target:
        """A provider's model, with the key and address that the environment gives."""
        api_base = model.address()
        key = os.environ.get(model.key_env or "", "")
        return cls(model, api_base, key, own_machine=api_base is not None and is_this_machine(api_base))


@dataclass(frozen=True)
class Piece:
    """A chunk of the response: its text (may be empty) and when it arrived (monotonic seconds)."""

    text: str
    at_s: float


@dataclass
class Call:
    """A model call under way and what was measured of it so far. Times are monotonic seconds."""

    target: Target
    messages: Sequence[Message]
    turn_id: str
    attempt: int
    role: GenerationRole
    received_s: float
    output_tokens: int
    started_s: float = field(default_factory=time.perf_counter)
    chunk_times_s: list[float] = field(default_factory=list)
    first_content_s: float | None = None
    ended_s: float | None = None
    response_id: str | None = None
    response_model: str | None = None
    finish_reason: str | None = None
    usage: Any = None
    log_probabilities: list[float] = field(default_factory=list)
    cost_usd: float | None = None
    price_source: str | None = None
    error: ModelError | None = None

    def generation(self) -> Generation:
        """The call as a record for the log."""
        ended_s = self.ended_s or time.perf_counter()
        gaps_s = [later - earlier for earlier, later in pairwise(self.chunk_times_s)]
        first_s = self.chunk_times_s[0] - self.started_s if self.chunk_times_s else None
        content_ms = None if self.first_content_s is None else (self.first_content_s - self.received_s) * 1000
        return Generation(
            turn_id=self.turn_id,
            attempt=self.attempt,
            tier=self.target.model.tier,
            role=self.role,
            provider_name=self.target.model.provider_name,
            request_model=self.target.model.model_name,
            response_model=self.response_model,
            response_id=self.response_id,
            start_ms=(self.started_s - self.received_s) * 1000,
            first_content_ms=content_ms,
            time_to_first_chunk_s=first_s,
            operation_duration_s=ended_s - self.started_s,
            time_per_output_chunk_p50_s=percentile(gaps_s, 0.5) if gaps_s else None,
            time_per_output_chunk_p95_s=percentile(gaps_s, 0.95) if gaps_s else None,
            time_per_output_chunk_max_s=max(gaps_s, default=None),
            chunk_count=len(self.chunk_times_s),
            cost_usd=self.cost_usd,
            price_source=self.price_source,
            finish_reason=self.finish_reason,
            error_type=self.error.error_type if self.error else None,
            http_status=self.error.http_status if self.error else None,
            **_tokens(self.usage),
        )


def _tokens(usage: Any) -> dict[str, int | None]:
    if usage is None:
        return {}
    prompt_details = getattr(usage, "prompt_tokens_details", None)
    completion_details = getattr(usage, "completion_tokens_details", None)
    return {
        "input_tokens": getattr(usage, "prompt_tokens", None),
        "output_tokens": getattr(usage, "completion_tokens", None),
        "cache_read_input_tokens": getattr(prompt_details, "cached_tokens", None),
        "reasoning_output_tokens": getattr(completion_details, "reasoning_tokens", None),
    }
