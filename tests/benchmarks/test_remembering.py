"""What a model said is remembered by its prompt, and asked again when the prompt changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.remembering import LateBackend, Memory, RememberingGateway
from data.presets import load_preset
from data.records import Message
from router.call import Call, Piece, Target
from router.cancel import Cancel
from router.errors import ModelError
from router.gateway import Gateway


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that reached the model."""
    questions: list[str] = []

    def stream(self: Gateway, call: Call, cancel: Cancel) -> Iterator[Piece]:
        questions.append(call.messages[-1].content)
        call.log_probabilities = [-0.5, -1.5]
        yield Piece("Once ", 1.0)
        yield Piece("more.", 2.0)

    monkeypatch.setattr(Gateway, "stream", stream)
    monkeypatch.setattr(LateBackend, "loaded", lambda self, tier: self.target(tier))
    return questions


def a_call(text: str, tier: str = "fast") -> Call:
    target = Target(load_preset("local").tier(tier))
    messages = [Message(role="user", content=text)]
    return Call(target, messages, "turn", 0, "primary", 0.0, 100)


def gateway(path: Path, may_ask: bool = True) -> RememberingGateway:
    return RememberingGateway(LateBackend(load_preset("local")), Memory(path), may_ask)


def said(gateway: RememberingGateway, call: Call) -> str:
    return "".join(piece.text for piece in gateway.stream(call, Cancel()))


def test_the_same_prompt_is_asked_once_and_another_again(tmp_path: Path, asked: list[str]) -> None:
    path = tmp_path / "answers.jsonl"
    assert said(gateway(path), a_call("one")) == "Once more."
    again = a_call("one")
    assert said(gateway(path), again) == "Once more."
    assert again.log_probabilities == [-0.5, -1.5]
    said(gateway(path), a_call("one", "heavy"))
    said(gateway(path), a_call("two"))
    assert asked == ["one", "one", "two"]


def test_what_was_cut_short_is_remembered_as_far_as_it_went(tmp_path: Path, asked: list[str]) -> None:
    path = tmp_path / "answers.jsonl"
    pieces = gateway(path).stream(a_call("one"), Cancel())
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert said(gateway(path), a_call("one")) == "Once "
    assert asked == ["one"]


def test_without_leave_to_ask_only_what_is_remembered_is_told(tmp_path: Path, asked: list[str]) -> None:
    with pytest.raises(ModelError, match="has not been asked"):
        said(gateway(tmp_path / "answers.jsonl", may_ask=False), a_call("one"))
    assert asked == []


def test_a_whole_run_forgets_what_it_had_no_use_for(tmp_path: Path, asked: list[str]) -> None:
    path = tmp_path / "answers.jsonl"
    said(gateway(path), a_call("old"))
    said(gateway(path), a_call("new"))
    memory = Memory(path)
    said(RememberingGateway(LateBackend(load_preset("local")), memory), a_call("new"))
    memory.forget_unused(whole=False)
    assert len(path.read_text("utf-8").splitlines()) == 2
    memory.forget_unused(whole=True)
    assert len(path.read_text("utf-8").splitlines()) == 1
    assert said(gateway(path, may_ask=False), a_call("new")) == "Once more."
