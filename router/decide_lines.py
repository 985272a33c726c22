"""`python -m router decide`: JSON lines in, decisions out, in order. No network, no model process."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data.records import Message
from router.decide import Decider

_MESSAGES = TypeAdapter(tuple[Message, ...])


def decide_line(decider: Decider, line: str) -> tuple[dict[str, Any], bool]:
    """One line of the `decide` contract: the answer, and whether the line was good."""
    identity: Any = None
    try:
        raw = json.loads(line)
        if not isinstance(raw, dict):
            raise ValueError("not an object with `id` and `messages`")
        identity = raw.get("id")
        if "messages" not in raw:
            raise ValueError("`messages` is missing")
        messages = _MESSAGES.validate_python(raw["messages"])
        made = decider.decide(messages, tiers=decider.policy.tier_names)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return {"id": identity, "error": f"messages.{where}: {first['msg']}"}, False
    except (ValueError, RecursionError) as error:
        return {"id": identity, "error": str(error) or type(error).__name__}, False
    fields = ("task", "tier", "score", "reasons", "decide_ms")
    return {"id": identity, **{name: getattr(made, name) for name in fields}}, True


def main(argv: list[str]) -> int:
    """`python -m router decide`: JSONL in, JSONL out, in order. 1 if any line was bad, 2 for wrong use."""
    if argv:
        sys.stderr.write("usage: python -m router decide < messages.jsonl\n")
        return 2
    decider = Decider.load()
    good = True
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "replace")
        if not line.strip():
            continue
        answer, fine = decide_line(decider, line)
        good &= fine
        # ASCII, so that a lone surrogate in an id cannot break the output.
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0 if good else 1
