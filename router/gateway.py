"""One model call: asks through litellm, streams the text, measures it, and can be stopped at any time.

A call runs in a thread of its own that hands its chunks over a queue. Whoever reads the queue is
never stuck inside a provider's socket: a stop, a time-out and silence are noticed at once.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from router.call import Call, Piece
from router.cancel import Cancel
from router.errors import ModelError, explain
from router.litellm_client import Connection, Litellm, watching_connection
from router.prices import cost_of

# Where litellm's stream keeps the provider's own word that the answer is complete: one for each protocol.
FINISH_REASONS = ("received_finish_reason", "intermittent_finish_reason")


class Gateway:
    """Asks models through litellm."""

    def __init__(self, litellm: Litellm) -> None:
        self.litellm = litellm

    def stream(self, call: Call, cancel: Cancel) -> Iterator[Piece]:
        """The response's chunks as they arrive; returns early when `cancel` is asked.

        Raises ModelError. `call` carries the measurements, also after an error or a stop.
        """
        chunks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        cut = _Cut()
        cancel.on_ask(lambda: chunks.put(None))
        call.started_s = time.perf_counter()
        threading.Thread(
            target=self._pump, args=(call, chunks, cut), name=f"model-{call.target.model.tier}", daemon=True
        ).start()
        try:
            yield from _pieces(call, chunks, cancel)
        finally:
            call.ended_s = time.perf_counter()
            # Whoever stops reading, for whatever reason, frees the model: at once, or where a kept
            # connection has not answered yet, when its answer begins.
            cut.now()
            call.cost_usd, call.price_source = cost_of(self.litellm, call.target.model, call.usage)

    def _pump(self, call: Call, chunks: queue.SimpleQueue[Any], cut: _Cut) -> None:
        """Read the provider's stream into the queue; ends it with None or with an exception."""
        stream: Any = None
        try:
            watching_connection(cut.watch)
            stream = self._open(call)
            for chunk in stream:
                if cut.made:
                    break
                chunks.put((time.perf_counter(), chunk))
            # litellm makes up an ending where the provider sent none; a cut must not pass for one.
            whole = any(getattr(stream, name, None) for name in FINISH_REASONS)
            chunks.put(None if whole or cut.made else ConnectionError("the stream ended early"))
        except Exception as error:  # noqa: BLE001 (litellm raises what it likes; the reader gets it)
            chunks.put(error)
        finally:
            if stream is not None:
                _close(stream)
            cut.give_back()

    def _open(self, call: Call) -> Any:
        target, model = call.target, call.target.model
        litellm = self.litellm.module()
        options: dict[str, Any] = {
            # Silence is noticed by whoever reads the queue; this ends what nobody reads any more.
            "timeout": max(model.first_chunk_timeout_s, model.stall_timeout_s) + 5,
            "max_tokens": call.output_tokens,
        }
        if model.temperature is not None:
            options["temperature"] = model.temperature
        if model.seed is not None:
            options["seed"] = model.seed
        if model.log_probabilities:
            options["logprobs"] = True
        if model.model.startswith("openai/"):
            options["client"] = self.litellm.openai_client(
                target.api_base, target.api_key or "none", target.own_machine
            )
        else:
            options |= {"api_base": target.api_base, "api_key": target.api_key or None}
            options["client"] = self.litellm.http_handler(target.own_machine)
        if model.provider_name.startswith("ollama"):
            self.litellm.know_ollama_model(model.model)
            options["num_ctx"] = model.context_tokens
        return litellm.completion(
            model=model.model,
            messages=[{"role": message.role, "content": message.content} for message in call.messages],
            stream=True,
            stream_options={"include_usage": True},
            num_retries=0,
            max_retries=0,
            **options,
        )


class _Cut:
    """Cuts a call's connection, whether it is known already or only becomes known later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self.made = False

    def watch(self, connection: Connection) -> None:
        with self._lock:
            self._connection = connection
            made = self.made
        if made:
            connection.cut()

    def now(self) -> None:
        with self._lock:
            self.made = True
            connection = self._connection
        if connection is not None:
            connection.cut()

    def give_back(self) -> None:
        """Only for the thread that reads: whatever litellm left open is closed."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.give_back()


def _close(stream: Any) -> None:
    """Close litellm's stream, as far as it lets itself be closed."""
    inner = getattr(stream, "completion_stream", None)
    for candidate in (inner, stream):
        close = getattr(candidate, "close", None)
        if callable(close):
            with contextlib.suppress(OSError, RuntimeError):
                close()
            return


def _pieces(call: Call, chunks: queue.SimpleQueue[Any], cancel: Cancel) -> Iterator[Piece]:
    model = call.target.model
    while True:
        timeout_s = model.stall_timeout_s if call.chunk_times_s else model.first_chunk_timeout_s
        try:
            item = chunks.get(timeout=timeout_s)
        except queue.Empty:
            call.error = _silence(call, timeout_s)
            raise call.error from None
        if cancel.asked or item is None:
            return
        if isinstance(item, BaseException):
            call.error = explain(item, model, has_text=call.first_content_s is not None)
            raise call.error from item
        at_s, chunk = item
        call.chunk_times_s.append(at_s)
        text = _read(call, chunk)
        if text and call.first_content_s is None:
            call.first_content_s = at_s
        yield Piece(text, at_s)


def _silence(call: Call, timeout_s: float) -> ModelError:
    when = "went silent in the middle of its answer" if call.chunk_times_s else "did not answer"
    return ModelError("Timeout", f"{call.target.model.label} {when} ({timeout_s:.0f} s). Retry.")


def _read(call: Call, chunk: Any) -> str:
    """Note what a chunk says about the response, and give back its text."""
    call.response_id = getattr(chunk, "id", None) or call.response_id
    call.response_model = getattr(chunk, "model", None) or call.response_model
    call.usage = getattr(chunk, "usage", None) or call.usage
    if not chunk.choices:
        return ""
    choice = chunk.choices[0]
    call.finish_reason = choice.finish_reason or call.finish_reason
    told = getattr(choice, "logprobs", None)
    call.log_probabilities += [token.logprob for token in getattr(told, "content", None) or ()]
    return choice.delta.content or ""
