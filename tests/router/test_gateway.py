"""One model call: what is sent, what is measured, what an error says, what a stop frees."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from data.presets import load_preset
from data.records import Message
from router import litellm_client
from router.call import Call, Target
from router.cancel import Cancel
from router.errors import ModelError, explain
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.scripted import Reply
from tests.router.conftest import PATIENCE_S, Provider, no_thread, until

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
MODEL = load_preset("scripted").tier("fast")
KEY = "sk-very-secret"


def a_call(provider: Provider, text: str = "my private words", **changes: Any) -> Call:
    model = MODEL.model_copy(update=changes)
    return Call(
        target=Target(model, provider.api_base, KEY, own_machine=True),
        messages=(Message(role="system", content="Be brief."), Message(role="user", content=text)),
        turn_id="turn",
        attempt=0,
        role="primary",
        received_s=0.0,
        output_tokens=123,
    )


def said(gateway: Gateway, call: Call) -> str:
    return "".join(piece.text for piece in gateway.stream(call, Cancel()))


@pytest.fixture
def gateway(litellm: Litellm) -> Gateway:
    return Gateway(litellm)


def test_the_request_carries_what_the_tier_says(gateway: Gateway, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    said(gateway, a_call(provider, temperature=0.25, seed=7))
    request = provider.requests[0]
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    body = request["body"]
    assert (body["model"], body["temperature"], body["seed"]) == ("scripted-fast", 0.25, 7)
    assert (body["max_tokens"], body["stream"]) == (123, True)
    assert body["stream_options"] == {"include_usage": True}
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "my private words"},
    ]


def test_without_temperature_and_seed_the_provider_decides(gateway: Gateway, provider: Provider) -> None:
    provider.say(Reply(**QUICK))
    said(gateway, a_call(provider))
    assert not {"temperature", "seed"} & set(provider.requests[0]["body"])


def test_the_text_is_what_was_sent_character_for_character(gateway: Gateway, provider: Provider) -> None:
    text = "  Ünï 🙂 code:\n\n```\n  x = 1\n```\nשלום\t. "
    provider.say(Reply(text=text, **QUICK))
    assert said(gateway, a_call(provider)) == text


ERRORS = [
    (401, "refused the key", "AuthenticationError"),
    (403, "refused the key", "APIError"),
    (404, "under the name openai/scripted-fast", "NotFoundError"),
    (429, "Wait a minute, then retry", "RateLimitError"),
    (400, "Start a new conversation", "BadRequestError"),
    (500, "(HTTP 500). Retry", "InternalServerError"),
    (503, "(HTTP 503). Retry", "ServiceUnavailableError"),
]


@pytest.mark.parametrize(("status", "advice", "kind"), ERRORS)
def test_an_error_says_what_to_do_and_nothing_of_the_provider(
    gateway: Gateway,
    provider: Provider,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    status: int,
    advice: str,
    kind: str,
) -> None:
    provider.say(Reply(status=status))
    call = a_call(provider, key_env="SOME_KEY")
    with caplog.at_level(logging.INFO), pytest.raises(ModelError) as caught:
        said(gateway, call)
    error = caught.value
    assert advice in error.message
    assert error.message.startswith("Scripted fast ")
    assert (error.http_status, error.error_type) == (status, kind)
    assert len(provider.requests) == 1, "nothing is asked again behind our back"
    generation = call.generation()
    assert (generation.http_status, generation.error_type) == (status, kind)
    if status in (401, 403):
        assert "Check SOME_KEY" in error.message
    everything = error.message + caplog.text + "".join(capfd.readouterr())
    for secret in (KEY, "scripted error", "my private words"):
        assert secret not in everything


def test_nobody_there_is_not_called_an_http_error(gateway: Gateway, provider: Provider) -> None:
    call = a_call(provider)
    provider.shutdown()
    provider.server_close()
    with pytest.raises(ModelError, match=r"The connection to Scripted fast broke\. Retry") as caught:
        said(gateway, call)
    assert (caught.value.error_type, caught.value.http_status) == ("ConnectError", None)


def test_a_cut_is_not_taken_for_an_end(gateway: Gateway, provider: Provider) -> None:
    provider.say(Reply(text="one two three", cut_after=2, **QUICK))
    call = a_call(provider)
    heard: list[str] = []
    with pytest.raises(ModelError, match="text so far is kept") as caught:
        heard += (piece.text for piece in gateway.stream(call, Cancel()))
    assert caught.value.http_status is None
    assert call.chunk_times_s


def test_unknown_errors_are_explained_without_their_words() -> None:
    error = explain(ValueError(f"bad {KEY}"), MODEL)
    assert error.error_type == "ValueError"
    assert KEY not in error.message
    assert "Retry" in error.message
    assert explain(error, MODEL) is error


def test_the_words_of_a_timeout_offer_the_other_model() -> None:
    assert "other model" in explain(httpx.ReadTimeout("slow"), MODEL).message


def test_a_reader_that_walks_away_frees_the_model(gateway: Gateway, provider: Provider) -> None:
    provider.say(Reply(text="one two three", hang_after=1, **QUICK))
    stream = gateway.stream(a_call(provider), Cancel())
    assert next(piece.text for piece in stream if piece.text) == "one "
    stream.close()  # type: ignore[attr-defined]
    until(lambda: provider.left)
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("model-")])


def test_a_call_that_was_cancelled_before_it_began_ends_at_once(gateway: Gateway, provider: Provider) -> None:
    provider.say(Reply(first_token_ms=3_600_000))
    cancel = Cancel()
    cancel.ask("person")
    assert list(gateway.stream(a_call(provider), cancel)) == []
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("model-")])


def test_two_calls_at_once_are_not_stopped_together(gateway: Gateway, provider: Provider) -> None:
    provider.say(
        Reply(match="first", text="a b", hang_after=1, **QUICK), Reply(text="c d e", first_token_ms=300)
    )
    first = gateway.stream(a_call(provider, "first"), Cancel())
    next(first)
    heard: list[str] = []
    other = threading.Thread(target=lambda: heard.append(said(gateway, a_call(provider, "second"))))
    other.start()
    until(lambda: len(provider.requests) == 2)
    first.close()  # type: ignore[attr-defined]
    other.join(PATIENCE_S)
    assert heard == ["c d e"]


def test_text_for_this_machine_never_goes_through_a_proxy(
    gateway: Gateway, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            caught.append(self.path)
            self.send_error(502)

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is for the test."""

    proxy = HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    provider.say(Reply(text="Here.", **QUICK))
    try:
        assert said(gateway, a_call(provider)) == "Here."
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
    assert caught == []


