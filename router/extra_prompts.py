"""Public benchmark prompts as additional training rows, if someone has such files. Never needed."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

# The benchmark that a row came from → the task it asks for, and how much a row counts.
_DOMAINS = {
    **dict.fromkeys(("gsm8k", "math", "math-l5", "gsm", "math_word", "agentverse-mgsm"), ("maths", 0.3)),
    **dict.fromkeys(("mbpp", "human_eval"), ("code", 0.3)),
    "crux": ("debug", 0.1),
    "agentverse-logicgrid": ("reasoning", 0.3),
    "gpqa": ("reasoning", 0.15),
    "commongen": ("draft", 0.15),
    **dict.fromkeys(("natural_qa", "trivia_qa"), ("lookup", 0.3)),
    **dict.fromkeys(("openbook_qa", "arc_challenge", "commonsense_qa"), ("lookup", 0.1)),
}
_EACH = 120


@dataclass(frozen=True)
class Extra:
    """A prompt with its task and its weight against one of our own (1.0)."""

    text: str
    task: str
    weight: float


def read_extra(folder: Path, leave_out: str | None = None) -> list[Extra]:
    """Up to 120 rows of each known domain in `folder`/*.jsonl ({prompt, domain, …}), in a fixed order.

    The file named `leave_out` is not read. Multiple-choice subjects and unknown domains are left out.
    Raises OSError or ValueError for bad files.
    """
    by_domain: dict[str, list[tuple[int, Extra]]] = {}
    for path in sorted(path for path in folder.glob("*.jsonl") if path.name != leave_out):
        with path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                if row.get("domain") in _DOMAINS:
                    task, weight = _DOMAINS[row["domain"]]
                    order = zlib.crc32(str(row["prompt"]).encode())
                    by_domain.setdefault(row["domain"], []).append(
                        (order, Extra(row["prompt"], task, weight))
                    )
    rows: list[Extra] = []
    for domain in sorted(by_domain):
        rows += [extra for _, extra in sorted(by_domain[domain], key=lambda pair: pair[0])[:_EACH]]
    return rows
