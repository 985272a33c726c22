"""Idle reading: prompts that are likely to come are read by the models before anybody sends them.

llama.cpp keeps what it has read, so that a prompt which was read in advance gives its first token at
once; it is still answered live. Reading stops the moment that a real answer needs the processor.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

from data.records import Message, Record
from router.local.errors import LocalModelError
from router.local.states import Endpoint, TierStatus

_TIMEOUT_S = 300.0
_LOOK_AGAIN_S = 0.2
_log = logging.getLogger(__name__)


class Models(Protocol):
    """What a warmer needs of the local models."""

    def status(self, tier: str) -> TierStatus:
        """Where the tier is."""

    def endpoint(self, tier: str) -> Endpoint:
        """Where the tier answers. Raises LocalModelError while it does not."""


class _Job(Record):
    tier: str
    messages: tuple[Message, ...]


class Warmer:
    """Reads queued prompts while nothing is being answered; one at a time, lowest `order` first.

    `idle_s`: how long after an answer nothing is read, since another message may follow at once.
    """

    def __init__(self, models: Models, *, idle_s: float = 0.3) -> None:
        self._models, self._idle_s = models, idle_s
        self._changed = threading.Condition()
        self._queue: list[tuple[int, int, _Job]] = []
        self._count = itertools.count()
        self._answering = 0
        self._reading: _Reading | None = None
        self._finished = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def finished(self) -> int:
        """How many prompts were read to their end."""
        return self._finished

    @property
    def is_reading(self) -> bool:
        """Whether a prompt is being read now."""
        return self._reading is not None

    @property
    def waiting(self) -> int:
        """How many prompts are queued or being read."""
        with self._changed:
            return len(self._queue) + (self._reading is not None)

    def read(self, tier: str, messages: Sequence[Message], *, order: int = 0) -> None:
        """Queue a prompt exactly as it would be sent; one that is queued already is not queued twice."""
        job = _Job(tier=tier, messages=tuple(messages))
        with self._changed:
            if self._closing.is_set() or any(queued == job for _, _, queued in self._queue):
                return
            heapq.heappush(self._queue, (order, next(self._count), job))
            if self._thread is None:
                # Kept once it runs: if it cannot be started, the next prompt tries again.
                thread = threading.Thread(target=self._work, name="upshift-warmer", daemon=True)
                thread.start()
                self._thread = thread
            self._changed.notify_all()

    def clear(self, tier: str | None = None) -> None:
        """Forget what is queued, for one tier or for all; a reading under way goes on."""
        with self._changed:
            self._queue = [entry for entry in self._queue if tier is not None and entry[2].tier != tier]
            heapq.heapify(self._queue)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Hold this while a real answer is made: nothing is read, and a reading under way is cut off."""
        with self._changed:
            self._answering += 1
            if self._reading:
                self._reading.cut()
        try:
            yield
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Stop reading for good."""
        self._closing.set()
        with self._changed:
            self._queue.clear()
            if self._reading:
                self._reading.cut()
            self._changed.notify_all()
        if self._thread:
            self._thread.join(2)

    def _work(self) -> None:
        while not self._closing.is_set():
            entry = self._take()
            if entry is None:
                continue
            _, _, job = entry
            done = self._read_one(job)
            with self._changed:
                self._reading = None
                if done:
                    self._finished += 1
                elif not self._closing.is_set():
                    # Cut off: what was read so far stays with the model, so the next try starts there.
                    heapq.heappush(self._queue, entry)
                self._changed.notify_all()

    def _take(self) -> tuple[int, int, _Job] | None:
        """The next prompt whose model is there, None if there is none yet."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing.is_set() or bool(self._queue and not self._answering)
            )
        if self._closing.wait(self._idle_s):
            return None
        with self._changed:
            if self._answering or self._closing.is_set():
                return None
            for entry in sorted(self._queue):
                if self._models.status(entry[2].tier).state == "ready":
                    self._queue.remove(entry)
                    heapq.heapify(self._queue)
                    self._reading = _Reading()
                    return entry
        # No model is there: look again from time to time.
        self._closing.wait(_LOOK_AGAIN_S)
        return None

    def _read_one(self, job: _Job) -> bool:
        """Whether the prompt is done with: read, or refused for good."""
        reading = self._reading
        assert reading is not None
        try:
            status = reading.run(self._models.endpoint(job.tier), job.messages)
        except LocalModelError:
            return False
        except (OSError, http.client.HTTPException):
            # Cut off by a real answer, or the model process is being restarted: tried again later.
            return False
        if status != http.client.OK:
            _log.info("a prompt could not be read in advance: HTTP status %s", status)
        return True


class _Reading:
    """One request that asks for a single token, and whose connection another thread can cut.

    http.client and not httpx, because it shows its socket before the response has begun: only
    shutting that down wakes a thread which waits for it.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._is_cut = False
        self._lock = threading.Lock()

    def run(self, endpoint: Endpoint, messages: Sequence[Message]) -> int:
        """Let the model read; returns the HTTP status. Raises OSError or HTTPException when cut off."""
        where = urlsplit(endpoint.api_base)
        body = {
            "model": endpoint.model,
            "messages": [message.model_dump() for message in messages],
            "max_tokens": 1,
            "temperature": 0,
            "stream": True,
            # Progress lines let llama.cpp notice a cut connection after each batch, not once a second.
            "return_progress": True,
            "cache_prompt": True,
        }
        headers = {"Authorization": f"Bearer {endpoint.api_key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=_TIMEOUT_S)
        try:
            connection.connect()
            with self._lock:
                if self._is_cut:
                    raise ConnectionAbortedError
                self._socket = connection.sock
            connection.request("POST", f"{where.path}/chat/completions", json.dumps(body), headers)
            response = connection.getresponse()
            response.read()
            if self._is_cut:
                raise ConnectionAbortedError
            return response.status
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def cut(self) -> None:
        """Close the connection at once, from any thread."""
        with self._lock:
            self._is_cut = True
            if self._socket is None:
                return
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                _log.debug("the connection was closed already (%s)", error)
