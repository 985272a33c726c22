"""`python -m router check`: what it says of models that answer, that refuse and that are not set up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data.presets import load_preset
from router.__main__ import COMMANDS
from router.check import QUESTION, check, main
from router.litellm_client import Litellm
from tests.router.providers import AnthropicMessages, Manner, OpenAIChat, RecordingServer, serving
from tests.router.test_providers import KEY, VARIABLES


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*VARIABLES, "UPSHIFT_PRESET"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def servers(clean: pytest.MonkeyPatch) -> Iterator[tuple[RecordingServer, RecordingServer]]:
    with serving(OpenAIChat()) as openai, serving(AnthropicMessages()) as anthropic:
        clean.setenv("OPENAI_BASE_URL", openai.url + "/v1")
        clean.setenv("ANTHROPIC_API_BASE", anthropic.url)
        clean.setenv("OPENAI_API_KEY", KEY)
        clean.setenv("ANTHROPIC_API_KEY", KEY)
        yield openai, anthropic


def checked(name: str, litellm: Litellm) -> tuple[bool, str]:
    lines: list[str] = []
    good = check(load_preset(name), lines.append, litellm)
    return good, "\n".join(lines)


def test_each_model_is_asked_once_and_what_came_back_is_said(
    servers: tuple[RecordingServer, RecordingServer], litellm: Litellm
) -> None:
    openai, anthropic = servers
    good, said = checked("posthog", litellm)
    assert good
    assert openai.models() == ["gpt-4.1-mini", "gpt-4.1"]
    assert anthropic.models() == ["claude-sonnet-4-6"]
    assert QUESTION in str(anthropic.requests[0].body)
    assert said.count('ok: "One two three."') == 3
    assert said.count("11 tokens read, 7 written; $") == 3
    assert "$0.40 read and $1.60 written per million tokens, list price by litellm" in said
    assert "first words 0." in said
    assert KEY not in said


def test_one_that_fails_is_said_and_the_others_are_still_asked(
    servers: tuple[RecordingServer, RecordingServer], litellm: Litellm
) -> None:
    openai, anthropic = servers
    openai.manner = Manner(status=401)
    good, said = checked("posthog", litellm)
    assert not good
    assert said.count("failed: ") == 2
    assert "GPT-4.1 mini refused the key. Check OPENAI_API_KEY" in said
    assert anthropic.models() == ["claude-sonnet-4-6"]


def test_an_empty_answer_is_no_answer(
    servers: tuple[RecordingServer, RecordingServer], litellm: Litellm
) -> None:
    servers[0].manner = Manner(pieces=(" ",))
    good, said = checked("openai", litellm)
    assert not good
    assert "gave an empty answer" in said


def test_what_is_not_set_is_named_and_nothing_is_sent(
    servers: tuple[RecordingServer, RecordingServer], clean: pytest.MonkeyPatch, litellm: Litellm
) -> None:
    clean.delenv("ANTHROPIC_API_KEY")
    good, said = checked("posthog", litellm)
    assert not good
    assert "failed: Claude Sonnet 4.6 needs a key: set ANTHROPIC_API_KEY" in said
    assert servers[1].requests == []
    clean.delenv("UPSHIFT_FAST_MODEL", raising=False)
    good, said = checked("openai-compatible", litellm)
    assert not good
    assert "set UPSHIFT_FAST_MODEL and UPSHIFT_OPENAI_BASE_URL" in said


def test_the_command_has_an_exit_status(
    servers: tuple[RecordingServer, RecordingServer], clean: pytest.MonkeyPatch
) -> None:
    assert COMMANDS["check"][0] == "router.check"
    said: list[str] = []
    assert main(["--preset", "openai"], said.append) == 0
    servers[0].manner = Manner(status=500)
    clean.setenv("UPSHIFT_PRESET", "openai")
    assert main([], said.append) == 1
    assert main(["--preset", "nonsense"], said.append) == 2
    assert "there is no such preset" in said[-1]
    assert main(["--nonsense"], said.append) == 2
