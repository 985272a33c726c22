"""The two small routes that the probe talks to: `/api/marks` takes marks, `/api/clock` tells the time.

What comes in is from a browser and therefore not trusted: only this page's own origin may send,
at most 2 KB of JSON, known names and finite numbers in a sensible order, and only for a turn that
this server knows. A refusal says nothing but its status.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MAX_BYTES = 2_048
HOUR_MS = 3_600_000.0
_STARTED = time.monotonic()

Milliseconds = Annotated[float, Field(ge=0, le=HOUR_MS, allow_inf_nan=False)]
FindTurn = Callable[[str], float | None]


class TurnLog(Protocol):
    """The one thing that is needed of the log: `data.log`'s `put`."""

    def put(self, table: str, row: Mapping[str, Any], *, keep_first: bool = False) -> object:
        """Keep a row; with `keep_first` columns that have a value already keep it."""


class Marks(BaseModel):
    """What a browser reports of one turn: milliseconds from the press; absent is not measured.

    `press_clock_ms` is the press on this server's clock (that of `/api/clock`), as estimated in the
    browser, with an error of at most `clock_error_ms`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    turn_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    client_first_feedback_ms: Milliseconds | None = None
    client_first_cue_ms: Milliseconds | None = None
    client_first_content_ms: Milliseconds | None = None
    client_readable_ms: Milliseconds | None = None
    client_done_ms: Milliseconds | None = None
    client_left_ms: Milliseconds | None = None
    client_hidden: bool
    press_clock_ms: float | None = Field(default=None, ge=-HOUR_MS, le=1e12, allow_inf_nan=False)
    clock_error_ms: Milliseconds | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Marks:
        first, cue = self.client_first_feedback_ms, self.client_first_cue_ms
        content, readable, done = self.client_first_content_ms, self.client_readable_ms, self.client_done_ms
        steps = (first, cue), (first, content), (content, readable), (readable, done), (content, done)
        if any(a is not None and b is not None and a > b for a, b in steps):
            raise ValueError("marks out of order")
        if readable is not None and content is None:
            raise ValueError("readable without text")
        if self.client_left_ms is not None and done is not None:
            raise ValueError("left before the end, and the end seen")
        return self


def clock_ms() -> float:
    """Milliseconds on the server's monotonic clock since this module was loaded."""
    return (time.monotonic() - _STARTED) * 1000


def routes(log: TurnLog, find_turn: FindTurn) -> list[Route]:
    """`POST /api/marks` and `GET /api/clock`, for `st.App(routes=...)`.

    `find_turn(turn_id)` gives the `time.monotonic()` at which the server received a live or recent
    turn, in seconds, or None for one that it does not know.

    The row for `turns` has the marks as sent (absent ones left out), `client_hidden` as 0 or 1,
    `clock_error_ms`, and `clock_offset_ms`: the press minus the receipt on the server's clock, in
    milliseconds. An offset from the press plus `clock_offset_ms` is an offset from the receipt; its
    negative is how long the message was on its way.
    """

    async def marks(request: Request) -> Response:
        return await _take_marks(request, log, find_turn)

    return [Route("/api/marks", marks, methods=["POST"]), Route("/api/clock", clock, methods=["GET"])]


async def clock(request: Request) -> Response:
    """The server's clock, for the browser's estimate of the difference."""
    return JSONResponse({"clock_ms": clock_ms()}, headers={"Cache-Control": "no-store"})


async def _take_marks(request: Request, log: TurnLog, find_turn: FindTurn) -> Response:
    if not _same_origin(request) or _content_type(request) != "application/json":
        return Response(status_code=400)
    body = await _body(request)
    if body is None:
        return Response(status_code=413)
    try:
        marks = Marks.model_validate_json(body)
    except ValidationError:
        return Response(status_code=400)
    received = find_turn(marks.turn_id)
    if received is None:
        return Response(status_code=404)
    log.put("turns", _row(marks, received), keep_first=True)
    return Response(status_code=204)


async def _body(request: Request) -> bytes | None:
    """The request's body, or None if it is too large; no more than that is read."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BYTES:
        return None
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                return None
    except ClientDisconnect:
        return b""
    return body


def _row(marks: Marks, received: float) -> dict[str, Any]:
    row = marks.model_dump(exclude_none=True, exclude={"press_clock_ms"})
    row["client_hidden"] = int(marks.client_hidden)
    if marks.press_clock_ms is None or marks.clock_error_ms is None:
        row.pop("clock_error_ms", None)
    else:
        row["clock_offset_ms"] = round(marks.press_clock_ms - (received - _STARTED) * 1000, 3)
    return row


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def _same_origin(request: Request) -> bool:
    """Whether a page of this very host sent it. Browsers name the origin with every POST."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")
