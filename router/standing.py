"""Reads a conversation: what it is about after each message, and how heavy the work is that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.policy import Policy
from data.records import Message
from router.classifier import Classifier, Vector, sigmoid
from router.cues import cue_names
from router.features import FIRST_CUE, Features, extract
from router.follow_ups import kind_of
from router.reasons import explain

REMEMBERED = 6
"""User messages of a conversation that are looked at, the last one included."""
CLOSELY = 2
"""How many of them, from the last, are read closely; the others get a first look only, and weigh less."""

_QUIET = 0.02  # the score of a greeting or a thank-you
_RISE = 0.2  # how far above the threshold a complaint lifts the score
_OTHER_SIDE = 0.001  # what is left of a task's probability where the score says that it is not such work
_SURE = 0.45  # a task with this probability is taken at its word in a follow-up
_TEXT_WORK = frozenset(("translate", "summarise", "rewrite", "title", "extract", "classify", "draft"))
# Hand-set: what one cue word is worth in a message of three words or fewer, in logits.
_SHORT = {
    **dict.fromkeys(("prove", "debug", "design"), 2.0),
    **dict.fromkeys(("maths", "code", "strategy", "stats", "reason", "analysis", "plan"), 1.3),
    **dict.fromkeys(("translate", "summarise", "rewrite"), -2.0),
    **dict.fromkeys(("lookup", "title", "draft", "extract", "classify"), -1.2),
    "why": 0.8,
}


@dataclass(frozen=True)
class Standing:
    """What a conversation is about after a message. `risen`: complaints about hard work, a tier up each.

    `leaning`: how much of its meaning the message takes from what came before (0..1); `features` are its
    own, or those of the message that it goes on with.
    """

    probabilities: Vector
    score: float
    unsure: bool
    reasons: tuple[str, ...]
    inherited: bool = False
    substantive: bool = True
    risen: int = 0
    leaning: float = 0.0
    features: Features | None = None


class ConversationReader:
    """Reads conversations by a classifier and a policy. Safe to share between threads."""

    def __init__(self, classifier: Classifier, policy: Policy) -> None:
        self._classifier, self._policy = classifier, policy
        self.levels = np.array([policy.level_of(task) for task in classifier.tasks], np.float32)
        """Where each task's tier stands: 0 for the lightest, 1 for the heaviest."""

    def read(self, messages: Sequence[Message]) -> Standing:
        """What the conversation is about after the last of the user's `messages`."""
        texts = [message.content for message in messages if message.role == "user"][-REMEMBERED:]
        standing: Standing | None = None
        for at, text in enumerate(texts, 1):
            standing = self._next(standing, text, len(texts) - at < CLOSELY)
        assert standing is not None
        return standing

    def parts(self, messages: Sequence[Message]) -> tuple[float, float | None]:
        """The scores of the last message by itself and of what came before, None if that is of no account.

        For training: only where conversations have no rule of their own (thanks, "go on", complaints …).
        """
        earlier = [message for message in messages[:-1] if message.role == "user"]
        before = self.read(earlier) if earlier else None
        last = messages[-1].content
        counts = before is not None and before.substantive and kind_of(last, True) in ("follow_up", "fresh")
        return self._alone(last, True).score, before.score if before and counts else None

    def task(self, standing: Standing) -> str:
        """The likeliest task on the side that the score chose, so that task and tier do not contradict."""
        return self._classifier.tasks[int(np.argmax(self.weighed(standing)))]

    def weighed(self, standing: Standing) -> Vector:
        """The tasks' probabilities, with little left of those on the other side of the line."""
        heavy = standing.score >= self._policy.threshold
        fits = (self.levels >= 0.5) == heavy
        return (standing.probabilities * np.where(fits, 1.0, _OTHER_SIDE)).astype(np.float32)

    def _next(self, before: Standing | None, text: str, closely: bool) -> Standing:
        """What the conversation is about after `text`; `closely`: read as a whole, too."""
        about = before if before is not None and before.substantive else None
        kind = kind_of(text, about is not None)
        if kind == "empty":
            return self._polite("no words in it")
        if kind == "greeting":
            return self._polite("a greeting")
        if kind == "thanks":
            return self._polite("a thank-you or goodbye")
        if about is not None and kind == "continue":
            return replace(about, inherited=True, reasons=(self._after(about), *_own(about.reasons)))
        if about is not None and kind == "complaint":
            return self._complained(about)
        alone = self._alone(text, closely)
        if about is None or kind == "new_topic" or (kind == "fresh" and not self._classifier.follow_ups):
            return alone
        return self._joined(about, alone, closely)

    def _alone(self, text: str, closely: bool) -> Standing:
        """A message scored by itself."""
        features = extract(text)
        probabilities = self._classifier.probabilities(features)
        opinions = self._classifier.opinions(features, probabilities, self.levels, closely)
        score = sigmoid(opinions[-1])
        reasons: tuple[str, ...] = ()
        if opinions[-1] * opinions[0] < 0:
            reasons = (f"read closely: closer to {'hard' if score > 0.5 else 'easy'} requests",)
        if features.tokens <= 3:
            hand = _hand_weights(features)
            if hand is not None:
                score = (score + hand) / 2
                reasons = (*reasons, "very short: judged by its key word")
        unsure = not features.known_script or float(probabilities.max()) < 0.2
        side = self.levels - 0.5 if score >= self._policy.threshold else 0.5 - self.levels
        told = explain(
            self._classifier.tasks[int(np.argmax(probabilities * (_OTHER_SIDE + (side > 0))))],
            self._classifier.evidence(
                features, (side * probabilities).astype(np.float32), score >= self._policy.threshold
            ),
        )
        follow_ups = self._classifier.follow_ups
        leaning = follow_ups.leaning(features) if follow_ups else 0.0
        return Standing(probabilities, score, unsure, told + reasons, leaning=leaning, features=features)

    def _joined(self, before: Standing, now: Standing, closely: bool) -> Standing:
        """A follow-up: as conversations taught, or, if the weights saw none, by the policy's fixed share."""
        if learned := self._classifier.follow_ups:
            together = None
            if closely and now.features and before.features:
                together = self._classifier.together(now.features, before.features, self.levels)
            share, score = now.leaning, learned.score(now.score, before.score, now.leaning, together)
        else:
            plain = self.task(now) in _TEXT_WORK and float(now.probabilities.max()) >= _SURE
            quick = now.score > before.score or plain  # quick to rise, slow to fall
            share = 1 - self._policy.inherit if quick else self._policy.inherit
            score = share * before.score + (1 - share) * now.score
        probabilities = (share * before.probabilities + (1 - share) * now.probabilities).astype(np.float32)
        mostly = share > 0.5
        reasons = (
            (self._after(before), *_own(before.reasons)) if mostly else (*now.reasons, self._after(before))
        )
        return replace(
            now,
            probabilities=probabilities,
            score=score,
            reasons=reasons,
            inherited=mostly,
            risen=before.risen if mostly else 0,
        )

    def _complained(self, before: Standing) -> Standing:
        score = min(1.0, max(before.score, self._policy.threshold) + _RISE)
        return replace(
            before,
            score=score,
            inherited=True,
            # Light work becomes heavy by the score; what was heavy already goes up in the table.
            risen=before.risen + (before.score >= self._policy.threshold),
            reasons=("says that the last answer was not right", *_own(before.reasons)),
        )

    def _after(self, before: Standing) -> str:
        return f"follow-up to {'a hard' if before.score >= self._policy.threshold else 'an easy'} question"

    def _polite(self, reason: str) -> Standing:
        probabilities = np.zeros(len(self._classifier.tasks), np.float32)
        probabilities[self._classifier.tasks.index("chitchat")] = 1
        return Standing(probabilities, _QUIET, False, (reason,), substantive=False)


def _own(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """Reasons without those that only say that something was inherited; at most one, to stay short."""
    return tuple(r for r in reasons if not r.startswith(("follow-up to", "says that the last")))[:1]


def _hand_weights(features: Features) -> float | None:
    """A score from cue words alone (0..1), or None if the message has none."""
    present = set(features.index.tolist())
    weights = [
        _SHORT[name] for at, name in enumerate(cue_names(), FIRST_CUE) if name in _SHORT and at in present
    ]
    if not weights:
        return None
    return float(1 / (1 + np.exp(-sum(weights))))
