"""The scripted provider itself: tests that lean on it need it to do what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.config import ConfigError
from data.presets import load_preset
from router.backends import ScriptedBackend
from router.scripted import DEFAULT_WORDS, Reply, Script, load_script, words_of
from tests.router.conftest import MakeServices, Provider, a_turn, all_events, joined, until

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
ROOT = Path(__file__).parents[2]


def post(provider: Provider, text: str = "hello", model: str = "m") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{provider.api_base}/chat/completions", json=body, trust_env=False)


def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("text", ["", "one", "one two", "  a\n\nb  c ", "a ", "漢 字", "\n"])
def test_words_joined_again_are_the_same_text(text: str) -> None:
    assert "".join(words_of(text)) == text
    assert all(words_of(text))


def test_one_chunk_for_each_word_then_the_end_and_the_usage(provider: Provider) -> None:
    provider.say(Reply(text="one two three", **QUICK))
    sent = chunks(post(provider))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in sent[:-1]] == [
        *("one ", "two ", "three", None)
    ]
    assert sent[-2]["choices"][0]["finish_reason"] == "stop"
    assert sent[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}


def test_the_first_reply_that_fits_message_and_model_is_said(provider: Provider) -> None:
    script = Script(
        replies=(Reply(match="a", model="big", text="1"), Reply(match="a", text="2"), Reply(match="b"))
    )
    assert script.reply_to("xax", "big-one").text == "1"
    assert script.reply_to("xax", "small").text == "2"
    assert script.reply_to("b", "small").text == DEFAULT_WORDS
    assert script.reply_to("none", "small") == Reply()


def test_its_timing_is_its_script(provider: Provider) -> None:
    provider.say(Reply(text="one two three", first_token_ms=120, token_ms=60))
    began = time.perf_counter()
    post(provider)
    assert time.perf_counter() - began >= 0.24


def test_an_error_is_an_http_error(provider: Provider) -> None:
    provider.say(Reply(status=429))
    response = post(provider)
    assert response.status_code == 429
    assert "scripted error 429" in response.text


def test_a_cut_ends_without_an_end(provider: Provider) -> None:
    provider.say(Reply(text="one two three", cut_after=1, **QUICK))
    text = post(provider).text
    assert "one" in text
    assert "two" not in text
    assert "[DONE]" not in text


@pytest.mark.parametrize(
    "reply", [Reply(first_token_ms=3_600_000), Reply(text="one two", hang_after=1, **QUICK)]
)
def test_it_notices_a_reader_that_leaves(provider: Provider, reply: Reply) -> None:
    provider.say(reply)
    body = {"model": "m", "messages": [{"role": "user", "content": "bye"}]}
    with (
        httpx.Client(trust_env=False, timeout=0.2) as client,
        pytest.raises(httpx.ReadTimeout),
        client.stream("POST", f"{provider.api_base}/chat/completions", json=body) as response,
    ):
        for _ in response.iter_lines():
            pass
    until(lambda: provider.left == ["bye"])


def test_a_script_is_read_from_its_file(script_file: Callable[[str], Path]) -> None:
    script_file('[[replies]]\nmatch = "x"\ntext = "y"\ntoken_ms = 0\n')
    assert load_script().replies == (Reply(match="x", text="y", token_ms=0),)


def test_a_mistake_in_a_script_names_file_and_key(script_file: Callable[[str], Path]) -> None:
    path = script_file("[[replies]]\nfirst_tokens_ms = 3\n")
    with pytest.raises(ConfigError, match=r"replies\.0\.first_tokens_ms") as caught:
        load_script()
    assert str(path) in str(caught.value)
    assert "first_token_ms" in str(caught.value)


def test_without_a_script_it_counts_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSHIFT_SCRIPT", raising=False)
    assert load_script() == Script()


def test_as_a_process_it_answers_notes_what_it_sent_and_ends_with_its_owner(
    make_services: MakeServices,
    script_file: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = tmp_path / "sent.jsonl"
    monkeypatch.setenv("UPSHIFT_SCRIPT_SENT", str(sent))
    script_file('[[replies]]\ntext = "from a file"\nfirst_token_ms = 0\ntoken_ms = 0\n')
    backend = ScriptedBackend(load_preset("scripted"))
    services = make_services(backend=backend)
    assert backend.wait("fast", 0) is None  # starts it if nobody did
    process = backend._process
    assert process is not None
    assert joined(all_events(a_turn("hello"), services)) == "from a file"
    notes = [json.loads(line) for line in sent.read_text(encoding="utf-8").splitlines()]
    assert [note["word"] for note in notes] == ["from", "a", "file"]
    assert abs(notes[0]["at_ms"] / 1000 - time.time()) < 60
    backend.start()
    assert backend._process is process
    services.close()
    assert process.poll() == 0
    services.close()


def test_a_broken_script_ends_the_process_with_a_message(script_file: Callable[[str], Path]) -> None:
    script_file("replies = 3\n")
    done = subprocess.run(
        [sys.executable, "-m", "router.scripted"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        input="",
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "script.toml" in done.stderr
    assert done.stdout == ""


def test_a_broken_script_is_a_configuration_error_of_the_app(script_file: Callable[[str], Path]) -> None:
    script_file("replies = 3\n")
    with pytest.raises(ConfigError, match=r"script\.toml"):
        ScriptedBackend(load_preset("scripted"))
