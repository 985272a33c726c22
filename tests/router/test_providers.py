"""Every preset over the real client code, against servers that speak the providers' protocols."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from data.events import Event, Failed, FellBack, Finished, Routed, Stopped, TextDelta
from data.presets import Preset, load_preset
from data.records import Message
from router.answer import answer
from router.backends import backend_for
from router.call import Call, Target
from router.cancel import Cancel
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.services import Services, decider_for
from tests.router.conftest import MakeServices, a_turn, all_events, joined, one, until
from tests.router.providers import (
    SECRET_WORDS,
    AnthropicMessages,
    GeminiStream,
    Manner,
    OllamaChat,
    OpenAIChat,
    Protocol,
    RecordingServer,
    serving,
)

KEY = "sk-very-secret-0123456789"
PRIVATE = "my private words"
# Everything that the environment of whoever runs the tests could say about providers.
VARIABLES = (
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    *("GEMINI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_BASE"),
    *("OLLAMA_API_BASE", "OLLAMA_HOST", "OLLAMA_API_KEY"),
    *("UPSHIFT_OPENAI_BASE_URL", "UPSHIFT_OPENAI_KEY", "UPSHIFT_FAST_MODEL", "UPSHIFT_HEAVY_MODEL"),
)


@dataclass(frozen=True)
class Provider:
    """A provider's protocol, and how its preset is pointed at a server and given a key."""

    protocol: type[Protocol]
    address_env: str
    key_env: str
    suffix: str = ""
    key_header: tuple[str, str] = ("authorization", f"Bearer {KEY}")
    path: str = "/v1/chat/completions"


OPENAI = Provider(OpenAIChat, "OPENAI_BASE_URL", "OPENAI_API_KEY", "/v1")
ANTHROPIC = Provider(
    AnthropicMessages,
    "ANTHROPIC_API_BASE",
    "ANTHROPIC_API_KEY",
    key_header=("x-api-key", KEY),
    path="/v1/messages",
)
GEMINI = Provider(
    GeminiStream,
    "GEMINI_API_BASE",
    "GEMINI_API_KEY",
    key_header=("x-goog-api-key", KEY),
    path=":streamGenerateContent?alt=sse",
)
OLLAMA = Provider(OllamaChat, "OLLAMA_API_BASE", "OLLAMA_API_KEY", path="/api/chat")
COMPATIBLE = Provider(OpenAIChat, "UPSHIFT_OPENAI_BASE_URL", "UPSHIFT_OPENAI_KEY", "/v1")
PROVIDERS = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "ollama": OLLAMA,
    "openai-compatible": COMPATIBLE,
}


@dataclass
class World:
    """A preset with its servers, by provider."""

    preset: Preset
    services: Services
    servers: dict[type[Protocol], RecordingServer] = field(default_factory=dict)

    @property
    def server(self) -> RecordingServer:
        return next(iter(self.servers.values()))

    def behave(self, manner: Manner) -> None:
        for server in self.servers.values():
            server.manner = manner

    def asked(self) -> list[str]:
        return [name for server in self.servers.values() for name in server.models()]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UPSHIFT_FAST_MODEL", "org/small-model")
    monkeypatch.setenv("UPSHIFT_HEAVY_MODEL", "org/large-model")
    return monkeypatch


class Worlds:
    """Makes worlds, and ends them with the test."""

    def __init__(self, make: MakeServices, env: pytest.MonkeyPatch, stack: ExitStack) -> None:
        self._make = make
        self._env = env
        self._stack = stack

    def of(self, name: str, **tiers: object) -> World:
        """The preset called `name`; `tiers` changes keys of each of its tiers."""
        chosen = [OPENAI, ANTHROPIC] if name == "posthog" else [PROVIDERS[name]]
        servers = {item.protocol: self._stack.enter_context(serving(item.protocol())) for item in chosen}
        for item in chosen:
            self._env.setenv(item.address_env, servers[item.protocol].url + item.suffix)
            self._env.setenv(item.key_env, KEY)
        preset = load_preset(name)
        preset = preset.model_copy(
            update={"tiers": tuple(tier.model_copy(update=tiers) for tier in preset.tiers)}
        )
        for server in servers.values():
            server.ollama_models = [tier.model_name for tier in preset.tiers]
        services = self._make(preset=preset, backend=backend_for(preset), decider=decider_for(preset))
        return World(preset, services, servers)


@pytest.fixture
def worlds(make_services: MakeServices, clean: pytest.MonkeyPatch) -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(make_services, clean, stack)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("model-")])


every_provider = pytest.mark.parametrize("name", list(PROVIDERS))


