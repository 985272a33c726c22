"""Chooses the tier for a message and says why. No network, no model process: some milliseconds.

Order: the person's choice; hard rules; the task classifier and the policy's table; hand-set weights
for very short messages; what the conversation was about (router/standing.py); the threshold with its band.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from data.config import ConfigError
from data.policy import Policy, load_policy
from data.records import Decision, Message
from router.classifier import Classifier
from router.own_weights import load_in_use
from router.reasons import TASK_WORDS
from router.standing import ConversationReader, Standing
from router.steering import split_command
from router.words_only import by_words

__all__ = ["Decider", "split_command"]

_PLAINLY = 0.9
"""Careful tasks that are together this likely are taken at their word in the wider band."""
LOG = logging.getLogger("upshift.router")


class Decider:
    """Decides by the weights and the policy it was loaded with. Safe to share between threads.

    `table` (task → tier) is a preset's own: the score then says only whether the work is light or
    heavy, and of the tiers that do such work the one whose tasks are likeliest is taken.
    """

    def __init__(
        self, classifier: Classifier, policy: Policy, table: Mapping[str, str] | None = None
    ) -> None:
        self._classifier = classifier
        self.policy = policy
        self._table = table
        self._reader = ConversationReader(classifier, policy)
        self._careful = np.array([task in policy.careful for task in classifier.tasks])

    @classmethod
    def load(cls, policy: Policy | None = None, table: Mapping[str, str] | None = None) -> Decider:
        """With the team's own weights, else those that ship, else by key words, and data/policy.toml.

        Raises ConfigError for a bad policy only.
        """
        try:
            classifier = load_in_use()
        except ConfigError as error:
            LOG.warning("%s Until then messages are routed by key words alone.", error)
            classifier = by_words()
        return cls(classifier, policy or load_policy(), table)

    def decide(
        self,
        messages: Sequence[Message],
        *,
        choice: str | None = None,
        tiers: Sequence[str] = ("fast", "heavy"),
    ) -> Decision:
        """The tier (one of `tiers`, lightest first) for the last message of `messages`.

        `choice` is what the person asked for; a leading `/fast` or `/heavy` counts as one. Raises
        ValueError if there is no message, the last is not the user's, or the choice is no tier.
        """
        began = time.perf_counter()
        if not messages or messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        asked = choice or split_command(messages[-1].content)[0]
        if choice is not None and choice not in tiers:
            raise ValueError(f"'{choice}' is no tier; tiers: {', '.join(tiers)}")
        standing = self._reader.read(messages)
        settled = self._settled(standing)
        task = self._by_table(settled, self._table)[0] if self._table else self._reader.task(settled)
        if settled.score > standing.score:
            standing = replace(standing, reasons=(TASK_WORDS[task], "a close call: such work gets more care"))
        overridden = asked is not None and asked in tiers
        tier = asked if overridden and asked else self._tier(settled, tiers)
        reasons = (f"you chose {tier}", *standing.reasons) if overridden else standing.reasons
        return Decision(
            task=task,
            tier=tier,
            score=round(standing.score, 4),
            reasons=reasons,
            inherited=standing.inherited,
            overridden=overridden,
            decide_ms=round((time.perf_counter() - began) * 1000, 3),
        )

    def reading(self, messages: Sequence[Message]) -> tuple[float, float | None]:
        """The scores of the last message by itself and of what came before, for training."""
        return self._reader.parts(messages)

    def _by_table(self, settled: Standing, table: Mapping[str, str]) -> tuple[str, str]:
        """Task and tier: the tier with the most probable tasks together, and the likeliest of these.

        One task alone would be a weak sign: a short message often divides itself among several.
        """
        weighed = self._reader.weighed(settled)
        shares: dict[str, float] = {}
        for task, share in zip(self._classifier.tasks, weighed, strict=True):
            shares[table[task]] = shares.get(table[task], 0.0) + float(share)
        tier = max(shares, key=lambda name: shares[name])
        inside = [table[task] == tier for task in self._classifier.tasks]
        return self._classifier.tasks[int(np.argmax(np.where(inside, weighed, -1)))], tier

    def _tier(self, settled: Standing, tiers: Sequence[str]) -> str:
        """Where the score lands among `tiers`, or what the table gives to the task."""
        if self._table:
            at = tiers.index(self._by_table(settled, self._table)[1]) + settled.risen
            return tiers[min(at, len(tiers) - 1)]
        cuts = [
            min(1.0, self.policy.threshold * (2 * i + 1) / max(1, len(tiers) - 1))
            for i in range(len(tiers) - 1)
        ]
        return tiers[sum(settled.score >= cut for cut in cuts)]

    def _settled(self, standing: Standing) -> Standing:
        """With the score moved to one side of a near border: careful tasks take the heavier one."""
        policy = self.policy
        band = policy.unsure_band if standing.unsure else policy.band
        heavy_mass = float(standing.probabilities @ self._reader.levels)
        share = float(standing.probabilities[self._careful].sum())
        careful = self._reader.task(standing) in policy.careful or share >= 0.5 * max(heavy_mass, 1e-6)
        if share >= _PLAINLY:
            band = max(band, policy.careful_band)
        score = standing.score
        if abs(score - policy.threshold) < band:
            # Unsure and not plainly careful work: the number decides, instead of choosing fast.
            if careful:
                score = policy.threshold
            elif not standing.unsure:
                score = min(score, policy.threshold - 1e-6)
        return replace(standing, score=score)
