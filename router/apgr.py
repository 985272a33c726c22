"""How much of a strong model's advantage routing keeps, on public benchmarks: `eval --benchmarks FOLDER`.

APGR, the average performance gap recovered (Ong et al. 2024, arXiv 2406.18665): for each share of prompts
that go to the strong model, highest scores first, PGR = (quality - weak) / (strong - weak), where weak and
strong are the mean scores of either model alone; APGR is its mean over all shares from 0 to 1. Chance
gives .5. Each file of the folder ({prompt, domain, weak_score, strong_score} a line) is scored by the router
in use, which was fitted on our own prompts (and a team's log) and on none of them; with `refit` by one that
was fitted on the other files as well, without any prompt that is in this one too.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.policy import load_policy
from data.records import Message
from router.decide import Decider
from router.extra_prompts import Extra, read_extra
from router.fitting import train
from router.peers import litellm_scores
from router.prompts import Prompt, read_prompts


@dataclass(frozen=True)
class Benchmark:
    """Prompts with what a weak and a strong model scored on them (0..1)."""

    prompts: tuple[str, ...]
    weak: NDArray[np.float64]
    strong: NDArray[np.float64]


def read_benchmark(path: Path) -> Benchmark:
    """Raises OSError, ValueError or KeyError for a file that is none. Contaminated rows are left out."""
    with path.open(encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if not row.get("contaminated")]
    if not rows:
        raise ValueError(f"{path.name} has no rows")
    weak, strong = (np.array([float(row[f"{name}_score"]) for row in rows]) for name in ("weak", "strong"))
    return Benchmark(tuple(str(row["prompt"]) for row in rows), weak, strong)


def apgr(scores: NDArray[np.float64], weak: NDArray[np.float64], strong: NDArray[np.float64]) -> float | None:
    """The formula above; None if the strong model is no better. Equal scores are taken by their mean gain."""
    gain = strong - weak
    if gain.sum() <= 0:
        return None
    where = np.unique(-scores, return_inverse=True)[1]
    mean = np.bincount(where, weights=gain) / np.bincount(where)
    ordered = np.sort(where, kind="stable")
    recovered = np.concatenate([[0.0], np.cumsum(mean[ordered])]) / gain.sum()
    return round(float((recovered[1:] + recovered[:-1]).mean() / 2), 4)


def report(folder: Path, litellm: bool = True, refit: bool = False) -> dict[str, Any]:
    """For each file: n, and APGR of ours, litellm's, length and chance. Raises as read_benchmark does."""
    found: dict[str, Any] = {}
    shipped = None if refit else Decider.load()
    for path in sorted(folder.glob("*.jsonl")):
        here = read_benchmark(path)
        decider = shipped or _refitted(_others(folder, path.name, here))
        found[path.stem] = {
            "n": len(here.prompts),
            "upshift": _apgr(here, [decider.decide([_user(text)]).score for text in here.prompts]),
            **({"litellm": _apgr(here, _litellm(here))} if litellm else {}),
            "length": _apgr(here, [float(len(text)) for text in here.prompts]),
            "random": _apgr(here, [float(zlib.crc32(text.encode())) for text in here.prompts]),
        }
    if not found:
        raise ValueError("no *.jsonl in it")
    return found


def _refitted(others: Sequence[Extra]) -> Decider:
    from router.train import read_encoder, usual_vectors

    policy = load_policy()
    return Decider(train(read_prompts(), others, policy, usual_vectors(), read_encoder()), policy)


def _others(folder: Path, name: str, here: Benchmark) -> list[Extra]:
    """Rows of the other files that are not in this one."""
    known = set(here.prompts)
    return [row for row in read_extra(folder, leave_out=name) if row.text not in known]


def table(result: dict[str, Any]) -> str:
    """The report as text."""
    names = [name for name in next(iter(result.values())) if name != "n"]
    lines = [f"{'APGR, not trained on':22}{'n':>8}" + "".join(f"{name:>10}" for name in names)]
    for file, row in result.items():
        cells = ("–" if row[name] is None else f"{row[name]:.3f}" for name in names)
        lines.append(f"{file:22}{row['n']:>8}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines)


def _apgr(here: Benchmark, scores: Sequence[float]) -> float | None:
    return apgr(np.array(scores), here.weak, here.strong)


def _user(text: str) -> Message:
    return Message(role="user", content=text)


def _litellm(here: Benchmark) -> list[float]:
    prompts = [Prompt(id=text[:9], messages=(_user(text),), task="lookup") for text in here.prompts]
    return [float(score) for score in litellm_scores(prompts)[0]]
