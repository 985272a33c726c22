"""Cues: what the page shows about an answer. One cue is one file; this is the list of them.

A cue draws from the answer so far (`data.answers.Answer`, which is events folded together) and
nothing else. To add one, write a file with a `CUE` in it and name it here: docs/add-a-cue.md.
"""

from __future__ import annotations

import os

from components.cues import sources, tier
from components.cues.cue import Cue

CUES: tuple[Cue, ...] = (tier.CUE, sources.CUE)


def shown() -> tuple[Cue, ...]:
    """The cues that are switched on. `UPSHIFT_CUES_OFF` names those that are not, with commas."""
    off = {name.strip() for name in os.environ.get("UPSHIFT_CUES_OFF", "").split(",")}
    return tuple(cue for cue in CUES if cue.name not in off)