def test_without_the_client_library_the_message_says_so(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> Any:
        raise ImportError("no such thing")

    monkeypatch.setattr(litellm_client, "_import_litellm", missing)
    with pytest.raises(ModelError, match=r"ImportError.*install the requirements again") as caught:
        said(Gateway(Litellm()), a_call(provider))
    assert caught.value.error_type == "ClientLibrary"
    assert "no such thing" in caplog.text


def test_an_import_whose_thread_could_not_be_started_begins_with_the_next_call() -> None:
    litellm = Litellm()
    with no_thread("litellm-import"), pytest.raises(RuntimeError, match="can't start new thread"):
        litellm.start()
    assert not litellm.ready
    assert litellm.module(timeout_s=30) is not None
    assert litellm.ready


def test_a_failed_warm_up_costs_no_answer(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> None:
        raise RuntimeError("no warm-up")

    monkeypatch.setattr(litellm_client, "_warm_up", fails)
    provider.say(Reply(text="Here.", **QUICK))
    assert said(Gateway(Litellm()), a_call(provider)) == "Here."


def test_importing_asks_nothing_of_the_network_and_warms_up(litellm: Litellm) -> None:
    assert litellm.ready
    module = litellm.module()
    assert module.disable_streaming_logging
    assert module.suppress_debug_info
    litellm.start()
    assert litellm.module() is module
