"""Chooses the tier for a message and says why. No network, no model process: a millisecond or two.

Order: the person's choice; hard rules; the task classifier and the policy's table; hand-set weights
for very short messages; what the conversation was about; the threshold with its band.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from data.policy import Policy, load_policy
from data.records import Decision, Message
from router.classifier import Classifier, Vector, load
from router.conversation import kind_of
from router.cues import cue_names
from router.features import FIRST_CUE, Features, extract
from router.reasons import explain
from router.steering import split_command

__all__ = ["Decider", "main", "split_command"]

REMEMBERED = 6
"""User messages of a conversation that are looked at, the last one included."""

_QUIET = 0.02  # the score of a greeting or a thank-you
_RISE = 0.2  # how far above the threshold a complaint lifts the score
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
class _Standing:
    """What a conversation is about after a message. `risen`: complaints about hard work, a tier up each.

    `leaning`: how much of its meaning the message takes from what came before (0..1).
    """

    probabilities: Vector
    score: float
    unsure: bool
    reasons: tuple[str, ...]
    inherited: bool = False
    substantive: bool = True
    risen: int = 0
    leaning: float = 0.0


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
        self._levels = np.array([policy.level_of(task) for task in classifier.tasks], np.float32)
        self._careful = np.array([task in policy.careful for task in classifier.tasks])

    @classmethod
    def load(cls, policy: Policy | None = None, table: Mapping[str, str] | None = None) -> Decider:
        """With the weights that ship and data/policy.toml. Raises ConfigError."""
        return cls(load(), policy or load_policy(), table)

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
        standing = self._read(messages)
        task = self._by_table(standing, self._table)[0] if self._table else self._task(standing)
        overridden = asked is not None and asked in tiers
        tier = asked if overridden and asked else self._tier(standing, tiers)
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
        """The scores of the last message by itself and of what came before, None if that is of no account.

        For training: only where conversations have no rule of their own (thanks, "go on", complaints …).
        """
        earlier = [message for message in messages[:-1] if message.role == "user"]
        before = self._read(earlier) if earlier else None
        last = messages[-1].content
        counts = before is not None and before.substantive and kind_of(last, True) in ("follow_up", "fresh")
        return self._alone(last).score, before.score if before and counts else None

    def _read(self, messages: Sequence[Message]) -> _Standing:
        texts = [message.content for message in messages if message.role == "user"][-REMEMBERED:]
        standing = self._next(None, texts[0])
        for text in texts[1:]:
            standing = self._next(standing, text)
        return standing

    def _next(self, before: _Standing | None, text: str) -> _Standing:
        """What the conversation is about after `text`."""
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
        alone = self._alone(text)
        if about is None or kind == "new_topic" or (kind == "fresh" and not self._classifier.follow_ups):
            return alone
        return self._joined(about, alone)

    def _alone(self, text: str) -> _Standing:
        """A message scored by itself."""
        features = extract(text)
        probabilities = self._classifier.probabilities(features)
        score = self._classifier.score(features, probabilities, self._levels)
        reasons: tuple[str, ...] = ()
        if features.tokens <= 3:
            hand = _hand_weights(features)
            if hand is not None:
                score = (score + hand) / 2
                reasons = ("very short: judged by its key word",)
        unsure = not features.known_script or float(probabilities.max()) < 0.2
        side = self._levels - 0.5 if score >= self.policy.threshold else 0.5 - self._levels
        told = explain(
            self._classifier.tasks[int(np.argmax(probabilities * (0.05 + (side > 0))))],
            self._classifier.evidence(
                features, (side * probabilities).astype(np.float32), score >= self.policy.threshold
            ),
        )
        follow_ups = self._classifier.follow_ups
        leaning = follow_ups.leaning(features) if follow_ups else 0.0
        return _Standing(probabilities, score, unsure, told + reasons, leaning=leaning)

    def _joined(self, before: _Standing, now: _Standing) -> _Standing:
        """A follow-up: as conversations taught, or, if the weights saw none, by the policy's fixed share."""
        if learned := self._classifier.follow_ups:
            share, score = now.leaning, learned.score(now.score, before.score, now.leaning)
        else:
            plain = self._task(now) in _TEXT_WORK and float(now.probabilities.max()) >= _SURE
            quick = now.score > before.score or plain  # quick to rise, slow to fall
            share = 1 - self.policy.inherit if quick else self.policy.inherit
            score = share * before.score + (1 - share) * now.score
        probabilities = (share * before.probabilities + (1 - share) * now.probabilities).astype(np.float32)
        mostly = share > 0.5
        reasons = (
            (self._after(before), *_own(before.reasons)) if mostly else (*now.reasons, self._after(before))
        )
        return _Standing(
            probabilities, score, now.unsure, reasons, inherited=mostly, risen=before.risen if mostly else 0
        )

    def _complained(self, before: _Standing) -> _Standing:
        score = min(1.0, max(before.score, self.policy.threshold) + _RISE)
        return replace(
            before,
            score=score,
            inherited=True,
            # Light work becomes heavy by the score; what was heavy already goes up in the table.
            risen=before.risen + (before.score >= self.policy.threshold),
            reasons=("says that the last answer was not right", *_own(before.reasons)),
        )

    def _after(self, before: _Standing) -> str:
        return f"follow-up to {'a hard' if before.score >= self.policy.threshold else 'an easy'} question"

    def _polite(self, reason: str) -> _Standing:
        probabilities = np.zeros(len(self._classifier.tasks), np.float32)
        probabilities[self._classifier.tasks.index("chitchat")] = 1
        return _Standing(probabilities, _QUIET, False, (reason,), substantive=False)

    def _task(self, standing: _Standing) -> str:
        """The likeliest task on the side that the score chose, so that task and tier do not contradict."""
        return self._classifier.tasks[int(np.argmax(self._weighed(standing)))]

    def _weighed(self, standing: _Standing) -> Vector:
        """The tasks' probabilities, with little left of those on the other side of the line."""
        heavy = standing.score >= self.policy.threshold
        fits = (self._levels >= 0.5) == heavy
        return (standing.probabilities * np.where(fits, 1.0, 0.05)).astype(np.float32)

    def _by_table(self, standing: _Standing, table: Mapping[str, str]) -> tuple[str, str]:
        """Task and tier: the tier with the most probable tasks together, and the likeliest of these.

        One task alone would be a weak sign: a short message often divides itself among several.
        """
        weighed = self._weighed(self._settled(standing))
        shares: dict[str, float] = {}
        for task, share in zip(self._classifier.tasks, weighed, strict=True):
            shares[table[task]] = shares.get(table[task], 0.0) + float(share)
        tier = max(shares, key=lambda name: shares[name])
        inside = [table[task] == tier for task in self._classifier.tasks]
        return self._classifier.tasks[int(np.argmax(np.where(inside, weighed, -1)))], tier

    def _tier(self, standing: _Standing, tiers: Sequence[str]) -> str:
        """Where the score lands among `tiers`, or what the table gives to the task."""
        if self._table:
            at = tiers.index(self._by_table(standing, self._table)[1]) + standing.risen
            return tiers[min(at, len(tiers) - 1)]
        cuts = [
            min(1.0, self.policy.threshold * (2 * i + 1) / max(1, len(tiers) - 1))
            for i in range(len(tiers) - 1)
        ]
        score = self._settled(standing).score
        return tiers[sum(score >= cut for cut in cuts)]

    def _settled(self, standing: _Standing) -> _Standing:
        """With the score moved to one side of a near border: careful tasks take the heavier one."""
        policy = self.policy
        band = policy.unsure_band if standing.unsure else policy.band
        heavy_mass = float(standing.probabilities @ self._levels)
        share = float(standing.probabilities[self._careful].sum())
        careful = self._task(standing) in policy.careful or share >= 0.5 * max(heavy_mass, 1e-6)
        score = standing.score
        if abs(score - policy.threshold) < band:
            # Unsure and not plainly careful work: the number decides, instead of choosing fast.
            if careful:
                score = policy.threshold
            elif not standing.unsure:
                score = min(score, policy.threshold - 1e-6)
        return replace(standing, score=score)


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


