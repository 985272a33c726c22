"""A study to test with, and its file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from data.studies import Study, load_study
from data.study_toml import save_study

TODAY = datetime.now(UTC).date()


def plan(**changes: Any) -> dict[str, Any]:
    """The keys of a small study that is open today."""
    return {
        "name": "cues",
        "question": "Does the progress cue make the wait feel shorter?",
        "starts": (TODAY - timedelta(days=1)).isoformat(),
        "ends": (TODAY + timedelta(days=8)).isoformat(),
        "participants": 8,
        "metric": "satisfaction_time",
        "guardrails": ["stopped"],
        "variants": [{"name": "with"}, {"name": "without", "change": {"cues_off": ["progress"]}}],
        "tasks": [
            {"id": "first", "title": "Find a rule", "instructions": "Find out how long text is kept."},
            {"id": "second", "title": "Write a note", "instructions": "Have a short note written."},
        ],
        "consent": "We measure how long you wait and ask how it felt.",
        "completion_code": "C0DE-77",
        **changes,
    }


def made(folder: Path | None = None, **changes: Any) -> Study:
    """The study, written to its file and read back."""
    raw = plan(**changes)
    save_study(raw, folder)
    return load_study(raw["name"], folder)
