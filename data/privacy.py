"""What text the log keeps, decided by what a session is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from data.records import Purpose, TextMode

# Research keeps nothing by itself: a study's consent says what is kept and for how long.
_POLICY: dict[Purpose, tuple[TextMode, int | None]] = {
    "dogfood": ("full", 30),
    "research": ("none", None),
    "demo": ("none", None),
    "test": ("none", None),
}


def text_policy(purpose: Purpose) -> tuple[TextMode, int | None]:
    """Which text a session of this purpose keeps, and for how many days (None where none is kept)."""
    return _POLICY[purpose]


def expires_at(days: int, now: datetime | None = None) -> str:
    """When text that is kept for `days` days from now expires, in the log's form (ISO 8601, UTC)."""
    return (
        ((now or datetime.now(UTC)) + timedelta(days=days)).astimezone(UTC).isoformat(timespec="milliseconds")
    )
