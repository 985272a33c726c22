"""What the page shows and how it behaves, as one value: read once for each run of the page.

A study hands the chat page another one for each variant; without a study it comes from the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from data.config import ConfigError

Suggestions = Literal["send", "fill"]
_SWITCH = {"on": True, "off": False}


@dataclass(frozen=True)
class PageSettings:
    """Every part of the chat page that can be switched.

    `cues_off` are names of cues (`tier`, `sources`, `doubt` …; `progress` is the one above the text).
    `suggestions`: whether a press on a suggestion or a follow-up sends it or only fills the box.
    `streaming`: whether the answer is seen while it is written, or whole at its end. `overruling`: the
    buttons that ask another tier, and the vote afterwards. `ratings`: the thumbs. `editing`: changing a
    question that was sent. `switching`: the header's button for other models.
    """

    cues_off: frozenset[str] = frozenset()
    suggestions: Suggestions = "send"
    streaming: bool = True
    overruling: bool = True
    ratings: bool = True
    editing: bool = True
    follow_ups: bool = True
    switching: bool = True
    footer: bool = True

    def shows(self, cue: str) -> bool:
        """Whether the cue with this name is on."""
        return cue not in self.cues_off

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> PageSettings:
        """As `UPSHIFT_CUES_OFF`, `UPSHIFT_SUGGESTIONS` and `UPSHIFT_STREAMING` say. Raises ConfigError."""
        off = (name.strip() for name in environment.get("UPSHIFT_CUES_OFF", "").split(","))
        return cls(
            cues_off=frozenset(filter(None, off)),
            suggestions=_suggestions(environment.get("UPSHIFT_SUGGESTIONS", "send")),
            streaming=_streaming(environment.get("UPSHIFT_STREAMING", "on")),
        )


def _suggestions(chosen: str) -> Suggestions:
    if chosen in get_args(Suggestions):
        return cast(Suggestions, chosen)
    raise ConfigError(f"UPSHIFT_SUGGESTIONS={chosen}: not known; use send or fill")


def _streaming(chosen: str) -> bool:
    if chosen not in _SWITCH:
        raise ConfigError(f"UPSHIFT_STREAMING={chosen}: not known; use on or off")
    return _SWITCH[chosen]
