# ruff: noqa: E501  # messages and expectations side by side
"""The `decide` contract, through the shell: JSONL in, JSONL out, in order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def run(*lines: str | bytes) -> tuple[int, list[dict[str, Any]]]:
    data = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    done = subprocess.run(
        [sys.executable, "-m", "router", "decide"],
        input=data,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def ask(identity: object, text: str) -> str:
    return json.dumps({"id": identity, "messages": [{"role": "user", "content": text}]}, ensure_ascii=False)


def test_answers_in_order_with_the_fields_of_the_contract() -> None:
    code, out = run(
        ask("a", "what is the capital of Peru?"), "", ask(2, "证明根号2是无理数"), ask("c", "x" * 1_000_000)
    )
    assert code == 0
    assert [row["id"] for row in out] == ["a", 2, "c"]
    for row in out:
        assert set(row) == {"id", "task", "tier", "score", "reasons", "decide_ms"}
        assert 0 <= row["score"] <= 1
        assert row["tier"] in ("fast", "heavy")
        assert row["decide_ms"] > 0
    assert [row["tier"] for row in out[:2]] == ["fast", "heavy"]


def test_bad_lines_are_named_and_the_rest_is_answered() -> None:
    code, out = run(
        "not json",
        json.dumps({"id": "no messages"}),
        json.dumps({"id": "empty", "messages": []}),
        json.dumps({"id": "role", "messages": [{"role": "robot", "content": "hi"}]}),
        json.dumps({"id": "last", "messages": [{"role": "assistant", "content": "hi"}]}),
        json.dumps([1, 2]),
        "[" * 100_000,
        b"\xff\xfe",
        ask("good", "hello"),
    )
    assert code == 1
    assert [row["id"] for row in out] == [
        None,
        "no messages",
        "empty",
        "role",
        "last",
        None,
        None,
        None,
        "good",
    ]
    assert all(set(row) == {"id", "error"} and row["error"] for row in out[:-1])
    assert "role" in out[3]["error"]
    assert out[-1]["tier"] == "fast"


def test_nothing_in_nothing_out() -> None:
    assert run() == (0, [])


def test_surrogates_and_control_characters() -> None:
    code, out = run(
        r'{"id": "\ud800", "messages": [{"role": "user", "content": "\ud800 \u0000 prove it \udfff"}]}'
    )
    assert len(out) == 1
    assert code in (0, 1)
    assert ("error" in out[0]) == (code == 1)


def test_deciding_imports_no_heavy_packages() -> None:
    probe = (
        "import sys; from router.decide import Decider; from data.records import Message; "
        "Decider.load().decide([Message(role='user', content='prove it')]); "
        "print([m for m in ('litellm', 'sklearn', 'scipy', 'streamlit', 'httpx', 'xllamacpp') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
