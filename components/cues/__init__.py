"""Cues: what the page shows about an answer. One cue is one file; this is the list of them.

A cue draws from the answer so far (`data.answers.Answer`, which is events folded together) and
nothing else. To add one, write a file with a `CUE` in it and name it here: docs/add-a-cue.md.
"""

from __future__ import annotations

from components.cues import doubt, sources, tier
from components.cues.cue import Cue
from components.page_settings import PageSettings

CUES: tuple[Cue, ...] = (doubt.CUE, tier.CUE, sources.CUE)


def shown(settings: PageSettings | None = None) -> tuple[Cue, ...]:
    """The cues that are switched on: by `settings`, else by `UPSHIFT_CUES_OFF`."""
    chosen = settings or PageSettings.from_environment()
    return tuple(cue for cue in CUES if chosen.shows(cue.name))