@every_provider
@pytest.mark.parametrize("tier", ["fast", "heavy"])
def test_each_tier_asks_its_own_model_in_the_providers_own_protocol(
    worlds: Worlds, name: str, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds.of(name)
    connected: set[tuple[str, int]] = set()
    connect = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, address: (connected.add(address), connect(self, address))[1]
    )
    events = all_events(a_turn(PRIVATE, choice=tier), world.services)
    assert isinstance(events[-1], Finished)
    assert joined(events) == "One two three."
    assert world.asked() == [world.preset.tier(tier).model_name]
    request = world.server.requests[0]
    assert request.path.endswith(PROVIDERS[name].path)
    header, value = PROVIDERS[name].key_header
    assert request.headers[header] == value
    assert PRIVATE in str(request.body)
    assert "You help people who use Sketchpad." in str(request.body)
    assert KEY not in request.path
    assert world.server.asked_about_models == 0
    assert connected == {("127.0.0.1", world.server.server_port)}, "and nobody else is contacted"


@every_provider
def test_tokens_and_price_are_what_provider_and_list_say(worlds: Worlds, name: str) -> None:
    world = worlds.of(name)
    finished = all_events(a_turn(choice="heavy"), world.services)[-1]
    assert isinstance(finished, Finished)
    (generation,) = finished.generations
    assert (generation.input_tokens, generation.output_tokens) == (11, 7)
    assert generation.finish_reason == "stop"
    model = world.preset.tier("heavy")
    if name == "ollama":
        assert (generation.cost_usd, generation.price_source) == (0.0, "local")
    elif name == "openai-compatible":
        assert (generation.cost_usd, generation.price_source) == (None, None)
    else:
        prices = world.services.gateway.litellm.module().model_cost
        entry = prices.get(model.model) or prices[model.model_name]
        cost = 11 * entry["input_cost_per_token"] + 7 * entry["output_cost_per_token"]
        assert generation.cost_usd == pytest.approx(cost)
        assert cost > 0
        assert generation.price_source == "litellm 1.106.2"


@every_provider
def test_the_first_words_are_there_before_the_last_are_sent(worlds: Worlds, name: str) -> None:
    world = worlds.of(name)
    manner = Manner(hold_before=1)
    world.behave(manner)
    said: list[str] = []
    for event in answer(a_turn(choice="fast"), world.services, Cancel()):
        if isinstance(event, TextDelta):
            said.append(event.text)
            manner.held.set()  # only now may the server go on: without streaming this would hang
    assert said[0] == "One "
    assert "".join(said) == "One two three."


TELLING = [
    (401, None, "refused the key"),
    (403, None, "refused the key"),
    (404, None, ""),
    (429, "17", "Wait 17 seconds, then retry"),
    (429, "soon", "Wait a minute, then retry"),
    (500, None, "has trouble of its own (HTTP 500). Retry"),
    (503, None, "has trouble of its own (HTTP 503). Retry"),
]