_MESSAGES = TypeAdapter(tuple[Message, ...])


def decide_line(decider: Decider, line: str) -> tuple[dict[str, Any], bool]:
    """One line of the `decide` contract: the answer, and whether the line was good."""
    identity: Any = None
    try:
        raw = json.loads(line)
        if not isinstance(raw, dict):
            raise ValueError("not an object with `id` and `messages`")
        identity = raw.get("id")
        if "messages" not in raw:
            raise ValueError("`messages` is missing")
        messages = _MESSAGES.validate_python(raw["messages"])
        made = decider.decide(messages, tiers=decider.policy.tier_names)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return {"id": identity, "error": f"messages.{where}: {first['msg']}"}, False
    except (ValueError, RecursionError) as error:
        return {"id": identity, "error": str(error) or type(error).__name__}, False
    fields = ("task", "tier", "score", "reasons", "decide_ms")
    return {"id": identity, **{name: getattr(made, name) for name in fields}}, True


def main(argv: list[str]) -> int:
    """`python -m router decide`: JSONL in, JSONL out, in order. 1 if any line was bad, 2 for wrong use."""
    if argv:
        sys.stderr.write("usage: python -m router decide < messages.jsonl\n")
        return 2
    decider = Decider.load()
    good = True
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "replace")
        if not line.strip():
            continue
        answer, fine = decide_line(decider, line)
        good &= fine
        # ASCII, so that a lone surrogate in an id cannot break the output.
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0 if good else 1
