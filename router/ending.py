"""What is known of an answer under way, and the event that it ends with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.events import Doubted, Finished, Stopped
from data.records import Decision, Generation, Passage, Turn
from router.call import Call
from router.cancel import Cancel
from router.doubt import doubted, signals
from router.examine import examine
from router.grounding import (
    LEAST_SUPPORT,
    checkable,
    in_english,
    may_say_nothing,
    not_told_instead,
    says_not_told,
    says_nothing,
    stands,
    support,
    sure,
)
from router.steering import split_command

# A held answer that has nothing of its passages after so many characters will not come to it.
HELD_CHARACTERS = 500


@dataclass
class UnderWay:
    """An answer under way. Seconds are monotonic.

    `held`: nothing of it is shown before a whole sentence of it stands on a passage, because the
    passages are not surely about the question. `nothing_said`: the model was told that the documents
    say nothing about the question. `product`: finds the product's name where the documents say nothing
    about a question of fact that does not name it; an answer that does is one about the product.
    """

    turn: Turn
    received_s: float
    decision: Decision | None = None
    passages: tuple[Passage, ...] = ()
    nothing_said: bool = False
    product: re.Pattern[str] | None = None
    held: bool = False
    text: str = ""
    shown: int = 0
    calls: list[Call] = field(default_factory=list)

    def decided(
        self,
        decision: Decision,
        passages: Sequence[Passage],
        nothing_said: bool,
        product: re.Pattern[str] | None = None,
    ) -> None:
        """What was decided and found, before a model is asked."""
        self.decision, self.passages, self.nothing_said = decision, tuple(passages), nothing_said
        self.product = product
        self.held = self._checkable and not sure(self._question, passages)

    def generations(self) -> tuple[Generation, ...]:
        """The model calls so far, for the log."""
        return tuple(call.generation() for call in self.calls)

    def take(self, text: str) -> str:
        """Add a piece of the answer; returns what may be shown now."""
        self.text += text
        if self.held:
            stands_now = any(map(str.isspace, text)) and self._holds_already()
            long_enough = len(self.text) > HELD_CHARACTERS and not self.withdrawn
            self.held = not (stands_now or long_enough)
        return "" if self.held or self._waits else self._rest()

    def release(self) -> str:
        """What is still held of a whole answer that may stay; empty if there is nothing."""
        self.held = False
        return "" if self.withdrawn else self._rest()

    def again(self) -> None:
        """Forget a text that says nothing, of which nothing was shown, before another model is asked."""
        self.text, self.shown = "", 0

    @property
    def says_nothing(self) -> bool:
        """Whether a whole answer is none: small models sometimes reply with a mark alone, or the question."""
        if not self.text.strip():
            return True
        return bool(self.passages) and says_nothing(self.text, self._question)

    @property
    def hopeless(self) -> bool:
        """Whether a held answer has gone on for long and would be taken back."""
        return self.held and len(self.text) > HELD_CHARACTERS

    @property
    def withdrawn(self) -> bool:
        """Whether the whole answer is to be taken back: the documents do not say what it says."""
        if self.nothing_said or (self.product is not None and self.product.search(self.text)):
            return in_english(self.turn.text) and not says_not_told(self.text)
        return self._checkable and not stands(self.text, self.passages, self._question)

    @property
    def _question(self) -> str:
        return split_command(self.turn.text)[1]

    @property
    def _checkable(self) -> bool:
        return self.decision is not None and checkable(self._question, self.passages, self.decision)

    @property
    def _waits(self) -> bool:
        """Whether nothing is shown yet, since it may turn out to say nothing."""
        return not self.shown and bool(self.passages) and may_say_nothing(self.text, self._question)

    def _rest(self) -> str:
        rest, self.shown = self.text[self.shown :], len(self.text)
        return rest

    def _holds_already(self) -> bool:
        whole = self.text[: max(map(self.text.rfind, (". ", ".\n", "! ", "? ", ".[", "\n"))) + 1]
        has = support(whole, self.passages, self._question)
        return has is not None and has >= LEAST_SUPPORT


def doubt_about(under_way: UnderWay, end: Finished, tiers: Sequence[str]) -> Doubted | None:
    """How sure a whole answer is; None where it claims nothing. `tiers` are the preset's, lightest first."""
    decision, turn = under_way.decision, under_way.turn
    if decision is None or end.withdrawn or under_way.nothing_said:
        return None
    call = under_way.calls[-1]
    answered_by = call.target.model.tier
    found = signals(
        turn.text,
        end,
        under_way.passages,
        decision.model_copy(update={"tier": answered_by}),
        call.log_probabilities,
        turn.beside,
    )
    heavier = next(iter(tiers[tiers.index(answered_by) + 1 :]), None) if answered_by in tiers else None
    return doubted(found, turn.text, under_way.passages, heavier)


def ending(under_way: UnderWay, cancel: Cancel) -> Finished | Stopped:
    """The last event of an answer that did not fail, with its sources examined."""
    withdrawn = not cancel.asked and under_way.withdrawn
    text = not_told_instead(under_way.passages) if withdrawn else under_way.text
    passages = () if withdrawn else under_way.passages
    examined = examine(text, passages, under_way.turn.text)
    if cancel.asked:
        return Stopped(
            reason=cancel.reason or "person",
            text=examined.text,
            cited=examined.cited,
            marks=examined.marks,
            quotes=examined.quotes,
            unsupported=examined.unsupported,
            generations=under_way.generations(),
        )
    return Finished(
        text=examined.text,
        cited=examined.cited,
        removed_citations=examined.removed,
        marks=examined.marks,
        quotes=examined.quotes,
        unsupported=examined.unsupported,
        withdrawn=under_way.text if withdrawn else "",
        finish_reason=under_way.calls[-1].finish_reason,
        generations=under_way.generations(),
    )
