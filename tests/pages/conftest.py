"""The page without a browser: a person who presses and types, on a runtime with a scripted provider."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data.presets import load_preset
from data.study_links import Links
from router import runtime
from router.backends import ScriptedBackend
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.runtime import Runtime
from router.scripted import ScriptedServer, load_script
from router.services import build_services
from tests.pages.participants import Guest
from tests.pages.person import Person

ScriptWriter = Callable[..., None]


class ScriptedHere(ScriptedBackend):
    """The scripted provider in a thread of the test, so that the test sees what it was asked."""

    def __init__(self, preset: Any) -> None:
        super().__init__(preset)
        self.server: ScriptedServer | None = None

    def start(self) -> None:
        with self._lock:
            if self.server is None:
                self.server = ScriptedServer(load_script())
                self._port = self.server.server_port
                threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The requests' bodies, in order."""
        return [request["body"] for request in self.server.requests] if self.server else []


@pytest.fixture(scope="session")
def litellm() -> Litellm:
    """litellm is imported once for all tests: it takes seconds."""
    client = Litellm()
    client.start()
    return client


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptWriter:
    """Writes the script: each argument is one reply's keys. Call it before the page is opened."""
    path = tmp_path / "script.toml"
    monkeypatch.setenv("UPSHIFT_PRESET", "scripted")
    monkeypatch.setenv("UPSHIFT_SCRIPT", str(path))

    def write(*replies: dict[str, object]) -> None:
        quick: dict[str, object] = {"first_token_ms": 5, "token_ms": 1}
        lines: list[str] = []
        for reply in (*replies, {"text": "A plain answer from the script."}):
            lines.append("[[replies]]")
            lines += [f"{key} = {_toml(value)}" for key, value in {**quick, **reply}.items()]
        path.write_text("\n".join(lines), encoding="utf-8")

    write()
    return write


def _toml(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    escaped = "".join(
        char if char.isprintable() and char not in '"\\' else f"\\u{ord(char):04x}" for char in value
    )
    return f'"{escaped}"'


@pytest.fixture
def provider(script: ScriptWriter, litellm: Litellm) -> Iterator[Callable[[], ScriptedHere]]:
    """Puts a runtime with the scripted provider in place, at first use; ends it with the test."""
    made: list[tuple[Runtime, ScriptedHere]] = []

    def backend() -> ScriptedHere:
        if not made:
            litellm.module()
            services = build_services(load_preset())
            here = ScriptedHere(services.preset)
            services.backend = here
            services.gateway = Gateway(litellm)
            built = runtime.build(services)
            runtime.replace(built)
            made.append((built, here))
        return made[0][1]

    yield backend
    runtime.shut_down()


@pytest.fixture
def visit(provider: Callable[[], ScriptedHere]) -> Callable[..., Person]:
    """Opens the page, as often as it is called: `visit()` or `visit(conversation_id)`."""

    def open_page(conversation_id: str | None = None) -> Person:
        provider()
        return Person(conversation_id)

    return open_page


@pytest.fixture
def logged(temporary_log: Path) -> Callable[[str], list[sqlite3.Row]]:
    """Rows of the log, by SQL, after everything that was put has been written."""

    def rows(sql: str) -> list[sqlite3.Row]:
        runtime.current().log.flush()
        connection = sqlite3.connect(temporary_log)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return rows


@pytest.fixture
def link(temporary_log: Path) -> Callable[..., str]:
    """A person's own link to the study `cues`."""
    return lambda who, **more: Links(temporary_log).personal("http://127.0.0.1/", "cues", who, **more)


@pytest.fixture
def guest(provider: Callable[[], ScriptedHere]) -> Callable[[str], Guest]:
    """Somebody who opens a study's link, as often as it is called."""

    def come(address: str) -> Guest:
        provider()
        return Guest(address)

    return come
