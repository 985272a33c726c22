"""What can go wrong with a model call, said so that a person knows what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from data.presets import TierModel

# A provider that asks for more than this has run out, and nobody waits for it.
LONGEST_WAIT_S = 3600


class ModelError(Exception):
    """A model call failed. `error_type` is for the log, `message` for the person."""

    def __init__(self, error_type: str, message: str, http_status: int | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.http_status = http_status


def explain(error: BaseException, model: TierModel, has_text: bool = False) -> ModelError:
    """Turn what litellm or httpx raised into a ModelError. Never shows the provider's raw text.

    The provider's own words may carry a part of the key or of the prompt, so that only the kind of
    error and the HTTP status are used. `has_text`: a part of the answer had arrived.
    """
    if isinstance(error, ModelError):
        return error
    kind, status = _what_happened(error)
    if status == 429:
        return ModelError(kind, _too_many(model, _retry_after_s(error)), status)
    return ModelError(kind, _advice(kind, status, model, has_text), status)


def _what_happened(error: BaseException) -> tuple[str, int | None]:
    """The kind of error and the HTTP status that was really received, if any.

    litellm makes up a status of 500 where no response came at all, so the cause beneath decides.
    """
    # litellm wraps what happened before the first chunk as if something else could take over.
    kind = type(getattr(error, "original_exception", None) or error).__name__
    for cause in _causes(error):
        if isinstance(cause, httpx.HTTPStatusError):
            return kind, cause.response.status_code
        if isinstance(cause, httpx.TimeoutException):
            return "Timeout", None
        if isinstance(cause, httpx.TransportError | OSError):
            return type(cause).__name__, None
    status: Any = getattr(error, "status_code", None)
    return kind, status if isinstance(status, int) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, at most ten steps back."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _retry_after_s(error: BaseException) -> int | None:
    """For how many seconds the provider asks to wait, where it says so in a number that makes sense."""
    for cause in _causes(error):
        for holder in (getattr(cause, "response", None), getattr(cause, "original_exception", None), cause):
            headers = getattr(holder, "headers", None) or getattr(holder, "litellm_response_headers", None)
            said = str(headers.get("retry-after", "")) if headers is not None else ""
            if said.isdecimal() and 0 < int(said) <= LONGEST_WAIT_S:
                return int(said)
    return None


def _too_many(model: TierModel, wait_s: int | None) -> str:
    wait = "a minute" if wait_s is None else f"{wait_s} seconds"
    return f"{model.label} has had too many requests or its quota is used up. Wait {wait}, then retry."


def ollama_missing(model: TierModel) -> str:
    """What to do when nothing answers where Ollama should be."""
    return (
        f"Ollama does not answer at {model.address()}. Start it (ollama serve), or set OLLAMA_API_BASE "
        "to where it runs."
    )


def _advice(kind: str, status: int | None, model: TierModel, has_text: bool) -> str:
    if kind == "AuthenticationError" or status in (401, 403):
        where = f" Check {model.key_env} and start Upshift again." if model.key_env else ""
        return f"{model.label} refused the key.{where}"
    if kind == "NotFoundError" or status == 404:
        if model.provider_name.startswith("ollama"):
            return f"Ollama does not have {model.model_name} yet. Pull it: ollama pull {model.model_name}"
        return (
            f"{model.label} was not found under the name {model.model}. Check the model's name in the preset."
        )
    if kind == "RateLimitError":
        return _too_many(model, None)
    if kind == "ContextWindowExceededError":
        return f"This conversation is too long for {model.label}. Start a new one, or send a shorter message."
    if kind in ("Timeout", "APITimeoutError"):
        return f"{model.label} did not answer in time. Retry, or ask the other model."
    if status is not None and status >= 500:
        return f"{model.label} has trouble of its own (HTTP {status}). Retry in a moment."
    if status is not None and status >= 400:
        return f"{model.label} did not accept the request (HTTP {status}). Start a new conversation."
    if kind == "ConnectError" and model.provider_name.startswith("ollama"):
        return ollama_missing(model)
    kept = " The text so far is kept." if has_text else ""
    return f"The connection to {model.label} broke. Retry.{kept}"
