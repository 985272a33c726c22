"""litellm, imported in the background and set up so that it is quick and keeps quiet.

The import takes seconds, so it happens in a thread while the page is already usable; the first
call takes most of another second, so one is made through a transport that stays in the process.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx

from router.errors import ModelError

LOG = logging.getLogger("upshift.gateway")

# Read at import: no price list or header list from the network, no .env file, no chatter.
ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
}
WARM_UP_REPLY = (
    'data: {"id":"0","object":"chat.completion.chunk","created":0,"model":"warm-up","choices":'
    '[{"index":0,"delta":{"role":"assistant","content":"ready"},"finish_reason":null}]}\n\n'
    'data: {"id":"0","object":"chat.completion.chunk","created":0,"model":"warm-up","choices":'
    '[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    "data: [DONE]\n\n"
)

_on_connect: contextvars.ContextVar[Callable[[Connection], None] | None] = contextvars.ContextVar(
    "on_connect", default=None
)


class Litellm:
    """The litellm module, once it is there."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._module: Any = None
        self._error: BaseException | None = None
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None
        self._clients: dict[tuple[str | None, str, bool], Any] = {}
        self._handlers: dict[bool, Any] = {}
        self._clients_lock = threading.Lock()

    def start(self) -> None:
        """Import and warm up in the background; a second call does nothing."""
        with self._started:
            if self._thread is None:
                # Kept once it runs: if it cannot be started, the next call tries again.
                thread = threading.Thread(target=self._load, name="litellm-import", daemon=True)
                thread.start()
                self._thread = thread

    @property
    def ready(self) -> bool:
        """Whether a call can be made without waiting for the import."""
        return self._ready.is_set()

    def module(self, timeout_s: float = 120) -> Any:
        """The litellm module, waiting for it. Raises ModelError if it could not be imported."""
        self.start()
        self._ready.wait(timeout_s)
        if self._module is None:
            why = type(self._error).__name__ if self._error else f"not within {timeout_s:.0f} s"
            advice = (
                f"The client library litellm could not be imported ({why}). Start Upshift again; if that "
                "does not help, install the requirements again."
            )
            raise ModelError("ClientLibrary", advice) from self._error
        return self._module

    def openai_client(self, api_base: str | None, api_key: str, own_machine: bool) -> Any:
        """A client of the OpenAI protocol for this address and key; made once and used again."""
        with self._clients_lock:
            key = (api_base, api_key, own_machine)
            if key not in self._clients:
                self._clients[key] = _new_client(*key)
            return self._clients[key]

    def http_handler(self, own_machine: bool) -> Any:
        """litellm's client for every protocol but OpenAI's, over connections that we can see and close."""
        with self._clients_lock:
            if own_machine not in self._handlers:
                from litellm.llms.custom_httpx.http_handler import HTTPHandler

                self._handlers[own_machine] = HTTPHandler(client=_http_client(own_machine))
            return self._handlers[own_machine]

    def know_ollama_model(self, name: str) -> None:
        """Tell litellm of an Ollama model; else it asks some server about it for each call."""
        prices = self.module().model_cost
        if name not in prices:
            free = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
            prices[name] = {"litellm_provider": name.split("/")[0], "mode": "chat", **free}

    def close(self) -> None:
        """Close the connections that are kept for later calls."""
        with self._clients_lock:
            clients, self._clients = list(self._clients.values()), {}
            handlers, self._handlers = list(self._handlers.values()), {}
        for client in (*clients, *(handler.client for handler in handlers)):
            client.close()

    def _load(self) -> None:
        os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
        try:
            self._module = _import_litellm()
            _warm_up(self._module)
        except Exception as error:  # of a warm-up: then the first answer waits for what it would have loaded
            LOG.exception("litellm could not be imported and warmed up")
            self._error = error
        finally:
            self._ready.set()


def _import_litellm() -> Any:
    import litellm

    litellm.suppress_debug_info = True
    # Measured by the project: with it, chunks of eight streams lag by up to 200 ms.
    litellm.disable_streaming_logging = True
    return litellm


def _warm_up(litellm: Any) -> None:
    """One call through a transport inside the process: loads what the first call would load."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=WARM_UP_REPLY)

    import openai

    with httpx.Client(transport=httpx.MockTransport(answer)) as transport:
        client = openai.OpenAI(
            api_key="none", base_url="http://warm-up", max_retries=0, http_client=transport
        )
        for _ in litellm.completion(
            model="openai/warm-up",
            messages=[{"role": "user", "content": "ready?"}],
            stream=True,
            stream_options={"include_usage": True},
            client=client,
        ):
            pass


def _new_client(api_base: str | None, api_key: str, own_machine: bool) -> Any:
    """A client of the OpenAI protocol."""
    import openai

    return openai.OpenAI(
        base_url=api_base, api_key=api_key, max_retries=0, http_client=_http_client(own_machine)
    )


def _http_client(own_machine: bool) -> httpx.Client:
    """Connections that tell `watching_connection` about their sockets.

    On our own machine every call has a connection of its own, which is free on loopback and lets a
    stop cut exactly that call; and no proxy of the environment is used, or text would leave the machine.
    """
    return httpx.Client(
        event_hooks={"request": [_trace], "response": [_note_response]},
        limits=httpx.Limits(max_keepalive_connections=0) if own_machine else httpx.Limits(),
        timeout=600,
        trust_env=not own_machine,
    )


class Connection:
    """A call's socket, and whether the call is still using it: afterwards it may be another call's."""

    def __init__(self, connection: socket.socket, response: httpx.Response | None = None) -> None:
        self._socket = connection
        self._response = response

    def cut(self) -> None:
        """Wake whoever waits on the socket; closing alone would not."""
        if self._response is not None and self._response.is_closed:
            return
        with contextlib.suppress(OSError):  # already closed: that is what was wanted
            self._socket.shutdown(socket.SHUT_RDWR)

    def give_back(self) -> None:
        """Close the response, whole or not: an abandoned one holds on to the connection pool for good."""
        if self._response is not None:
            self._response.close()


def watching_connection(on_connect: Callable[[Connection], None]) -> None:
    """In this thread, call `on_connect` when a connection is opened and when a response begins on one."""
    _on_connect.set(on_connect)


def _trace(request: httpx.Request) -> None:
    """Ask httpx to report its steps: the socket is how a stop reaches a read that is under way."""
    on_connect = _on_connect.get()
    if on_connect is None:
        return

    def note(name: str, info: dict[str, Any]) -> None:
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            on_connect(Connection(info["return_value"].get_extra_info("socket")))

    request.extensions["trace"] = note


def _note_response(response: httpx.Response) -> None:
    """A kept connection is not opened again, so the beginning of its response is what tells of it."""
    on_connect = _on_connect.get()
    stream = response.extensions.get("network_stream")
    if on_connect is not None and stream is not None:
        on_connect(Connection(stream.get_extra_info("socket"), response))
