"""What a cue is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data.answers import Answer


@dataclass(frozen=True)
class Cue:
    """One thing that the page shows under an answer once it has ended.

    `name` is its switch (`UPSHIFT_CUES_OFF`), `log_field` the column of the log that records what it
    showed. `draw(answer)` draws it with streamlit, or draws nothing: in a row with the other cues, or
    `above` it, in a line of its own right below the text.
    """

    name: str
    log_field: str
    draw: Callable[[Answer], None]
    above: bool = False
