"""Fits yes-or-no heads of the classifier: heavy work? leans on what was said before?

From n-grams and, if wanted, pieces of words: logistic regression on a linear kernel, by Newton's
method. With a few thousand prompts the kernel is small, however long the vectors are. What was learned
collapses into one number for each feature and for each piece in each segment, so that deciding needs
no vectors. Needs scipy (development only).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.features import Features, size
from router.pieces import SEGMENTS, Vocabulary

Numbers = NDArray[np.float32]
Rows = NDArray[np.int64]

PENALTY = 1.0
"""Strength of the L2 penalty. Set by hand: cross-validation is flat from .15 to .7 (AUC within .001)."""
SETTLED = 0.01
"""Newton's method ends when no prompt's logit moves further than this."""
SHARES = (2.5, 2.0, 1.5, 2.0, 1.5, 1.0)
"""Length of each segment's block beside the n-grams, in the order of SEGMENTS; set by hand."""


@dataclass(frozen=True)
class Vectors:
    """A vocabulary and its vectors: (pieces, size)."""

    vocabulary: Vocabulary
    table: Numbers


@dataclass(frozen=True)
class Head:
    """`weights` (features,), `pieces` (pieces, segments), or (0, segments) without vectors."""

    weights: Numbers
    pieces: Numbers
    bias: float


def weighed(table: Numbers) -> Numbers:
    """Vectors in the order of a byte-pair vocabulary: rarer pieces longer, as model2vec does."""
    rank = np.log(2 + np.arange(len(table)))
    return np.asarray(table * (rank / rank.mean())[:, None], np.float32)


class KernelRows:
    """The training prompts, ready to be fitted on any part of them."""

    def __init__(self, features: Sequence[Features], vectors: Vectors | None) -> None:
        from scipy.sparse import csr_matrix

        starts = np.cumsum([0] + [len(row.index) for row in features])
        values = np.concatenate([row.value for row in features])
        index = np.concatenate([row.index for row in features])
        self._matrix = csr_matrix((values, index, starts), shape=(len(features), size()))
        self._vectors = vectors
        self._pools: list[Numbers] = []
        self._scales: list[float] = []
        # The added 1 is the bias: a feature that every prompt has.
        self._kernel = np.asarray((self._matrix @ self._matrix.T).todense(), np.float32) + 1
        for at, share in enumerate(SHARES if vectors else ()):
            pool = self._pool(features, at)
            self._scales.append(share / max(1e-6, float(np.sqrt((pool**2).sum(axis=1).mean()))))
            pool *= self._scales[-1]
            self._pools.append(pool)
            self._kernel += pool @ pool.T

    def _pool(self, features: Sequence[Features], at: int) -> Numbers:
        assert self._vectors is not None
        pool = np.zeros((len(features), self._vectors.table.shape[1]), np.float32)
        for row, one in enumerate(features):
            ids = self._vectors.vocabulary.ids(one.segments[at])
            if len(ids):
                pool[row] = self._vectors.table[ids].sum(axis=0) / np.sqrt(len(ids))
        return pool

    def fit(self, kept: Rows, yes: NDArray[np.bool_], weights: Numbers) -> Numbers:
        """How much each prompt of `kept` counts, (kept,); `yes` and `weights` are of all prompts."""
        kernel = self._kernel[np.ix_(kept, kept)]
        target, weight = yes[kept].astype(np.float32), weights[kept]
        logits = dual = np.zeros(len(kept), np.float32)
        for _ in range(20):
            guess = 1 / (1 + np.exp(-logits.clip(-30, 30)))
            curve = np.maximum(weight * guess * (1 - guess), 1e-5)
            wanted = logits + weight * (target - guess) / curve
            dual = _solved(kernel, PENALTY / curve, wanted, dual)
            before, logits = logits, kernel @ dual
            if float(np.abs(logits - before).max()) < SETTLED:
                break
        return np.asarray(dual, np.float32)

    def logits(self, dual: Numbers, kept: Rows, out: Rows) -> Numbers:
        """The logits of the prompts `out`, fitted on `kept`."""
        return np.asarray(self._kernel[np.ix_(out, kept)] @ dual, np.float32)

    def collapse(self, dual: Numbers, kept: Rows) -> Head:
        """The same as numbers of features and of pieces."""
        weights = np.asarray(self._matrix[kept].T @ dual, np.float32)
        pieces = np.zeros((0, len(SEGMENTS)), np.float32)
        if self._vectors:
            table = self._vectors.table
            columns = [
                table @ (pool[kept].T @ dual) * scale
                for pool, scale in zip(self._pools, self._scales, strict=True)
            ]
            pieces = np.stack(columns, axis=1).astype(np.float32)
        return Head(weights, pieces, float(dual.sum()))


def _solved(kernel: Numbers, ridge: Numbers, wanted: Numbers, start: Numbers) -> Numbers:
    """x with (kernel + diag(ridge)) x = wanted, by conjugate gradients from `start`.

    Scaled by the roots of `ridge`, whose part of the diagonal becomes one. Measured on 12,226 prompts, one
    core: a fit took 25 s so, 225 s by Cholesky factors, and no logit of 3,000 others differed by .002.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    scale = 1 / np.sqrt(ridge)
    system = LinearOperator(
        kernel.shape, matvec=lambda x: x + scale * (kernel @ (scale * x)), dtype=np.float32
    )
    found, _ = cg(system, scale * wanted, x0=start / scale, rtol=1e-4, maxiter=1000)
    return np.asarray(scale * found, np.float32)
