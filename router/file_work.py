"""The rule for files: what a message asks to be done with files that came along decides, if it says so.

The words of "thoughts on this?" tell a router nothing; that they come with forty pages does. A question
that looks something up in a file stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from data.records import Decision, Turn
from data.words import terms
from router import study_rules
from router.services import Services
from router.steering import split_command
from router.uploads import ConversationFiles, Upload

# Longer files are more than a few passages can tell: some ten pages of text. The size counts while a file
# is still being read, which is nearly always so when its message is routed.
LONG_PASSAGES, LONG_BYTES = 40, 30_000
# So few telling words say nothing about a task.
LITTLE_TEXT = 2
_ANALYSE = re.compile(
    r"\b(analy[sz]|assess|evaluat|critiqu|critici[sz]|review|compar|contradict|inconsisten|weakness|risk|"
    r"implication|pros and cons|loophole|thoughts\b|opinion|what do you (think|make)|should (we|i)\b)"
    r"|\b(auswert|bewert|vergleich|beurteil|évalu|critiqu|compar|analiz|analis|vergelijk|beoordeel)"
    r"|分析|比较|评估|評価|比較",
    re.IGNORECASE,
)


def decide(turn: Turn, services: Services, files: ConversationFiles | None) -> Decision:
    """The decision for a turn with the files that came with it. Raises ModelError as `study_rules` does."""
    decision = study_rules.decide(turn, services)
    came = files.get(turn.attachments) if files is not None else []
    set_by_study = turn.study is not None and turn.study.routing in ("fast", "heavy")
    if not came or decision.overridden or set_by_study:
        return decision
    table = services.preset.table(services.decider.policy) or {}
    tiers = services.preset.tier_names
    text = split_command(turn.text)[1]
    if _ANALYSE.search(text) and is_long(came):
        return _changed(decision, "analysis", table.get("analysis", tiers[-1]), "a long file to analyse")
    if decision.task == "chitchat" and len(set(terms(text))) <= LITTLE_TEXT:
        # "Here you go": the files are the message.
        return _changed(decision, "summarise", table.get("summarise", tiers[0]), "a file with little text")
    return decision


def is_long(files: Sequence[Upload]) -> bool:
    """Whether files are together more than a few passages can tell."""
    unread = sum(upload.size_bytes for upload in files if upload.state == "reading")
    return sum(upload.passages for upload in files) >= LONG_PASSAGES or unread >= LONG_BYTES


def _changed(decision: Decision, task: str, tier: str, reason: str) -> Decision:
    reasons = (reason, *decision.reasons[:1])
    return decision.model_copy(update={"task": task, "tier": tier, "reasons": reasons})
