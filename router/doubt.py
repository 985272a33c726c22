"""How sure an answer is: signals that are really there, their weight, and words that name the cause.

Nothing here asks a model, and all of it happens after the last word of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.doubt import DoubtWeights, load_doubt
from data.events import Doubted, Finished
from data.records import Decision, Passage
from data.words import terms
from router.differing import differing
from router.grounding import FACTUAL, coverage, support
from router.sentences import sentences
from router.support import figures

# Shorter words of a question are not worth naming as missing.
_SHORTEST_NAMED = 5


def signals(
    question: str,
    answer: Finished,
    passages: Sequence[Passage],
    decision: Decision,
    log_probabilities: Sequence[float] = (),
    beside: str = "",
) -> dict[str, float | None]:
    """What can be measured of an answer; None where there is nothing to measure.

    `log_probabilities` are the tokens' (natural logarithm), empty where the provider gives none;
    `beside` is another tier's answer to the same question.
    """
    whole = sentences(answer.text)
    marked = sum(any(span.start <= mark.start <= span.end for mark in answer.marks) for span in whole)
    ordered = sorted(log_probabilities)
    return {
        "support": support(answer.text, passages) if passages else None,
        "coverage": coverage(question, passages) if passages else None,
        "relevance": max(passage.score for passage in passages) if passages else None,
        "cited": marked / len(whole) if passages and whole else None,
        "unsupported": float(len(answer.unsupported) + sum(not quote.found for quote in answer.quotes)),
        "log_probability": sum(ordered) / len(ordered) if ordered else None,
        "least_log_probability": ordered[len(ordered) // 20] if ordered else None,
        "from_memory": float(not passages and decision.task in FACTUAL),
        "demand": decision.score,
        "margin": abs(decision.score - 0.5),
        "heavy": float(decision.tier != "fast"),
        "agreement": agreement(answer.text, beside) if beside else None,
        "differing": float(bool(differing(passages))),
    }


def agreement(one: str, other: str) -> float:
    """How much two answers to one question have in common, 0..1: their figures if both have some, else
    their telling words (Jaccard's coefficient).
    """
    mine, theirs = figures(one), figures(other)
    if not (mine and theirs):
        mine, theirs = set(terms(one)), set(terms(other))
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0


def doubted(
    found: dict[str, float | None],
    question: str,
    passages: Sequence[Passage],
    heavier: str | None,
    weights: DoubtWeights | None = None,
) -> Doubted:
    """The event: how likely the answer is wrong, and whether and in which words a person is told.

    `heavier` is the tier that can be asked instead, if there is one.
    """
    weights = weights or load_doubt()
    score = weights.score(found)
    added = weights.added(found)
    # Only what was measured can be named: of sources that were not there nothing is said.
    measured = [name for name in _CAUSES if name in added and found.get(name) is not None]
    cause = max(measured, key=lambda name: added[name], default="")
    shown = score >= weights.threshold and bool(cause)
    if found.get("differing"):
        # No estimate: two sources cannot both be right.
        shown, cause = True, "differing"
    words = _words(cause, question, passages, heavier) if shown else ""
    rounded = {name: None if value is None else round(value, 4) for name, value in found.items()}
    return Doubted(score=round(score, 4), shown=shown, cause=cause, words=words, signals=rounded)


_CAUSES = {
    "support": "parts of this are not in the sources that I read",
    "cited": "parts of this are not in the sources that I read",
    "unsupported": "a sentence here does not say what its source says",
    "coverage": "what I read does not mention {missing}",
    "relevance": "what I found fits your question only in part",
    "log_probability": "I hesitated over many words of this answer",
    "least_log_probability": "at some words I had several candidates that seemed as good",
    "from_memory": "no document told me this, I answered from memory",
    "margin": "I was undecided which of my models this needs",
    "demand": "this takes several steps, and I often go wrong in such work",
    "differing": "my sources give different figures, so one of them must be wrong or out of date",
    "agreement": "the other model gave a different answer",
}


def _words(cause: str, question: str, passages: Sequence[Passage], heavier: str | None) -> str:
    because = _CAUSES[cause].format(missing=_missing(question, passages))
    return f"I'm not sure: {because}. {_advice(bool(passages), heavier)}"


def _advice(has_sources: bool, heavier: str | None) -> str:
    check = "check the source" if has_sources else "check it elsewhere"
    return (
        f"Ask the {heavier} model or {check}." if heavier else f"{check.capitalize()} before you rely on it."
    )


def _missing(question: str, passages: Sequence[Passage]) -> str:
    """The longest word of the question that no passage has, as the person wrote it."""
    has = {stem for passage in passages for stem in terms(f"{' '.join(passage.heading)} {passage.text}")}
    words = [word.strip(".,;:!?\"'()") for word in question.split()]
    missing = [word for word in words if terms(word) and not has.intersection(terms(word))]
    longest = max(missing, key=len, default="")
    return f"“{longest}”" if len(longest) >= _SHORTEST_NAMED else "all that you ask"
