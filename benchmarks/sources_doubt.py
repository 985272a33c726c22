"""The doubt: fitted on the dev halves, held against the test halves.

`make bench-sources ARGS=--fit` fits.

A case is an answer that claims something: one that says that the documents do not tell is none. It is
wrong when a fact is missing or false, when it answers what the documents do not tell, or, for the
checkable tasks of the router's benchmark, when the task's checker rejects it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import print_table
from data.doubt import DoubtWeights, SignalWeight

# Few cases for a dozen signals: strong regularisation, chosen on dev by leaving tenths out.
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
# A signal may only speak in the direction that it means: more of these is less doubt, more of the others
# is more. What a few dozen answers say against that is chance.
REASSURING = {
    *("support", "coverage", "relevance", "cited", "log_probability", "least_log_probability"),
    *("margin", "heavy", "agreement"),
}
# Of what is flagged on dev so much is to be wrong, so that half of it is on answers never seen.
PRECISION = 0.6
FEWEST_FLAGGED = 8


@dataclass(frozen=True)
class Case:
    """One answer: its signals, whether it is wrong, which half it belongs to and where it is from."""

    signals: dict[str, float | None]
    wrong: bool
    half: str
    origin: str


def fit(cases: Sequence[Case]) -> DoubtWeights:
    """Weights and threshold from the dev half of `cases`."""
    dev = [case for case in cases if case.half == "dev"]
    names = sorted({name for case in dev for name in case.signals if _varies(dev, name)})
    strength = max(STRENGTHS, key=lambda strength: _left_out(dev, names, strength))
    weights = _fitted(dev, names, strength)
    while against := [name for name in names if _is_against(name, weights.signals[name].weight)]:
        names = [name for name in names if name not in against]
        weights = _fitted(dev, names, strength)
    # The threshold from answers that their own weights did not see.
    scores = _left_out_scores(dev, names, strength)
    return weights.model_copy(update={"threshold": _threshold(scores, [case.wrong for case in dev])})


def _is_against(name: str, weight: float) -> bool:
    return weight > 0 if name in REASSURING else weight < 0


def _varies(cases: Sequence[Case], name: str) -> bool:
    values = [case.signals.get(name) for case in cases]
    return len({value for value in values if value is not None}) > 1


def _fitted(cases: Sequence[Case], names: Sequence[str], strength: float) -> DoubtWeights:
    """Logistic regression with an L2 penalty, by Newton's method. Absent values are a signal of their own."""
    columns, scales = [], {}
    for name in names:
        raw = [case.signals.get(name) for case in cases]
        known = np.array([value for value in raw if value is not None])
        mean, scale = float(known.mean()), float(known.std()) or 1.0
        scales[name] = (mean, scale)
        columns.append([0.0 if value is None else (value - mean) / scale for value in raw])
        columns.append([float(value is None) for value in raw])
    inputs = np.column_stack([np.ones(len(cases)), *columns])
    wrong = np.array([case.wrong for case in cases], dtype=float)
    penalty = np.full(inputs.shape[1], strength)
    penalty[0] = 1e-6
    beta = np.zeros(inputs.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(inputs @ beta, -30, 30)))
        gradient = inputs.T @ (p - wrong) + penalty * beta
        hessian = (inputs * (p * (1 - p) + 1e-9)[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return DoubtWeights(
        threshold=0.5,
        intercept=round(float(beta[0]), 4),
        signals={
            name: SignalWeight(
                weight=round(float(beta[1 + 2 * at]), 4),
                mean=round(scales[name][0], 4),
                scale=max(round(scales[name][1], 4), 1e-4),
                absent=round(float(beta[2 + 2 * at]), 4),
            )
            for at, name in enumerate(names)
        },
    )


def _left_out_scores(cases: Sequence[Case], names: Sequence[str], strength: float) -> list[float]:
    """Each case's score by weights fitted on the other nine tenths."""
    scores = [0.0] * len(cases)
    for fold in range(10):
        weights = _fitted([case for at, case in enumerate(cases) if at % 10 != fold], names, strength)
        for at in range(fold, len(cases), 10):
            scores[at] = weights.score(cases[at].signals)
    return scores


def _left_out(cases: Sequence[Case], names: Sequence[str], strength: float) -> float:
    return auroc(_left_out_scores(cases, names, strength), [case.wrong for case in cases])


def _threshold(scores: Sequence[float], wrong: Sequence[bool]) -> float:
    """The lowest score from which on at least PRECISION of the answers are wrong."""
    ordered = sorted(zip(scores, wrong, strict=True), reverse=True)
    best = ordered[0][0]
    for count in range(FEWEST_FLAGGED, len(ordered) + 1):
        if sum(is_wrong for _, is_wrong in ordered[:count]) / count >= PRECISION:
            best = ordered[count - 1][0]
    return round(min(max(best, 0.05), 0.95), 3)


def auroc(scores: Sequence[float], wrong: Sequence[bool]) -> float:
    """The probability that a wrong answer has a higher score than a right one (ties count half)."""
    bad = [score for score, is_wrong in zip(scores, wrong, strict=True) if is_wrong]
    good = [score for score, is_wrong in zip(scores, wrong, strict=True) if not is_wrong]
    if not bad or not good:
        return float("nan")
    return sum((b > g) + 0.5 * (b == g) for b in bad for g in good) / (len(bad) * len(good))


def doubt_figures(cases: Sequence[Case], weights: DoubtWeights) -> dict[str, Any]:
    """AUROC and what is flagged, for each half, for all and for each origin."""
    found = {}
    for half in ("dev", "test"):
        for origin in ("all", *sorted({case.origin for case in cases})):
            chosen = [case for case in cases if case.half == half and origin in ("all", case.origin)]
            if chosen:
                found[f"{half}, {origin}"] = _figures(chosen, weights)
    return found


def _figures(cases: Sequence[Case], weights: DoubtWeights) -> dict[str, Any]:
    scores = [weights.score(case.signals) for case in cases]
    wrong = [case.wrong for case in cases]
    flagged = [is_wrong for score, is_wrong in zip(scores, wrong, strict=True) if score >= weights.threshold]
    area = auroc(scores, wrong)
    return {
        "n": len(cases),
        "wrong": sum(wrong),
        "auroc": None if area != area else round(area, 3),
        "flagged": len(flagged),
        "flagged_wrong": round(sum(flagged) / len(flagged), 3) if flagged else None,
        "wrong_flagged": round(sum(flagged) / sum(wrong), 3) if sum(wrong) else None,
    }


def print_doubt(found: dict[str, dict[str, Any]]) -> None:
    """One table. Goals on test: AUROC 0.75, at least half of the flagged wrong."""
    print("\nDoubt: is what it flags wrong? (answers that claim something)")
    header = ["half, from", "n", "wrong", "AUROC", "flagged", "of them wrong", "of the wrong flagged"]
    keys = ("n", "wrong", "auroc", "flagged", "flagged_wrong", "wrong_flagged")
    rows = [[what, *("–" if row[key] is None else row[key] for key in keys)] for what, row in found.items()]
    print_table(header, rows)


def write(weights: DoubtWeights, found: dict[str, Any], path: Path) -> None:
    """Write data/doubt.toml, with where the weights come from."""
    counted = found["dev, all"]
    lines = [
        "# How much each signal says about an answer being wrong (router/doubt.py says what they are).",
        f"# Fitted on {counted['n']} answers of the local models, {counted['wrong']} of them wrong, by",
        "# `make bench-sources ARGS=--fit`; held-out figures: docs/benchmarks.md. Not to be edited by hand.",
        "",
        f"threshold = {weights.threshold}",
        f"intercept = {weights.intercept}",
    ]
    for name, signal in weights.signals.items():
        lines += [
            "",
            f"[signals.{name}]",
            *(f"{key} = {value}" for key, value in signal.model_dump().items()),
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
