"""`python -m router train`: fits the task classifier on the shipped prompts and writes weights and card.

Needs scikit-learn (a development requirement); deciding does not. The same data gives the same weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.paths import shipped
from data.policy import TASKS, Policy, load_policy
from router import evaluate
from router.classifier import Classifier, save
from router.decide import Decider
from router.extra_prompts import Extra, read_extra
from router.features import Features, extract, size
from router.prompts import Prompt, read_prompts

FOLDS = 5
STRENGTH = 30.0
"""Inverse of the L2 penalty; chosen by cross-validation on the training prompts."""


def fit(
    features: Sequence[Features], tasks: Sequence[str], weights: Sequence[float], strength: float = STRENGTH
) -> Classifier:
    """A classifier for all of TASKS; a task without examples gets probability near 0."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    starts = np.cumsum([0] + [len(row.index) for row in features])
    matrix = csr_matrix(
        (
            np.concatenate([row.value for row in features]),
            np.concatenate([row.index for row in features]),
            starts,
        ),
        shape=(len(features), size()),
    )
    used = np.unique(matrix.indices)
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-4)
    model.fit(matrix[:, used], list(tasks), sample_weight=np.asarray(weights))
    full = np.zeros((size(), len(TASKS)), np.float32)
    bias = np.full(len(TASKS), -20.0, np.float32)
    columns = [TASKS.index(task) for task in model.classes_]
    full[used[:, None], columns] = model.coef_.T
    bias[columns] = model.intercept_
    return Classifier(TASKS, full, bias)


def trainable(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Prompts whose last message shows its task by itself, outside the fifth that is kept aside."""
    return [prompt for prompt in prompts if not prompt.held_out and "inherit" not in prompt.tags]


def calibrate(raw: NDArray[np.float64], heavy: NDArray[np.bool_]) -> tuple[float, float]:
    """Platt's slope and offset for out-of-fold scores (Platt 1999), by Newton's method on the log-loss.

    Targets are smoothed as he does, so that a perfect separation does not run away.
    """
    clipped = np.clip(raw, 1e-4, 1 - 1e-4)
    design = np.column_stack([np.log(clipped / (1 - clipped)), np.ones(len(raw))])
    yes, no = heavy.sum(), (~heavy).sum()
    target = np.where(heavy, (yes + 1) / (yes + 2), 1 / (no + 2))
    found = np.array([1.0, 0.0])
    for _ in range(50):
        guess = 1 / (1 + np.exp(-design @ found))
        slope = design.T @ (guess - target)
        curve = (design * (guess * (1 - guess))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return float(found[0]), float(found[1])


def train(
    prompts: Sequence[Prompt], extra: Sequence[Extra], policy: Policy, strength: float = STRENGTH
) -> Classifier:
    """Fit on what is not held out; calibrated on scores from models that had not seen the prompt."""
    chosen = trainable(prompts)
    features = [extract(prompt.messages[-1].content) for prompt in chosen]
    tasks = [prompt.task for prompt in chosen]
    more = [extract(row.text) for row in extra]
    more_tasks, more_weights = [row.task for row in extra], [row.weight for row in extra]
    raw = np.zeros(len(chosen))
    levels = np.array([policy.level_of(task) for task in TASKS])
    for fold in range(FOLDS):
        out = [i for i, prompt in enumerate(chosen) if prompt.fold(FOLDS) == fold]
        kept = [i for i, prompt in enumerate(chosen) if prompt.fold(FOLDS) != fold]
        part = fit(
            [features[i] for i in kept] + more,
            [tasks[i] for i in kept] + more_tasks,
            [1.0] * len(kept) + more_weights,
            strength,
        )
        for i in out:
            raw[i] = float(part.probabilities(features[i]) @ levels)
    heavy = np.array([policy.level_of(task) >= 0.5 for task in tasks])
    slope, offset = calibrate(raw, heavy)
    whole = fit(features + more, tasks + more_tasks, [1.0] * len(tasks) + more_weights, strength)
    # The shipped file holds 16 bits: round here, so that what is measured is what ships.
    weights = whole.weights.astype(np.float16).astype(np.float32)
    weights[np.abs(weights).max(axis=1) <= 1e-4] = 0
    return Classifier(TASKS, weights, whole.bias, round(slope, 4), round(offset, 4))


def digest(prompts: Sequence[Prompt]) -> str:
    """A fingerprint of the training data for the card."""
    text = "\n".join(prompt.model_dump_json() for prompt in prompts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main(argv: list[str]) -> int:
    """Train, write, print the figures on the held-out fifth. 0 if written."""
    parser = argparse.ArgumentParser(prog="python -m router train", description=__doc__)
    parser.add_argument("--prompts", type=Path, help="folder with *.jsonl (default: data/prompts)")
    parser.add_argument(
        "--extra", type=Path, help="folder with public benchmark prompts to add, see router/extra_prompts.py"
    )
    parser.add_argument(
        "--out", type=Path, default=shipped("router_weights"), help="folder for weights and card"
    )
    parser.add_argument("--date", help="date for the card (left out otherwise, so that runs can be compared)")
    options = parser.parse_args(argv)
    try:
        import sklearn
    except ImportError:
        sys.stderr.write("training needs scikit-learn: pip install -r requirements-dev.txt\n")
        return 2
    policy, prompts = load_policy(), read_prompts(options.prompts)
    extra = read_extra(options.extra) if options.extra else []
    classifier = train(prompts, extra, policy)
    figures = evaluate.quality(Decider(classifier, policy), [prompt for prompt in prompts if prompt.held_out])
    card: dict[str, Any] = {
        "what": "multinomial logistic regression on hashed n-grams, cues and structure: message → task",
        **({"date": options.date} if options.date else {}),
        "data": {
            "own_prompts": len(prompts),
            "held_out": sum(prompt.held_out for prompt in prompts),
            "fingerprint": digest(prompts),
            "public_benchmark_prompts": len(extra),
        },
        "scikit_learn": sklearn.__version__,
        "held_out_figures": figures,
    }
    save(classifier, options.out, card)
    sys.stdout.write(json.dumps(figures, indent=2) + f"\nwritten to {options.out}\n")
    return 0