@every_provider
@pytest.mark.parametrize(("status", "retry_after", "told"), TELLING)
def test_a_refusal_is_told_in_plain_words(
    worlds: Worlds,
    name: str,
    status: int,
    retry_after: str | None,
    told: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    world = worlds.of(name)
    world.behave(Manner(status=status, retry_after=retry_after))
    with caplog.at_level(logging.INFO):
        events = all_events(a_turn(PRIVATE, choice="fast"), world.services)
    failed = events[-1]
    assert isinstance(failed, Failed)
    model = world.preset.tier("fast")
    asked_first = next((event for event in events if isinstance(event, FellBack)), failed)
    if status == 404:
        told = "ollama pull" if name == "ollama" else f"not found under the name {model.model}"
    assert told in asked_first.message
    if status in (401, 403):
        assert str(model.key_env) in failed.message
        assert world.asked() == [model.model_name], "the same key is not tried again"
    else:
        assert model.label in asked_first.message or name == "ollama"
        assert world.asked() == [tier.model_name for tier in world.preset.tiers]
    assert failed.http_status == status
    assert {generation.http_status for generation in failed.generations} == {status}
    everything = str([event for event in events if not isinstance(event, Routed)])
    everything += caplog.text + "".join(capfd.readouterr())
    for secret in (KEY, SECRET_WORDS, "sk-leaked", PRIVATE, "Traceback"):
        assert secret not in everything


@every_provider
def test_a_cut_in_mid_stream_is_no_end(worlds: Worlds, name: str) -> None:
    world = worlds.of(name)
    world.behave(Manner(cut_before=2))
    events = all_events(a_turn(choice="fast"), world.services)
    failed = events[-1]
    assert isinstance(failed, Failed)
    label = world.preset.tier("fast").label
    assert failed.message == f"The connection to {label} broke. Retry. The text so far is kept."
    assert (failed.text, failed.http_status) == ("One two ", None)
    assert len(world.asked()) == 1, "after the first words nothing else takes over"


@every_provider
@pytest.mark.parametrize(("silent_before", "told"), [(0, "did not answer"), (1, "went silent in the middle")])
def test_silence_ends_and_frees_the_provider(
    worlds: Worlds, name: str, silent_before: int, told: str
) -> None:
    world = worlds.of(name, stall_timeout_s=0.3, first_chunk_timeout_s=0.3)
    world.behave(Manner(hold_before=silent_before))
    events = all_events(a_turn(choice="heavy"), world.services)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.error_type == "Timeout"
    assert told in str([getattr(event, "message", "") for event in events])
    until(lambda: world.server.left == len(world.asked()))


@every_provider
def test_a_stop_frees_the_provider_while_it_is_silent(worlds: Worlds, name: str) -> None:
    world = worlds.of(name)
    world.behave(Manner(hold_before=1))
    cancel = Cancel()
    events: list[Event] = []
    for event in answer(a_turn(choice="fast"), world.services, cancel):
        events.append(event)
        if isinstance(event, TextDelta):
            cancel.ask("person")
    assert isinstance(events[-1], Stopped)
    assert events[-1].text == "One "
    until(lambda: world.server.left == 1)


@every_provider
def test_stopped_and_whole_answers_by_turns_leave_nothing_behind(worlds: Worlds, name: str) -> None:
    world = worlds.of(name)
    for number in range(12):
        world.behave(Manner(hold_before=1 if number % 2 else None))
        cancel = Cancel()
        for event in answer(a_turn(choice="fast"), world.services, cancel):
            if number % 2 and isinstance(event, TextDelta):
                cancel.ask("person")
    until(lambda: world.server.left == 6)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("model-")])
    until(lambda: open_connections(world.services.gateway.litellm) == 0)


def open_connections(litellm: Litellm) -> int:
    """Connections in the pools that a call still holds."""
    clients = [client._client for client in litellm._clients.values()]
    clients += [handler.client for handler in litellm._handlers.values()]
    pools = [client._transport._pool for client in clients]
    return sum(not connection.is_idle() for pool in pools for connection in pool.connections)


@every_provider
def test_a_kept_connection_is_cut_too_and_only_its_own_call(
    worlds: Worlds, name: str, litellm: Litellm
) -> None:
    world = worlds.of(name)
    model = world.preset.tier("fast")
    here = Target.hosted(model)
    far = Target(model, here.api_base, here.api_key, own_machine=False)  # as if it were another machine

    def a_call(text: str) -> Call:
        return Call(
            target=far,
            messages=(Message(role="user", content=text),),
            turn_id="turn",
            attempt=0,
            role="primary",
            received_s=0.0,
            output_tokens=50,
        )

    gateway = Gateway(litellm)
    for _ in range(2):  # the second goes over the connection of the first
        assert "".join(piece.text for piece in gateway.stream(a_call("whole"), Cancel())) == "One two three."
    held = Manner(hold_before=1)
    world.behave(held)
    stopped, other = gateway.stream(a_call("stopped"), Cancel()), gateway.stream(a_call("other"), Cancel())
    assert next(piece.text for piece in stopped if piece.text) == "One "
    assert next(piece.text for piece in other if piece.text) == "One "
    stopped.close()  # type: ignore[attr-defined]
    until(lambda: world.server.left == 1)
    held.held.set()
    assert "".join(piece.text for piece in other) == "two three."
    litellm.close()


@every_provider
def test_a_stop_before_a_kept_connection_answers_leaves_at_once_and_leaks_nothing(
    worlds: Worlds, name: str, litellm: Litellm
) -> None:
    world = worlds.of(name)
    model = world.preset.tier("fast")
    here = Target.hosted(model)
    far = Target(model, here.api_base, here.api_key, own_machine=False)
    gateway = Gateway(litellm)
    question = (Message(role="user", content="hello"),)

    def a_call() -> Call:
        return Call(far, question, "turn", 0, "primary", received_s=0.0, output_tokens=50)

    list(gateway.stream(a_call(), Cancel()))
    mute = Manner(mute=True)
    world.behave(mute)
    cancel = Cancel()
    threading.Timer(0.2, cancel.ask, ("person",)).start()
    assert list(gateway.stream(a_call(), cancel)) == []  # back, though the server still says nothing
    mute.held.set()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("model-")])
    until(lambda: open_connections(litellm) == 0)
    litellm.close()


