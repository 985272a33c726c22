"""The sentence encoder as a network that learns, in torch: the same sums as router/sentence_encoder.py.

Only for training (router/teach_encoder.py); deciding needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from router.sentence_encoder import BEGIN, END, MIXED, PLAIN, WIDTH, WINDOWS, Ids

Numbers = NDArray[np.float32]
_GAP = 2  # zeros between texts, so that no convolution sees two of them


class Network(nn.Module):
    """`parts` as in the packed file, `table` (pieces, 512) stays as it is; answers: heavy, then each task."""

    def __init__(self, parts: dict[str, Numbers], table: Numbers, tasks: int, drop: float) -> None:
        super().__init__()
        self.parts = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(value)) for name, value in parts.items() if name != "eps"}
        )
        self._size, out = parts["cnn_W"].shape[1], parts["u_d3"].shape[1]
        for name in MIXED:
            self.parts[f"mix_{name}"] = nn.Parameter(torch.zeros(self._size, self._size))
        self.head = nn.Linear(out + self._size, 1 + tasks)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.table: torch.Tensor
        self.register_buffer("table", torch.tensor(table))
        self._eps, self._drop = float(parts["eps"]), drop

    def forward(self, rows: Sequence[Sequence[Ids]]) -> torch.Tensor:
        """Each of `rows` has a text for each part of READ, empty where there is none: (rows, 1 + tasks)."""
        texts = [
            (at, part, text)
            for at, row in enumerate(rows)
            for part, text in enumerate(row)
            if text or not part
        ]
        pooled = self._pool([text for _, _, text in texts])
        mean = torch.zeros(len(rows), self._size)
        for part in range(len(rows[0])):
            here = [i for i, text in enumerate(texts) if text[1] == part]
            if here:
                mine = pooled[here] if not part else pooled[here] @ self.parts[f"mix_{MIXED[part - 1]}"]
                mean = mean.index_add(0, torch.tensor([texts[i][0] for i in here]), mine.float())
        return self._upper(mean)

    def _pool(self, texts: Sequence[Ids]) -> torch.Tensor:
        part, flat, whose, real = self.parts, [], [], []
        for number, text in enumerate(texts):
            flat += [BEGIN, *text, END, *[0] * _GAP]
            whose += [number] * (len(text) + 2 + _GAP)
            real += [1.0] * (len(text) + 2) + [0.0] * _GAP
        mask = torch.tensor(real)[:, None]
        count = torch.tensor([len(text) + 2 for text in texts], dtype=torch.float32)
        words = self.table[torch.tensor(flat)] * mask
        heard = words @ part["proj"] + part["proj_b"]
        heard = self._levelled(heard, "ln_all") * mask
        seen = [words]
        for at, (width, before) in enumerate(WINDOWS):
            branch = heard[:, at * WIDTH : (at + 1) * WIDTH]
            for layer in ("1", "2"):
                padded = functional.pad(branch, (0, 0, before, width - 1 - before))
                near = torch.cat([padded[i : i + len(branch)] for i in range(width)], 1)
                near = near @ part[f"w{layer}_{width}"]
                if layer == "2":
                    near = near @ part[f"u2_{width}"]
                near = near + part[f"b{layer}_{width}"]
                branch = (branch + functional.relu(near)) * mask
            seen.append(branch)
        every = self._levelled(torch.cat(seen, 1), "ln") * mask
        total = torch.zeros(len(texts), every.shape[1]).index_add(0, torch.tensor(whose), every.float())
        return (total @ part["cnn_W"] + count[:, None] * part["cnn_b"]) / count.sqrt()[:, None]

    def _levelled(self, rows: torch.Tensor, name: str) -> torch.Tensor:
        part = self.parts
        return functional.layer_norm(rows, (rows.shape[1],), part[f"{name}_g"], part[f"{name}_b"], self._eps)

    def _upper(self, mean: torch.Tensor) -> torch.Tensor:
        part = self.parts
        first = functional.relu(mean @ part["d0"])
        second = functional.relu(mean @ part["p1"] + first @ part["d1"])
        third = functional.relu(second @ part["d2"])
        out = torch.tanh(
            self._dropped(second) @ part["p3"] + self._dropped(third) @ part["d3"] @ part["u_d3"]
        )
        answer: torch.Tensor = self.head(self._dropped(torch.cat([out, PLAIN * mean], 1)))
        return answer

    def _dropped(self, rows: torch.Tensor) -> torch.Tensor:
        return functional.dropout(rows, self._drop, self.training)

    def learned(self) -> dict[str, Numbers]:
        """What the file will hold: the parts, and of the head what says heavy or not."""
        found: dict[str, Any] = {name: value.detach().numpy() for name, value in self.parts.items()}
        found["head_w"] = self.head.weight[0].detach().numpy().copy()
        found["head_b"] = self.head.bias[0].detach().numpy().copy()
        return found
