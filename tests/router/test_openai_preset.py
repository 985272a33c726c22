"""The hosted preset against a recording server: what is sent, where to, and when at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.events import Failed, FellBack, Finished, TextDelta
from data.presets import load_preset
from data.records import Message
from router.backends import HostedBackend, LocalBackend, backend_for
from router.call import Target
from router.litellm_client import Litellm
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import MakeServices, Provider, a_turn, all_events, joined, one

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
KEY = "sk-recorded"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_address_or_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "UPSHIFT_PRESET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, int]]:
    """Every address that this process connects to."""
    addresses: set[tuple[str, int]] = set()
    connect: Callable[..., None] = socket.socket.connect

    def recording(self: socket.socket, address: Any) -> None:
        addresses.add(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recording)
    return addresses


@pytest.fixture
def hosted(
    make_services: MakeServices, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Services:
    """The openai preset as a person would choose it, with its address turned to the recording server."""
    monkeypatch.setenv("UPSHIFT_PRESET", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", provider.api_base)
    monkeypatch.setenv("UPSHIFT_MODELS", str(tmp_path / "models"))
    preset = load_preset()
    return make_services(preset=preset, backend=backend_for(preset))


@pytest.mark.parametrize(("choice", "model"), [("fast", "gpt-4.1-mini"), ("heavy", "gpt-4.1")])
def test_each_tier_asks_its_own_model_with_the_key(
    hosted: Services,
    provider: Provider,
    connected: set[tuple[str, int]],
    tmp_path: Path,
    choice: str,
    model: str,
) -> None:
    provider.say(Reply(text="From far away.", **QUICK))
    hosted.start()
    events = all_events(a_turn("hello", choice=choice), hosted)
    assert isinstance(events[-1], Finished)
    assert joined(events) == "From far away."
    assert sum(isinstance(event, TextDelta) for event in events) == 3  # it streams
    assert len(provider.requests) == 1
    request = provider.requests[0]
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert request["body"]["model"] == model
    assert request["body"]["messages"][-1]["content"] == "hello"
    generation = events[-1].generations[0]
    assert (generation.provider_name, generation.request_model) == ("openai", model)
    assert connected == {("127.0.0.1", provider.server_port)}
    assert not (tmp_path / "models").exists()
    assert hosted.missing_weights() == []
    hosted.close()


def test_the_older_name_of_the_address_works_too(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_preset("openai").tier("fast")
    assert Target.hosted(model).api_base is None  # then it is the provider's own
    monkeypatch.setenv("OPENAI_API_BASE", provider.api_base)
    assert Target.hosted(model).api_base == provider.api_base


def test_without_a_key_nothing_is_sent_and_the_message_names_it(
    hosted: Services, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    events = all_events(a_turn("hello"), hosted)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.error_type == "MissingKey"
    assert "set OPENAI_API_KEY" in failed.message
    assert provider.requests == []


def test_a_refused_key_is_said_once_and_names_the_variable(hosted: Services, provider: Provider) -> None:
    provider.say(Reply(status=401))
    events = all_events(a_turn("hello"), hosted)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert "OPENAI_API_KEY" in failed.message
    assert KEY not in str(events)
    assert "scripted error" not in str(events)
    assert len(provider.requests) == 1, "the other tier has the same key"


def test_too_many_requests_go_to_the_other_model(hosted: Services, provider: Provider) -> None:
    provider.say(Reply(model="mini", status=429), Reply(text="Fine.", **QUICK))
    events = all_events(a_turn("hello"), hosted)
    assert one(events, FellBack).error_type == "RateLimitError"
    assert isinstance(events[-1], Finished)
    assert provider.models() == ["gpt-4.1-mini", "gpt-4.1"]


def test_a_closed_connection_does_not_harm_the_next_call(hosted: Services, provider: Provider) -> None:
    """The scripted provider hangs up after each answer; calls go on all the same."""
    provider.say(Reply(text="Fine.", **QUICK))
    for _ in range(3):
        assert isinstance(all_events(a_turn("hello"), hosted)[-1], Finished)
    assert len(provider.requests) == 3


def test_closing_the_services_closes_the_connections(
    hosted: Services, provider: Provider, litellm: Litellm
) -> None:
    provider.say(Reply(**QUICK))
    all_events(a_turn("hello"), hosted)
    before = litellm.openai_client(provider.api_base, KEY, False)
    assert not before.is_closed()
    hosted.close()
    assert before.is_closed()
    assert isinstance(all_events(a_turn("hello"), hosted)[-1], Finished)


# Text goes to a provider only when the person chose one.


def test_a_key_alone_chooses_nothing(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", provider.api_base)
    preset = load_preset()
    assert (preset.name, preset.kind) == ("local", "local")
    assert all(tier.api_base is None and not tier.key_env for tier in preset.tiers)


def test_another_preset_never_falls_back_to_a_hosted_one(
    make_services: MakeServices, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Provider(provider.script)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{recorder.server_port}/v1")
    recorder.timeout = 0.2  # type: ignore[assignment]
    provider.say(Reply(status=500))
    events = all_events(a_turn("private"), make_services())
    assert isinstance(events[-1], Failed)
    assert len(provider.requests) == 2
    recorder.handle_request()  # nobody is waiting in line
    assert recorder.requests == []
    recorder.server_close()
    assert KEY not in str(provider.requests)


def test_the_kind_of_a_preset_decides_what_is_started(tmp_path: Path) -> None:
    assert isinstance(backend_for(load_preset("openai")), HostedBackend)
    local = LocalBackend(load_preset("local"), tmp_path)
    assert [label for label, _ in local.missing_weights()]
    local.close()
    assert list(tmp_path.iterdir()) == []


def test_the_hosted_preset_loads_nothing_of_llama_cpp(tmp_path: Path) -> None:
    """Also the process stays free of it: people with a key need not pay for what they do not use."""
    code = (
        "import sys\n"
        "from router.services import build_services\n"
        "services = build_services()\n"
        "assert services.preset.name == 'openai', services.preset.name\n"
        "loaded = [name for name in ('xllamacpp', 'streamlit') if name in sys.modules]\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    environment = {
        **os.environ,
        "UPSHIFT_PRESET": "openai",
        "OPENAI_API_KEY": KEY,
        "UPSHIFT_MODELS": str(tmp_path / "models"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "models").exists()


def test_history_goes_to_the_provider_only_in_the_order_it_was_said(
    hosted: Services, provider: Provider
) -> None:
    provider.say(Reply(**QUICK))
    all_events(a_turn("and now?", before=("first", "answer")), hosted)
    assert [Message(**message).role for message in provider.prompts()[0]] == [
        *("system", "user", "assistant", "user")
    ]
