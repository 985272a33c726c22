"""What `/api/marks` takes, what it refuses, and what reaches the log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from components import marks_route
from components.security_headers import POLICY, SecurityHeaders

TURN = "0123456789abcdef" * 2
FULL = {
    "turn_id": TURN,
    "client_first_feedback_ms": 16.1,
    "client_first_cue_ms": 16.2,
    "client_first_content_ms": 333.4,
    "client_readable_ms": 540.0,
    "client_done_ms": 900.5,
    "client_hidden": False,
}
SAME = {"origin": "http://testserver", "content-type": "application/json"}


class Client:
    """Asks the application directly, without a network."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as asking:
                return await asking.request(method, path, **options)

        # In a thread of its own: the browser tests' Playwright keeps a loop running in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(ask())).result()

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


class Rows:
    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Any], bool]] = []

    def put(self, table: str, row: Mapping[str, Any], *, keep_first: bool = False) -> None:
        self.rows.append((table, dict(row), keep_first))


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def received() -> float:
    return time.monotonic()


@pytest.fixture
def client(rows: Rows, received: float) -> Client:
    return Client(Starlette(routes=marks_route.routes(rows, {TURN: received}.get)))


def send(client: Client, body: object, headers: Mapping[str, str] = SAME) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post("/api/marks", content=content, headers=dict(headers))
    assert answer.content == b"", "a refusal gives nothing away"
    return answer.status_code


def test_all_marks_reach_the_log_once(client: Client, rows: Rows) -> None:
    assert send(client, FULL) == 204
    assert rows.rows == [("turns", {**FULL, "client_hidden": 0}, True)]


def test_who_left_before_the_end_cannot_have_seen_it(client: Client, rows: Rows) -> None:
    left = FULL | {"client_left_ms": 700.0}
    assert send(client, left) == 400
    assert send(client, left | {"client_done_ms": None}) == 204
    assert rows.rows[0][1]["client_left_ms"] == 700.0
    assert "client_done_ms" not in rows.rows[0][1]


def test_what_was_not_measured_is_left_out(client: Client, rows: Rows) -> None:
    assert send(client, {"turn_id": TURN, "client_hidden": True, "client_first_cue_ms": None}) == 204
    assert rows.rows[0][1] == {"turn_id": TURN, "client_hidden": 1}


def test_the_press_is_set_against_the_receipt(client: Client, rows: Rows, received: float) -> None:
    clock = client.get("/api/clock").json()["clock_ms"]
    at_receipt = clock - (time.monotonic() - received) * 1000
    assert send(client, {**FULL, "press_clock_ms": at_receipt - 20, "clock_error_ms": 0.8}) == 204
    row = rows.rows[0][1]
    assert row["clock_offset_ms"] == pytest.approx(-20, abs=15)
    assert row["clock_error_ms"] == 0.8
    assert "press_clock_ms" not in row


def test_an_estimate_without_its_error_is_not_kept(client: Client, rows: Rows) -> None:
    assert send(client, {**FULL, "press_clock_ms": 5.0}) == 204
    assert not {"clock_offset_ms", "clock_error_ms"} & set(rows.rows[0][1])


@pytest.mark.parametrize(
    "change",
    [
        {"turn_id": "x"},
        {"turn_id": TURN.upper()},
        {"client_hidden": "no"},
        {"client_done_ms": -1},
        {"client_done_ms": 3_600_001},
        {"client_done_ms": "900"},
        {"client_done_ms": True},
        {"client_first_cue_ms": 1},
        {"client_first_content_ms": 600},
        {"client_readable_ms": 1000},
        {"client_first_content_ms": None},
        {"status": "ok"},
        {"clock_offset_ms": 3},
        {"clock_error_ms": -1},
    ],
)
def test_a_body_that_makes_no_sense_is_refused(client: Client, rows: Rows, change: dict[str, object]) -> None:
    assert send(client, {**FULL, **change}) == 400
    assert rows.rows == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b'{"turn_id": NaN}', b'{"client_done_ms": 1e999}']
)
def test_what_is_not_such_json_is_refused(client: Client, rows: Rows, body: bytes) -> None:
    assert send(client, body) == 400
    assert rows.rows == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_are_finite(client: Client, rows: Rows, number: str) -> None:
    assert send(client, json.dumps(FULL).replace("900.5", number).encode()) == 400
    assert rows.rows == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json"},
        {**SAME, "origin": "http://evil.example"},
        {**SAME, "origin": "null"},
        {**SAME, "origin": "http://testserver.evil.example"},
        {**SAME, "sec-fetch-site": "cross-site"},
        {**SAME, "sec-fetch-site": "same-site"},
        {**SAME, "content-type": "text/plain"},
        {"origin": "http://testserver"},
    ],
)
def test_only_this_page_itself_may_send(client: Client, rows: Rows, headers: dict[str, str]) -> None:
    assert send(client, FULL, headers) == 400
    assert rows.rows == []


def test_an_unknown_turn_is_not_found(client: Client, rows: Rows) -> None:
    assert send(client, {**FULL, "turn_id": "f" * 32}) == 404
    assert rows.rows == []


def test_a_large_body_is_refused_also_when_it_does_not_say_its_size(client: Client, rows: Rows) -> None:
    assert send(client, b" " * 2_100 + json.dumps(FULL).encode()) == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100

    assert client.post("/api/marks", content=chunks(), headers=SAME).status_code == 413
    assert rows.rows == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    assert client.request(method, "/api/marks", headers=SAME).status_code == 405


def test_the_clock_runs_and_is_never_cached(client: Client) -> None:
    first, second = client.get("/api/clock"), client.get("/api/clock")
    assert 0 <= first.json()["clock_ms"] < second.json()["clock_ms"]
    assert first.headers["cache-control"] == "no-store"


def test_headers_are_added_to_pages_and_nothing_else_is_touched() -> None:
    async def page(_request: object) -> HTMLResponse:
        return HTMLResponse("<p>x</p>")

    async def data(_request: object) -> JSONResponse:
        return JSONResponse([1])

    app = Starlette(routes=[Route("/", page), Route("/data", data)], middleware=[Middleware(SecurityHeaders)])
    client = Client(app)
    html, json_answer = client.get("/"), client.get("/data")
    assert html.headers["content-security-policy"] == POLICY
    assert "content-security-policy" not in json_answer.headers
    for answer in (html, json_answer):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert (html.text, json_answer.json()) == ("<p>x</p>", [1])


def test_the_policy_names_no_other_host() -> None:
    for directive in POLICY.split("; "):
        for source in directive.split()[1:]:
            assert source in {"'self'", "'none'", "'unsafe-inline'", "'wasm-unsafe-eval'", "data:", "blob:"}
