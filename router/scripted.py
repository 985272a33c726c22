"""A scripted provider: NOT a model. It speaks the OpenAI protocol with exact timing, for tests.

`python -m router.scripted` prints `{"port": N}` and serves on loopback until its standard input
closes. What it says comes from the TOML file named by `UPSHIFT_SCRIPT`, or else is forty numbered
words. `UPSHIFT_SCRIPT_SENT` names a file to which the wall-clock time of every word sent is
written, so that a measurement can compare it with what the browser painted.
"""

from __future__ import annotations

import json
import math
import os
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from data.config import load_toml
from data.records import Record

DEFAULT_WORDS = " ".join(f"word{number}" for number in range(1, 41))


class Reply(Record):
    """What to say to a message that contains `match` (and, if given, to the model `model`).

    `status` other than 200 is an HTTP error. `cut_after` closes the connection after so many words;
    `hang_after` stays silent after so many. Times are milliseconds. With `piece_chars` the text is sent
    in pieces of so many characters instead of words, so that markup is cut anywhere.
    """

    match: str = ""
    model: str = ""
    text: str = DEFAULT_WORDS
    first_token_ms: float = Field(default=300, ge=0)
    token_ms: float = Field(default=20, ge=0)
    status: int = 200
    cut_after: int | None = None
    hang_after: int | None = None
    piece_chars: int | None = Field(default=None, ge=1)

    def pieces(self) -> list[str]:
        """The text as it is sent, joined again it is the same text."""
        if self.piece_chars is None:
            return words_of(self.text)
        return [self.text[at : at + self.piece_chars] for at in range(0, len(self.text), self.piece_chars)]


class Script(Record):
    """The replies in order; the first that fits is said. Without a fit, the default reply."""

    replies: tuple[Reply, ...] = ()

    def reply_to(self, message: str, model: str) -> Reply:
        """The first reply whose `match` is in `message` and whose `model` is in `model`."""
        fits = (reply for reply in self.replies if reply.match in message and reply.model in model)
        return next(fits, Reply())


def load_script() -> Script:
    """The script named by `UPSHIFT_SCRIPT`, else an empty one. Raises ConfigError."""
    path = os.environ.get("UPSHIFT_SCRIPT")
    return load_toml(Path(path), Script) if path else Script()


def words_of(text: str) -> list[str]:
    """The text cut behind each run of white space; joined again it is the same text."""
    words: list[str] = []
    start = 0
    for position in range(1, len(text)):
        if text[position - 1].isspace() and not text[position].isspace():
            words.append(text[start:position])
            start = position
    return [*words, text[start:]] if text else []


class ScriptedServer(ThreadingHTTPServer):
    """The provider. `requests` is what it was asked; `left` the messages whose reader went away early."""

    daemon_threads = True

    def __init__(self, script: Script, sent_file: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.sent_file = sent_file
        self.requests: list[dict[str, Any]] = []
        self.left: list[str] = []

    def note_sent(self, word: str, at_s: float) -> None:
        """Write when `word` was sent, if anyone asked for it."""
        if self.sent_file:
            with Path(self.sent_file).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"word": word.strip(), "at_ms": at_s * 1000}) + "\n")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A token is one small write: without this, Nagle's algorithm would hold it back.
    disable_nagle_algorithm = True

    @property
    def provider(self) -> ScriptedServer:
        return cast(ScriptedServer, self.server)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests' output is not a server log."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.provider.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
        message = str(body["messages"][-1]["content"])
        reply = self.provider.script.reply_to(message, str(body["model"]))
        try:
            if reply.status != 200:
                self._refuse(reply.status)
            else:
                self._stream(reply, str(body["model"]), body)
        except OSError:  # the reader went away: that is how a stop arrives here
            self.close_connection = True
            self.provider.left.append(message)

    def _refuse(self, status: int) -> None:
        payload = json.dumps({"error": {"message": f"scripted error {status}", "type": "scripted"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _stream(self, reply: Reply, model: str, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        words = reply.pieces()
        due = time.perf_counter() + reply.first_token_ms / 1000
        for number, word in enumerate(words):
            if number == reply.cut_after:
                return
            if number == reply.hang_after:
                self._wait_until(math.inf)
            self._wait_until(due)
            self._send(model, {"role": "assistant", "content": word}, None)
            self.provider.note_sent(word, time.time())
            due += reply.token_ms / 1000
        self._send(model, {}, "stop")
        self._send_usage(model, body, len(words))
        self.wfile.write(b"data: [DONE]\n\n")

    def _wait_until(self, due: float) -> None:
        """Wait, but like a model notice at once that the reader went away. Raises OSError then."""
        while (wait := due - time.perf_counter()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(wait, 3600))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError("the reader went away")
            if readable:  # a reader that sends on has not gone
                time.sleep(min(wait, 1))

    def _send(self, model: str, delta: dict[str, str], finish_reason: str | None) -> None:
        self._chunk(model, [{"index": 0, "delta": delta, "finish_reason": finish_reason}])

    def _send_usage(self, model: str, body: dict[str, Any], output_tokens: int) -> None:
        input_tokens = sum(len(str(message["content"]).split()) for message in body["messages"])
        usage = {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}
        self._chunk(model, [], usage | {"total_tokens": input_tokens + output_tokens})

    def _chunk(self, model: str, choices: list[Any], usage: dict[str, int] | None = None) -> None:
        chunk: dict[str, Any] = {"id": "scripted", "object": "chat.completion.chunk", "created": 0}
        chunk |= {"model": model, "choices": choices} | ({"usage": usage} if usage else {})
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()


def main() -> int:
    """Serve until standard input closes. Prints the port as one JSON line."""
    server = ScriptedServer(load_script(), os.environ.get("UPSHIFT_SCRIPT_SENT"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)  # noqa: T201
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
