"""Fits how passages are ordered and how relevant one is: `python -m benchmarks.sources_fitting`.

On the dev halves, the practice questions and ordinary messages that are not held out; never on the test
halves. Prints the figures of router/ranking.py for an index that was read closely. The order is fitted as a
choice among a question's passages (softmax over them, as in ListNet, Cao et al. 2007), the relevance as a
logistic regression on the two best of each message. Where ways to ask are written down (of our own documents
only), what both say is then weighed against the nearest of these, by the same two methods.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.sources_questions import SETS, Question, index_of, load, ordinary, practice
from router.ranking import Features
from router.retrieve import Retriever

Array = NDArray[np.float64]

ORDER = ("coverage", "whole", "heading", "similarity", "text", "path")
RELEVANCE = ("coverage", "heading", "alone", "text", "path", "text_above", "path_above")
ORDINARY = 400
_LESS = 0.3  # what an ordinary message counts for; there are many more of them than of questions
_PENALTY = {"order": 5.0, "relevance": 1.0}
# A question that the documents tell is found from this probability on, which is where min_relevance lies.
FOUND_FROM, MIN_RELEVANCE = 0.15, 0.08
_FLOOR = 5.0  # as in router.ranking


@dataclass(frozen=True)
class Asked:
    """A message with the passages that were found: their features, and whether each tells it.

    `asked`: of each passage how near the nearest way to ask for it is.
    """

    order: Array
    relevance: Array
    asked: Array
    told: Array
    counts: float


def main() -> int:
    """Ask everything, fit, print."""
    asked = {name: _asked(name) for name in SETS}
    every = [one for some in asked.values() for one in some]
    order, relevance, constant = fitted(every)
    print("_CLOSE_ORDER", dict(zip(ORDER, order.round(2).tolist(), strict=True)))
    print("_CLOSE_RELEVANCE", dict(zip(RELEVANCE, relevance.round(2).tolist(), strict=True)))
    print("_CLOSE_CONSTANT", round(constant, 2))
    weighed = [
        replace(
            one,
            order=np.column_stack([one.order @ order, one.asked]),
            relevance=np.column_stack([np.maximum(one.relevance @ relevance + constant, -_FLOOR), one.asked]),
        )
        for one in asked["own"]
    ]
    order, relevance, constant = fitted(weighed)
    print("_ASKED_ORDER", round(float(order[1] / order[0]), 2))
    print("_ASKED_RELEVANCE", relevance.round(2).tolist(), "_ASKED_CONSTANT", round(constant, 2))
    return 0


def fitted(asked: Sequence[Asked]) -> tuple[Array, Array, float]:
    """Weights of the order, weights of the relevance and its constant."""
    order = fitted_order([one for one in asked if one.told.any()])
    best = [np.argsort(-(one.order @ order))[:2] for one in asked]
    inputs = np.concatenate([one.relevance[at] for one, at in zip(asked, best, strict=True)])
    told = np.concatenate([one.told[at] for one, at in zip(asked, best, strict=True)])
    counts = np.concatenate([np.full(len(at), one.counts) for one, at in zip(asked, best, strict=True)])
    relevance, constant = fitted_relevance(inputs, told, counts)
    shift = np.log(MIN_RELEVANCE / (1 - MIN_RELEVANCE)) - np.log(FOUND_FROM / (1 - FOUND_FROM))
    return order, relevance, float(constant + shift)


def _asked(name: str) -> list[Asked]:
    retriever = Retriever(index_of(load(name)))
    questions = [question for question in load(name).question if question.half == "dev"]
    questions += practice(name).question
    found = [_found(retriever, question.ask, question, 1.0) for question in questions]
    found += [
        _found(retriever, prompt.messages[-1].content, None, _LESS)
        for prompt in ordinary(ORDINARY, held_out=False)
    ]
    return [one for one in found if one is not None]


def _found(retriever: Retriever, text: str, question: Question | None, counts: float) -> Asked | None:
    ranked = [each for each in retriever.considered(text) if each.features.closely]
    if not ranked:
        return None
    return Asked(
        order=np.array([_values(each.features, ORDER) for each in ranked]),
        relevance=np.array([_values(each.features, RELEVANCE) for each in ranked]),
        asked=np.array([each.features.closely.asked for each in ranked if each.features.closely]),
        told=np.array([float(question is not None and question.told_by(each.passage)) for each in ranked]),
        counts=counts,
    )


def _values(features: Features, names: Sequence[str]) -> list[float]:
    values = vars(features) | vars(features.closely)
    return [float(values[name]) for name in names]


def fitted_order(asked: Sequence[Asked]) -> Array:
    """Weights under which a passage that tells it comes first, by gradient steps on the log-likelihood."""
    spread = np.concatenate([one.order for one in asked]).std(axis=0) + 1e-9
    weights = np.zeros(len(spread))
    for _ in range(3000):
        gradient = _PENALTY["order"] * weights
        for one in asked:
            scaled = one.order / spread
            likely = np.exp(scaled @ weights - (scaled @ weights).max())
            likely /= likely.sum()
            right = likely * one.told
            gradient -= scaled.T @ (right / (right.sum() + 1e-12) - likely)
        weights -= gradient * 0.01
        if np.abs(gradient).max() < 1e-3:
            break
    return np.asarray(weights / spread)


def fitted_relevance(inputs: Array, told: Array, counts: Array) -> tuple[Array, float]:
    """Weights and constant of a logistic regression with an L2 penalty, by Newton's method."""
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    scaled = np.column_stack([(inputs - mean) / spread, np.ones(len(inputs))])
    penalty = np.full(scaled.shape[1], _PENALTY["relevance"])
    penalty[-1] = 1e-6
    beta = np.zeros(scaled.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-np.clip(scaled @ beta, -30, 30)))
        gradient = scaled.T @ (counts * (likely - told)) + penalty * beta
        curved = (scaled * (counts * likely * (1 - likely) + 1e-9)[:, None]).T @ scaled + np.diag(penalty)
        step = np.linalg.solve(curved, gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    weights = beta[:-1] / spread
    return np.asarray(weights), float(beta[-1] - weights @ mean)


if __name__ == "__main__":
    sys.exit(main())