THREE_TIERS = [
    ("translate to German: the meeting is at noon", "gpt-4.1-mini", OpenAIChat),
    ("write a python function that merges two sorted lists", "gpt-4.1", OpenAIChat),
    (
        "solve the integral of x^2 * exp(x) from 0 to 1 and show every step",
        "claude-sonnet-4-6",
        AnthropicMessages,
    ),
    (
        "plan a migration of our 40 services from one region to another in six weeks",
        "claude-sonnet-4-6",
        AnthropicMessages,
    ),
]


@pytest.mark.parametrize(("text", "model", "protocol"), THREE_TIERS)
def test_with_three_tiers_the_task_decides_which_provider_is_asked(
    worlds: Worlds, text: str, model: str, protocol: type[Protocol]
) -> None:
    world = worlds.of("posthog")
    events = all_events(a_turn(text, choice=None), world.services)
    assert isinstance(events[-1], Finished)
    assert world.servers[protocol].models() == [model]
    assert world.asked() == [model], "and nobody else is"
    assert one(events, Routed).request_model == model


def test_where_the_heavy_provider_fails_the_middle_one_answers_and_says_so(worlds: Worlds) -> None:
    world = worlds.of("posthog")
    world.servers[AnthropicMessages].manner = Manner(status=401)
    events = all_events(a_turn(choice="heavy"), world.services)
    fell_back = one(events, FellBack)
    assert (fell_back.from_tier, fell_back.to_tier) == ("heavy", "middle")
    assert "ANTHROPIC_API_KEY" in fell_back.message
    assert joined(events) == "One two three."


@pytest.mark.parametrize(
    ("manner", "asked"),
    [
        (Manner(status=401), ["gpt-4.1-mini", "claude-sonnet-4-6"]),
        (Manner(status=500), ["gpt-4.1-mini", "gpt-4.1", "claude-sonnet-4-6"]),
    ],
)
def test_where_one_provider_is_down_the_other_one_answers(
    worlds: Worlds, manner: Manner, asked: list[str]
) -> None:
    world = worlds.of("posthog")
    world.servers[OpenAIChat].manner = manner
    events = all_events(a_turn(choice="fast"), world.services)
    assert isinstance(events[-1], Finished)
    assert world.asked() == asked


def test_a_server_without_a_key_is_asked_without_one(worlds: Worlds, clean: pytest.MonkeyPatch) -> None:
    world = worlds.of("openai-compatible")
    clean.delenv("UPSHIFT_OPENAI_KEY")
    clean.setenv("OPENAI_API_KEY", "sk-of-another-provider")
    assert isinstance(all_events(a_turn(choice="fast"), world.services)[-1], Finished)
    assert "sk-of-another-provider" not in str(world.server.requests[0].headers)


def test_an_ollama_that_is_not_there_says_what_to_do(worlds: Worlds) -> None:
    world = worlds.of("ollama")
    world.server.shutdown()
    world.server.server_close()
    failed = all_events(a_turn(choice="fast"), world.services)[-1]
    assert isinstance(failed, Failed)
    assert failed.message.startswith(f"Ollama does not answer at {world.server.url}. Start it (ollama serve)")
    assert "org/small-model, org/large-model" in failed.message


def test_an_ollama_elsewhere_is_not_asked_while_a_page_is_drawn(
    worlds: Worlds, clean: pytest.MonkeyPatch
) -> None:
    world = worlds.of("ollama")
    clean.setattr("router.ollama.is_this_machine", lambda _: False)
    clean.setattr("router.ollama._ask", lambda _: pytest.fail("asked"))
    assert world.services.backend.wait("fast", 0) is None
    world.server.shutdown()
    world.server.server_close()
    events = all_events(a_turn(choice="fast"), world.services)
    assert isinstance(events[-1], Failed)
    assert events[-1].message.startswith(f"Ollama does not answer at {world.server.url}.")


def test_an_ollama_without_the_model_says_what_to_pull(worlds: Worlds) -> None:
    world = worlds.of("ollama")
    world.server.ollama_models = ["org/large-model:latest"]
    events = all_events(a_turn(choice="fast"), world.services)
    assert "ollama pull org/small-model" in one(events, FellBack).message
    assert world.asked() == ["org/large-model"]
    assert isinstance(events[-1], Finished)


def test_ollama_gets_the_window_that_the_preset_counts_on(worlds: Worlds) -> None:
    world = worlds.of("ollama")
    all_events(a_turn(choice="fast"), world.services)
    assert world.server.requests[0].body["options"]["num_ctx"] == world.preset.tier("fast").context_tokens
