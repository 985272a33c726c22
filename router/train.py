"""`python -m router train`: fits the classifier on the shipped prompts and writes weights and card.

Needs scikit-learn (a development requirement); deciding does not. The same data and the same
token vectors give the same weights.
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

from data.model_files import find_model
from data.paths import models_folder, shipped
from data.policy import load_policy
from router import evaluate
from router.classifier import save
from router.decide import Decider
from router.extra_prompts import read_extra
from router.features import IGNORED
from router.fitting import Training, learn_follow_ups, trainable
from router.kernel_fit import Vectors, weighed
from router.measures import auc, heavy_recall
from router.pieces import Vocabulary
from router.prompts import Prompt, read_prompts
from router.token_vectors import read_vectors

VECTORS_OF = "qwen2.5-coder-0.5b"
"""The model (data/models.toml) whose token vectors are used if its file is on this machine."""


def read_vocabulary(path: Path) -> Vectors:
    """Vocabulary and vectors of a GGUF file. Raises OSError or ValueError."""
    pieces, table = read_vectors(path)
    return Vectors(Vocabulary(pieces, IGNORED), weighed(table))


def digest(prompts: Sequence[Prompt]) -> str:
    """A fingerprint of the training data for the card."""
    text = "\n".join(prompt.model_dump_json() for prompt in prompts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def by_writer(training: Training, blend: Sequence[float]) -> dict[str, dict[str, Any]]:
    """AUC on each writer's prompts, fitted on the others': the best guess for people nobody has seen."""
    writers = [prompt.writer for prompt in training.prompts]
    found: dict[str, dict[str, Any]] = {}
    for writer in sorted(set(writers)):
        out = [i for i, name in enumerate(writers) if name == writer]
        scores = training.logits(out) @ np.array(blend[:2])
        heavy = training.heavy[out]
        found[writer] = {
            "n": len(out),
            "auc": auc(scores, heavy),
            "heavy_recall_at_fast_recall_90": heavy_recall(scores, heavy),
        }
    return found


def main(argv: list[str]) -> int:
    """Train, write, print the figures on the held-out fifth. 0 if written."""
    if "--from-log" in argv:
        from router import train_from_log

        return train_from_log.main([part for part in argv if part != "--from-log"])
    parser = argparse.ArgumentParser(prog="python -m router train", description=__doc__)
    parser.add_argument("--prompts", type=Path, help="folder with *.jsonl (default: data/prompts)")
    parser.add_argument(
        "--extra", type=Path, help="folder with public benchmark prompts to add, see router/extra_prompts.py"
    )
    parser.add_argument(
        "--vectors", type=Path, help="GGUF file with token vectors (default: the local fast model, if there)"
    )
    parser.add_argument(
        "--out", type=Path, default=shipped("router_weights"), help="folder for weights and card"
    )
    parser.add_argument("--date", help="date for the card (left out otherwise, so that runs can be compared)")
    parser.add_argument(
        "--from-log", action="store_true", help="learn from your own log, see: train --from-log --help"
    )
    options = parser.parse_args(argv)
    try:
        import sklearn
    except ImportError:
        sys.stderr.write("training needs scikit-learn: pip install -r requirements-dev.txt\n")
        return 2
    policy, prompts = load_policy(), read_prompts(options.prompts)
    extra = read_extra(options.extra) if options.extra else []
    source = options.vectors or models_folder() / find_model(VECTORS_OF).file
    if not source.is_file():
        sys.stderr.write(f"{source} is not there: training without its token vectors, which is less exact\n")
    vectors = read_vocabulary(source) if source.is_file() else None
    training = Training(trainable(prompts), extra, policy, vectors)
    raw = training.out_of_fold()
    classifier = learn_follow_ups(training, raw, training.classifier(raw), prompts, policy)
    figures = evaluate.quality(Decider(classifier, policy), [prompt for prompt in prompts if prompt.held_out])
    assert classifier.head is not None
    card: dict[str, Any] = {
        "what": "which task (multinomial logistic regression on hashed n-grams, cues and structure) and "
        "heavy or not (logistic regression on these and on token vectors, collapsed to a number a piece)",
        **({"date": options.date} if options.date else {}),
        "data": {
            "own_prompts": len(prompts),
            "held_out": sum(prompt.held_out for prompt in prompts),
            "fingerprint": digest(prompts),
            "public_benchmark_prompts": len(extra),
            "token_vectors": source.name if vectors else None,
        },
        "scikit_learn": sklearn.__version__,
        "held_out_figures": figures,
        "by_writer_left_out": by_writer(training, classifier.head.blend),
    }
    save(classifier, options.out, card)
    shown = {name: card[name] for name in ("held_out_figures", "by_writer_left_out")}
    sys.stdout.write(json.dumps(shown, indent=2) + f"\nwritten to {options.out}\n")
    return 0
