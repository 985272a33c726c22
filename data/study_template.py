"""What a new study looks like before anybody edits it: a whole one that could be run."""

from __future__ import annotations

from datetime import date
from typing import Any

from data.studies import default_dates

CONSENT = """\
You are asked to try an assistant and to say how it felt.

We measure how long you wait for its answers, count what you do on the page, and keep your ratings.
Please do not write anything about yourself or other people.

Taking part is voluntary."""


def template(name: str, today: date) -> dict[str, Any]:
    """The keys of a study that compares the page with and without its progress cue."""
    starts, ends = default_dates(today)
    return {
        "name": name,
        "question": "Does it feel quicker when the page says what is going on?",
        "starts": starts.isoformat(),
        "ends": ends.isoformat(),
        "participants": 12,
        "metric": "satisfaction_time",
        "guardrails": ["stopped", "felt_first_words"],
        "variants": [
            {"name": "with-progress"},
            {"name": "without-progress", "change": {"cues_off": ["progress"]}},
        ],
        "tasks": [
            {"id": "find", "title": "Find something out", "instructions": "Find out how long text is kept."},
            {"id": "write", "title": "Have something written", "instructions": "Have a short note written."},
        ],
        "ratings": {"after": "answer", "ask": ["satisfaction_time"]},
        "consent": CONSENT,
        "text": "none",
    }
