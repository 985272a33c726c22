"""Weights that are missing or damaged never stop a decision: hard rules and key words go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data.paths import shipped
from data.policy import load_policy
from data.records import Message
from router import own_weights, sentence_encoder, weights_file
from router.decide import Decider
from router.words_only import by_words

EXPECTED = [
    ("hi", "fast"),
    ("translate to Spanish: where is the station?", "fast"),
    ("what is the capital of Peru", "fast"),
    ("debug this traceback: TypeError in line 3", "heavy"),
    ("prove that there are infinitely many primes", "heavy"),
    ("design a schema for a booking system", "heavy"),
]


def tier_of(decider: Decider, text: str) -> str:
    return decider.decide([Message(role="user", content=text)]).tier


@pytest.mark.parametrize(("text", "tier"), EXPECTED)
def test_key_words_alone_tell_plain_cases(text: str, tier: str) -> None:
    assert tier_of(Decider(by_words(), load_policy()), text) == tier


@pytest.mark.parametrize("harm", ["absent", "empty", "cut", "nonsense", "card"])
def test_any_damage_leaves_a_decider_that_decides(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(shipped("router_weights"), folder)
    weights, card = folder / "weights.npz", folder / "card.json"
    if harm == "absent":
        shutil.rmtree(folder)
    elif harm == "card":
        card.write_text('{"tasks": 3, "features": [1]}', encoding="utf-8")
    else:
        whole = weights.read_bytes()
        weights.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "nonsense": b"\x00" * 99}[harm])
    monkeypatch.setattr(own_weights, "load_in_use", lambda: weights_file.load(folder))
    monkeypatch.setattr("router.decide.load_in_use", lambda: weights_file.load(folder))
    decider = Decider.load()
    assert [tier_of(decider, text) for text, _ in EXPECTED] == [tier for _, tier in EXPECTED]
    assert "by key words alone" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 half an archive"])
def test_without_the_sentence_encoder_the_first_look_decides(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if content is not None:
        (tmp_path / "encoder.npz").write_bytes(content)
    monkeypatch.setattr(weights_file, "shipped_encoder", lambda: sentence_encoder.load(tmp_path))
    found = weights_file.load()
    assert found.close is None
    assert found.head is not None
    assert tier_of(Decider(found, load_policy()), "prove that there are infinitely many primes") == "heavy"
    assert "routed without it" in caplog.text
