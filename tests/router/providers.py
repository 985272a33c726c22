"""Recording servers on loopback that speak the providers' protocols, for tests of the real client code.

A server is what its `Manner` says: it streams pieces, refuses, goes silent or hangs up. It is no model.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, cast

SECRET_WORDS = "the provider's own words with sk-leaked-0000"
PATIENCE_S = 60.0


@dataclass
class Manner:
    """How a server answers. `hold_before`: the piece before which it waits until `held` is set; `mute`:
    not even the headers come before that.

    `cut_before` hangs up there. Anything but status 200 is an error with the provider's own words.
    """

    pieces: tuple[str, ...] = ("One ", "two ", "three.")
    input_tokens: int = 11
    output_tokens: int = 7
    status: int = 200
    retry_after: str | None = None
    cut_before: int | None = None
    hold_before: int | None = None
    mute: bool = False
    held: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Request:
    """What a server was asked. Names of headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class Protocol:
    """One provider's protocol: what its stream looks like and how it says an error."""

    content_type: ClassVar[str] = "text/event-stream"

    def before(self, model: str) -> list[bytes]:
        """What comes before the text."""
        return []

    def piece(self, model: str, text: str) -> bytes:
        """A piece of text."""
        raise NotImplementedError

    def after(self, model: str, manner: Manner) -> list[bytes]:
        """The end, with the usage."""
        raise NotImplementedError

    def error(self, status: int) -> dict[str, Any]:
        """The body of an error."""
        return {"error": {"message": SECRET_WORDS, "type": "scripted", "code": status}}

    def model_of(self, request: Request) -> str:
        """The model that was asked for."""
        return str(request.body["model"])


def _sse(data: Mapping[str, Any], event: str | None = None) -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


class OpenAIChat(Protocol):
    """POST /v1/chat/completions."""

    def piece(self, model: str, text: str) -> bytes:
        return self._chunk(model, [{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    def after(self, model: str, manner: Manner) -> list[bytes]:
        read, wrote = manner.input_tokens, manner.output_tokens
        usage = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
        end = self._chunk(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
        return [end, self._chunk(model, [], usage), b"data: [DONE]\n\n"]

    def _chunk(self, model: str, choices: list[Any], usage: dict[str, int] | None = None) -> bytes:
        head = {"id": "chat-1", "object": "chat.completion.chunk", "created": 0, "model": model}
        return _sse({**head, "choices": choices, **({"usage": usage} if usage else {})})


class AnthropicMessages(Protocol):
    """POST /v1/messages."""

    def before(self, model: str) -> list[bytes]:
        message = {"id": "msg-1", "type": "message", "role": "assistant", "model": model, "content": []}
        usage = {"input_tokens": Manner().input_tokens, "output_tokens": 1}
        block = {"type": "text", "text": ""}
        return [
            _sse({"type": "message_start", "message": {**message, "usage": usage}}, "message_start"),
            _sse({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start"),
        ]

    def piece(self, model: str, text: str) -> bytes:
        delta = {"type": "text_delta", "text": text}
        return _sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")

    def after(self, model: str, manner: Manner) -> list[bytes]:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        usage = {"output_tokens": manner.output_tokens}
        return [
            _sse({"type": "content_block_stop", "index": 0}, "content_block_stop"),
            _sse({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta"),
            _sse({"type": "message_stop"}, "message_stop"),
        ]

    def error(self, status: int) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "scripted", "message": SECRET_WORDS}}


class GeminiStream(Protocol):
    """POST …/models/NAME:streamGenerateContent."""

    def piece(self, model: str, text: str) -> bytes:
        return self._chunk(model, text)

    def after(self, model: str, manner: Manner) -> list[bytes]:
        read, wrote = manner.input_tokens, manner.output_tokens
        usage = {"promptTokenCount": read, "candidatesTokenCount": wrote, "totalTokenCount": read + wrote}
        return [self._chunk(model, "", {"usageMetadata": usage}, "STOP")]

    def error(self, status: int) -> dict[str, Any]:
        return {"error": {"code": status, "message": SECRET_WORDS, "status": "SCRIPTED"}}

    def model_of(self, request: Request) -> str:
        return request.path.split("/models/")[-1].split(":")[0]

    def _chunk(
        self, model: str, text: str, more: dict[str, Any] | None = None, finish: str | None = None
    ) -> bytes:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        candidate |= {"finishReason": finish} if finish else {}
        return _sse({"candidates": [candidate], "modelVersion": model, "responseId": "r-1", **(more or {})})


class OllamaChat(Protocol):
    """POST /api/chat, one JSON object a line."""

    content_type: ClassVar[str] = "application/x-ndjson"

    def piece(self, model: str, text: str) -> bytes:
        return self._line(model, text, done=False)

    def after(self, model: str, manner: Manner) -> list[bytes]:
        counts = {"prompt_eval_count": manner.input_tokens, "eval_count": manner.output_tokens}
        return [self._line(model, "", done=True, done_reason="stop", **counts)]

    def error(self, status: int) -> dict[str, Any]:
        return {"error": SECRET_WORDS}

    def _line(self, model: str, text: str, **more: Any) -> bytes:
        message = {"role": "assistant", "content": text}
        line = {"model": model, "created_at": "2026-01-01T00:00:00Z", "message": message, **more}
        return json.dumps(line).encode() + b"\n"


class RecordingServer(ThreadingHTTPServer):
    """One provider. `requests` is what it was asked to write; `left` counts readers that went away early.

    `ollama_models` is what it says that it has, when it is asked as an Ollama; `asked_about_models`
    counts what litellm would ask an Ollama for each call, if it was let.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, protocol: Protocol, manner: Manner) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.protocol = protocol
        self.manner = manner
        self.requests: list[Request] = []
        self.left = 0
        self.ollama_models: list[str] = []
        self.asked_about_models = 0

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def models(self) -> list[str]:
        """The models that were asked, in order."""
        return [self.protocol.model_of(request) for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def provider(self) -> RecordingServer:
        return cast(RecordingServer, self.server)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._send(200, {"models": [{"name": name} for name in self.provider.ollama_models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/api/show":
            self.provider.asked_about_models += 1
            self._send(404, {})
            return
        request = Request(self.path, headers, body)
        self.provider.requests.append(request)
        try:
            self._answer(self.provider.protocol.model_of(request))
        except OSError:
            self.provider.left += 1
            self.close_connection = True

    def _answer(self, model: str) -> None:
        manner, protocol = self.provider.manner, self.provider.protocol
        if manner.status != 200:
            self._send(manner.status, protocol.error(manner.status), manner.retry_after)
            return
        if manner.mute:
            manner.held.wait(PATIENCE_S)
        self.send_response(200)
        self.send_header("Content-Type", protocol.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for frame in protocol.before(model):
            self._chunk(frame)
        for number, text in enumerate(manner.pieces):
            if number == manner.cut_before:
                self.close_connection = True
                return
            if number == manner.hold_before:
                self._hold(manner.held)
            self._chunk(protocol.piece(model, text))
        for frame in protocol.after(model, manner):
            self._chunk(frame)
        self.wfile.write(b"0\r\n\r\n")

    def _hold(self, held: threading.Event) -> None:
        """Wait, but notice like a model that the reader went away. Raises OSError then."""
        while not held.wait(0.01):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError("the reader went away")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _send(self, status: int, body: dict[str, Any], retry_after: str | None = None) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(payload)


@contextmanager
def serving(protocol: Protocol, manner: Manner | None = None) -> Iterator[RecordingServer]:
    """A server for as long as it is held."""
    server = RecordingServer(protocol, manner or Manner())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.manner.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
