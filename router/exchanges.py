"""A message with its answers: one, or several that stand side by side because another tier was asked, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from data.events import Failed, Finished, Stopped, TextDelta
from router.running import RunningTurn

Vote = Literal["this", "other", "same"]
# Of which pair (the answer that was there first, the one asked for beside it) which one was better.
Votes = Mapping[tuple[str, str], Vote]


@dataclass(frozen=True)
class Exchange:
    """The answers to one message, in the order in which they were asked for."""

    turns: tuple[RunningTurn, ...]

    @property
    def ended(self) -> bool:
        """Whether no answer is under way."""
        return all(running.ended for running in self.turns)

    def preferred(self, votes: Votes) -> RunningTurn | None:
        """The answer that the conversation goes on from; None if there is none with any text.

        The latest whole one, as whoever asked for it wanted it, unless a vote preferred the one
        before. Only where none is whole, the latest that was stopped.
        """
        having = [running for running in self.turns if _usable(running)]
        whole = [running for running in having if isinstance(running.ending, Finished)]
        best: RunningTurn | None = None
        for running in whole or having:
            if best is None or votes.get((best.turn.turn_id, running.turn.turn_id)) != "this":
                best = running
        return best

    def pair(self, votes: Votes) -> tuple[RunningTurn, RunningTurn] | None:
        """The last answer, if it is whole and was asked for beside another whole one: that one first."""
        last = self.turns[-1]
        before = Exchange(self.turns[:-1])
        first = before.preferred(votes) if before.turns else None
        if first is None or not all(isinstance(running.ending, Finished) for running in (first, last)):
            return None
        return first, last


def exchanges(turns: Sequence[RunningTurn]) -> list[Exchange]:
    """The turns of a conversation by message, without those that a retry or an edit replaced."""
    by_index: dict[int, list[RunningTurn]] = {}
    for running in turns:
        beside = by_index.setdefault(running.turn.turn_index, [])
        if running.turn.input_origin == "edit":
            beside.clear()  # another question: the answers to the old one do not stand beside it
        at = _place_of(running.turn.replaces_turn_id, beside)
        if at is None:
            beside.append(running)
        else:
            beside[at] = running
    return [Exchange(tuple(by_index[index])) for index in sorted(by_index)]


def answer_text(running: RunningTurn) -> str:
    """The answer's text so far, as the person received it."""
    ending = running.ending
    if isinstance(ending, Finished | Stopped | Failed):
        return ending.text
    # Only deltas: the turn may have ended since, and an ending carries the whole text again.
    return "".join(event.text for event in running.events() if isinstance(event, TextDelta))


def _usable(running: RunningTurn) -> bool:
    return not isinstance(running.ending, Failed) and bool(answer_text(running).strip())


def _place_of(turn_id: str | None, beside: Iterable[RunningTurn]) -> int | None:
    return next((at for at, other in enumerate(beside) if other.turn.turn_id == turn_id), None)
