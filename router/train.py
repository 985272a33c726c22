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
from numpy.typing import NDArray

from data.config import ConfigError
from data.model_files import find_model
from data.paths import models_folder, shipped
from data.policy import load_policy
from router.calibration import first_looks, judged
from router.classifier import Classifier
from router.decide import Decider
from router.extra_prompts import read_extra
from router.features import IGNORED
from router.figures import quality
from router.fitting import Training, trainable
from router.follow_fitting import learn_follow_ups
from router.kernel_fit import Vectors, weighed
from router.measures import auc, heavy_recall
from router.pieces import Vocabulary
from router.prompts import Prompt, read_prompts
from router.sentence_encoder import SentenceEncoder, shipped_encoder
from router.token_vectors import read_vectors
from router.weights_file import save

_SHOWN = ("held_out_figures", "out_of_fold", "by_writer_left_out")
VECTORS_OF = "qwen2.5-coder-0.5b"
"""The model (data/models.toml) whose token vectors are used if its file is on this machine."""


def read_vocabulary(path: Path) -> Vectors:
    """Vocabulary and vectors of a GGUF file. Raises OSError or ValueError."""
    pieces, table = read_vectors(path)
    return Vectors(Vocabulary(pieces, IGNORED), weighed(table))


def usual_source() -> Path:
    """Where the token vectors are, if the local fast model was fetched."""
    return models_folder() / find_model(VECTORS_OF).file


def usual_vectors(path: Path | None = None) -> Vectors | None:
    """Those in `path` or of the local fast model; without the file a line says so, and training goes on."""
    path = path or usual_source()
    if path.is_file():
        return read_vocabulary(path)
    sys.stderr.write(f"{path} is not there: training without its token vectors, which is less exact\n")
    return None


def read_encoder() -> SentenceEncoder | None:
    """The encoder that ships; without it a line says so, and training goes on."""
    try:
        return shipped_encoder()
    except ConfigError as error:
        sys.stderr.write(f"{error} Training without close reading, which is less exact.\n")
        return None


def digest(prompts: Sequence[Prompt]) -> str:
    """A fingerprint of the training data for the card."""
    text = "\n".join(prompt.model_dump_json() for prompt in prompts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def out_of_fold(
    training: Training, raw: NDArray[np.float64], classifier: Classifier
) -> dict[str, dict[str, Any]]:
    """Figures on the training prompts by models that had not seen them: first look alone, and as shipped."""
    heavy = training.heavy[: len(training.prompts)]
    looks = {"first_look": first_looks(raw, _blend(classifier)), "shipped": judged(raw, classifier)}
    return {
        name: {"auc": auc(scores, heavy), "heavy_recall_at_fast_recall_90": heavy_recall(scores, heavy)}
        for name, scores in looks.items()
    }


def _blend(classifier: Classifier) -> Sequence[float]:
    assert classifier.head is not None
    return classifier.head.blend


def by_writer(training: Training, classifier: Classifier) -> dict[str, dict[str, Any]]:
    """AUC on each writer's prompts, fitted on the others': the best guess for people nobody has seen.

    Without close readings by encoders that had not learned from the writer, it is that of the first look.
    """
    writers = [prompt.writer for prompt in training.prompts]
    read = training.read_apart("writer alone")
    found: dict[str, dict[str, Any]] = {}
    for writer in sorted(set(writers)):
        out = [i for i, name in enumerate(writers) if name == writer]
        raw = training.logits(out, read)
        scores = judged(raw, classifier) if read is not None else first_looks(raw, _blend(classifier))
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
    parser.add_argument(
        "--quick",
        action="store_true",
        help="no figures for each writer left out, which take half of the time",
    )
    options = parser.parse_args(argv)
    try:
        import sklearn
    except ImportError:
        sys.stderr.write("training needs scikit-learn: pip install -r requirements-dev.txt\n")
        return 2
    policy, prompts = load_policy(), read_prompts(options.prompts)
    extra = read_extra(options.extra) if options.extra else []
    vectors = usual_vectors(options.vectors)
    encoder = read_encoder()
    training = Training(trainable(prompts), extra, policy, vectors, encoder=encoder)
    raw = training.out_of_fold()
    classifier = learn_follow_ups(training, raw, training.classifier(raw), prompts, policy)
    held = [prompt for prompt in prompts if prompt.held_out]
    figures = quality(Decider(classifier, policy), held, every=6)
    card: dict[str, Any] = {
        "what": "which task (multinomial logistic regression on hashed n-grams, cues and structure) and "
        "heavy or not (logistic regression on these and on token vectors, collapsed to a number a piece; "
        "blended with what the sentence encoder reads)",
        **({"date": options.date} if options.date else {}),
        "data": {
            "own_prompts": len(prompts),
            "held_out": sum(prompt.held_out for prompt in prompts),
            "fingerprint": digest(prompts),
            "public_benchmark_prompts": len(extra),
            "token_vectors": (options.vectors or usual_source()).name if vectors else None,
            "close_reading": encoder is not None,
        },
        "scikit_learn": sklearn.__version__,
        "held_out_figures": figures,
        "out_of_fold": out_of_fold(training, raw, classifier),
        **({} if options.quick else {"by_writer_left_out": by_writer(training, classifier)}),
    }
    save(classifier, options.out, card)
    shown = {name: card[name] for name in card if name in _SHOWN}
    sys.stdout.write(json.dumps(shown, indent=2) + f"\nwritten to {options.out}\n")
    return 0
