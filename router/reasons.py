"""Says in plain words why a decision fell as it did."""

from __future__ import annotations

from collections.abc import Sequence

from data.words import is_common

TASK_WORDS = {
    "lookup": "asks for a fact",
    "rewrite": "asks to reword a text",
    "translate": "asks for a translation",
    "summarise": "asks for a summary",
    "extract": "asks to pull something out of a text",
    "classify": "asks for a label",
    "title": "asks for a name or title",
    "draft": "asks for a routine text",
    "chitchat": "small talk",
    "syntax": "asks for a command or a bit of syntax",
    "arithmetic": "a plain calculation",
    "maths": "a mathematical problem",
    "reasoning": "needs several steps of thinking",
    "code": "asks for a program",
    "debug": "asks to find a bug",
    "design": "asks for a design",
    "analysis": "asks for an analysis",
    "plan": "asks for a plan",
    "strategy": "asks for a strategy",
    "stats": "asks for statistics",
    "synthesis": "asks to bring several sources together",
    "advice": "asks for considered advice",
}

# Structure that means something to a reader; the rest (lengths, commas …) decides silently.
_TELLING = {
    "pasted code": "in pasted code",
    "a pasted log": "with a pasted log",
    "error text": "with an error message",
    "pasted text": "about pasted text",
    "formulas": "with formulas",
    "maths signs": "with mathematical signs",
    "conditions": "with several conditions",
    "several questions": "with several questions",
    "a list": "with a list",
    "many numbers": "with many numbers",
    "very short": "very short",
}
# Common words that tell what is asked for; others may weigh something, but explain nothing to anybody.
_ASKING = "why how what which should would could if explain describe find without"
_ARTICLES = (
    "der die das ein eine und ist le la les un une des et est el los las una y es il lo gli e o os de het"
)
_TELLING_WORDS, _NO_WORDS = frozenset(_ASKING.split()), frozenset(_ARTICLES.split())
_LEAST = 0.015  # of all that spoke for or against; less than this explains nothing


def explain(task: str, evidence: list[tuple[float, str]]) -> tuple[str, ...]:
    """The task in words, joined with the most telling structure, then at most two words that it used."""
    strong = [name for share, name in evidence if share >= _LEAST]
    telling = [_TELLING[name] for name in strong if name in _TELLING and name != "very short"]
    said = [name for name in strong if name.startswith("says ") and _tells(name[6:-1])]
    first = TASK_WORDS[task] + (f" {telling[0]}" if telling else "")
    distinct = list(dict.fromkeys(said))[:2]
    return (first, *distinct)


def without_words(reasons: Sequence[str]) -> tuple[str, ...]:
    """Those that do not quote the message ("says “…”"): what may be kept where its text may not."""
    return tuple(reason for reason in reasons if not reason.startswith("says “"))


def _tells(words: str) -> bool:
    """Whether at least one of these words would mean something to a person who asks why."""
    return any(word in _TELLING_WORDS or not (is_common(word) or word in _NO_WORDS) for word in words.split())
