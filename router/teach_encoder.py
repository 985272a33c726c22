"""`python -m router.teach_encoder FOLDER`: trains the sentence encoder further on our own prompts.

Needs torch (only here; its processor build is enough). FOLDER holds the published network, see
router/pack_encoder.py. Written into data/router_reader: the encoder, and for each training prompt what
encoders made of it that had not learned from it, because scores are calibrated on these. Seeded, one thread
a network: the same machine gives the same file. Train the router afterwards (python -m router train).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from data.paths import shipped
from data.policy import TASKS, load_policy
from router.encoder_examples import Example, Readings, examples
from router.encoder_network import Network, Numbers
from router.pack_encoder import eight_bits, pack
from router.prompts import read_prompts
from router.sentence_encoder import Ids, SentenceEncoder

_ROUNDS, _AT_ONCE, _WARM, _FOLDS = 4, 32, 40, 4
_RATE, _RATE_MIX, _RATE_HEAD = 4e-4, 1.5e-4, 2e-3
_DROP, _LOSE_PIECE, _LOSE_PART = 0.3, 0.1, 0.15
_TASKS_SHARE = 0.5  # of the loss, that the tasks have beside heavy or not
_SMOOTH, _SMOOTH_TASK, _DECAY = 0.03, 0.05, 0.01
_MEMORY = 0.99  # of the running mean of weights that is kept at each fifth step


@dataclass(frozen=True)
class Start:
    """Where learning begins: the packed network."""

    parts: dict[str, Numbers]
    table: Numbers


def teach(start: Start, rows: Sequence[Example], report: str = "") -> Network:
    """A network that has learned from `rows`; `report` names it in lines about its progress."""
    rows = [row for row in rows if row.teaches]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    chance = np.random.default_rng(0)
    network = Network(start.parts, start.table, len(TASKS), _DROP)
    heavy = torch.tensor([row.heavy for row in rows], dtype=torch.float32) * (1 - 2 * _SMOOTH) + _SMOOTH
    task = torch.tensor([row.task for row in rows])
    steps = _ROUNDS * -(-len(rows) // _AT_ONCE)
    learning = _optimizer(network)
    pace = torch.optim.lr_scheduler.LambdaLR(
        learning, lambda at: min(1.0, (at + 1) / _WARM) * max(0.02, 1 - at / steps)
    )
    mean = [value.detach().clone() for value in network.parameters()]
    network.train()
    for done in range(_ROUNDS):
        order, total = chance.permutation(len(rows)), 0.0
        for at in range(0, len(rows), _AT_ONCE):
            batch = order[at : at + _AT_ONCE]
            with torch.autocast("cpu", torch.bfloat16):
                answers = network([_roughened(rows[i].parts, chance) for i in batch])
            answers = answers.float()
            loss = functional.binary_cross_entropy_with_logits(answers[:, 0], heavy[batch])
            loss = loss + _TASKS_SHARE * functional.cross_entropy(
                answers[:, 1:], task[batch], label_smoothing=_SMOOTH_TASK
            )
            learning.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            learning.step()
            pace.step()
            total += float(loss.detach()) * len(batch)
            if pace.last_epoch % 5 == 0:
                _average(mean, network, pace.last_epoch)
        sys.stderr.write(f"{report}, round {done + 1} of {_ROUNDS}: loss {total / len(rows):.3f}\n")
    with torch.no_grad():
        for kept, value in zip(mean, network.parameters(), strict=True):
            value.copy_(kept)
    network.eval()
    return network


def _optimizer(network: Network) -> torch.optim.Optimizer:
    named = list(network.named_parameters())
    mixing = [value for name, value in named if ".mix_" in name]
    head = [value for name, value in named if name.startswith("head")]
    body = [value for name, value in named if ".mix_" not in name and not name.startswith("head")]
    return torch.optim.AdamW(
        [
            {"params": body, "lr": _RATE, "weight_decay": 0.0},
            {"params": mixing, "lr": _RATE_MIX, "weight_decay": _DECAY},
            {"params": head, "lr": _RATE_HEAD, "weight_decay": _DECAY},
        ],
        fused=True,
    )


def _average(mean: list[torch.Tensor], network: Network, step: int) -> None:
    """A running mean of the weights is better than the last ones (Polyak and Juditsky 1992)."""
    keep = min(_MEMORY, step / (step + 50))
    with torch.no_grad():
        for kept, value in zip(mean, network.parameters(), strict=True):
            kept.mul_(keep).add_(value, alpha=1 - keep)


def _roughened(parts: Sequence[Ids], chance: np.random.Generator) -> list[Ids]:
    """Some pieces are lost, and sometimes all but the request: so that no single word decides."""
    found: list[Ids] = []
    for at, ids in enumerate(parts):
        if at and chance.random() < _LOSE_PART:
            found.append(())
            continue
        kept = tuple(number for number in ids if chance.random() >= _LOSE_PIECE)
        found.append(kept or tuple(ids))
    return found


def readings(network: Network, rows: Sequence[Example]) -> list[float]:
    """The logit of each of `rows`."""
    with torch.no_grad():
        made = [network([row.parts for row in rows[at : at + 64]])[:, 0] for at in range(0, len(rows), 64)]
    return [float(number) for number in torch.cat(made)]


def _left_out(start: Start, rows: Sequence[Example], which: str) -> list[tuple[int, bool, float]]:
    """What is made of a fold's or a writer's rows by a network that has learned from the others."""
    out = [row for row in rows if which in (str(row.fold), row.writer)]
    names = {row.key for row in out}
    network = teach(start, [row for row in rows if row.key not in names], which)
    made = readings(network, out)
    return [(row.key, row.follows, number) for row, number in zip(out, made, strict=True)]


def cross_fit(start: Start, rows: Sequence[Example], jobs: int, writers: bool) -> dict[str, dict[int, float]]:
    """Readings of every row by networks that had not learned from it, as Readings keeps them."""
    found: dict[str, dict[int, float]] = {}
    every = [str(fold) for fold in range(_FOLDS)] + (sorted({row.writer for row in rows}) if writers else [])
    with get_context("spawn").Pool(jobs) as pool:
        for which, made in zip(every, pool.imap(partial(_left_out, start, rows), every), strict=True):
            for key, follows, number in made:
                kind = ("" if which.isdigit() else "writer ") + ("follows" if follows else "alone")
                found.setdefault(kind, {})[key] = round(number, 4)
    return found


def main(argv: list[str]) -> int:
    """Pack, teach, write. 0 if written."""
    parser = argparse.ArgumentParser(prog="python -m router.teach_encoder", description=__doc__)
    parser.add_argument("folder", type=Path, help="with sp.model and weights.npz")
    parser.add_argument("--out", type=Path, default=shipped("router_reader"))
    parser.add_argument("--jobs", type=int, default=1, help="networks that learn at the same time")
    parser.add_argument("--writers", action="store_true", help="leave each writer out in turn as well")
    options = parser.parse_args(argv)
    packed = pack(options.folder)
    plain = SentenceEncoder(packed)
    every: NDArray[np.int64] = np.arange(len(packed["table"]))
    start = Start(plain.part, plain.looked_up(every))
    prompts = [prompt for prompt in read_prompts() if not prompt.held_out]
    rows = examples(prompts, plain, load_policy(), _FOLDS)
    kinds = cross_fit(start, rows, options.jobs, options.writers)
    learned = teach(start, rows, "all").learned()
    table = {name: packed[name] for name in ("pieces", "scores", "table", "table_scale", "v_eps")}
    arrays = {**table, **eight_bits(learned)}
    np.savez(options.out / "encoder.npz", **arrays)  # type: ignore[arg-type]
    Readings(SentenceEncoder(arrays).name, kinds).save(options.out)
    sys.stderr.write(f"learned from {len(rows)} rows, written to {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
