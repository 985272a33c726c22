"""What the measurements are held against: medians in milliseconds on two cores, unless it says otherwise."""

from __future__ import annotations

# First words of the local models, by tier and by whether there were passages to read.
FIRST_WORDS_MS = {
    ("fast", False): 500,
    ("heavy", False): 1000,
    ("fast", True): 1200,
    ("heavy", True): 2500,
}
# First words of a suggestion for the fast tier that was read in advance.
READ_IN_ADVANCE_MS = 250
# From a stop until the model is free for somebody else.
FREE_AFTER_STOP_MS = {"writing": 300, "reading": 1500}
# From starting the server until something can be typed, with the models on the disk.
PAGE_USABLE_MS = 4000
# The app and both models together, each having answered once; proportional set size.
MEMORY_MB = 3000

# What logging takes of the answer's thread in a whole turn.
LOGGING_A_TURN_MS = 1
# What the probe takes of the page's main thread in a turn, outside its two callbacks.
PROBE_A_TURN_MS = 2

# The latency page and the report, with a log of 100,000 turns.
LATENCY_PAGE_MS = 1500
REPORT_MS = 1000


def first_words_goal(tier: str | None, sources: bool) -> int | None:
    """The goal for a tier with or without passages; None for a tier that has none."""
    return FIRST_WORDS_MS.get((tier or "", sources))
