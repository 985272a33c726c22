"""What a process has once: built from the environment, closed in order; and what is not imported."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.config import ConfigError
from data.events import Finished, Stopped
from data.store import Store
from router import runtime as runtime_module
from router.runtime import CurrentLog, Runtime, build, current, purpose_from_environment, shut_down
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import MakeServices, Provider, a_turn, until, until_ended

QUICK: dict[str, Any] = {"first_token_ms": 0, "token_ms": 0}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def a_test_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UPSHIFT_PURPOSE", "test")
    monkeypatch.delenv("UPSHIFT_UNWATCHED_S", raising=False)
    yield
    shut_down()


@pytest.fixture
def runtime(services: Services) -> Iterator[Runtime]:
    built = build(services)
    yield built
    built.close()


def test_building_starts_the_models_and_opens_the_log(
    runtime: Runtime, services: Services, temporary_log: Path
) -> None:
    assert services.backend.started == 1  # type: ignore[attr-defined]
    assert runtime.preset is services.preset
    assert runtime.purpose == "test"
    assert runtime.log.path == temporary_log
    assert runtime.log.health.ok


def test_a_turn_goes_from_the_conversation_to_the_log(runtime: Runtime, provider: Provider) -> None:
    provider.say(Reply(text="Good.", **QUICK))
    conversation = runtime.conversations.new()
    turn = conversation.ask(runtime.running, "hello", "session")
    assert isinstance(until_ended(turn)[-1], Finished)
    until(lambda: _logged(runtime, conversation.conversation_id) == ["ok"])
    row = Store(runtime.log.path).conversation_turns(conversation.conversation_id)[0]
    assert (row["prompt"], row["answer"]) == (None, None)  # a test keeps no text


def _logged(runtime: Runtime, conversation_id: str) -> list[str]:
    runtime.log.flush()
    return [str(row["status"]) for row in Store(runtime.log.path).conversation_turns(conversation_id)]


def test_closing_stops_answers_ends_models_and_writes_the_log(services: Services, provider: Provider) -> None:
    provider.say(Reply(text="one two", hang_after=1, **QUICK))
    runtime = build(services)
    conversation = runtime.conversations.new()
    turn = conversation.ask(runtime.running, "endless", "session")
    until(lambda: provider.requests)
    runtime.close()
    assert isinstance(turn.ending, Stopped)
    assert turn.ending.reason == "shutdown"
    assert services.backend.closed == 1  # type: ignore[attr-defined]
    until(lambda: _logged_after_close(runtime, conversation.conversation_id) == ["abandoned"])


def _logged_after_close(runtime: Runtime, conversation_id: str) -> list[str]:
    return [str(row["status"]) for row in Store(runtime.log.path).conversation_turns(conversation_id)]


def test_services_whose_start_failed_are_started_by_the_next_call(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(services.gateway.litellm, "start", _no_more_threads)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            services.start()
    services.start()
    services.start()
    assert services.backend.started == 1  # type: ignore[attr-defined]


def _no_more_threads() -> None:
    raise RuntimeError("can't start new thread")


def test_services_are_started_once_by_two_who_need_them_at_the_same_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.gateway.litellm, "start", lambda: time.sleep(0.1))
    threads = [threading.Thread(target=services.start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert services.backend.started == 1  # type: ignore[attr-defined]


def test_there_is_one_runtime_until_it_is_shut_down(
    make_services: MakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Services] = []

    def build_services() -> Services:
        made.append(make_services())
        return made[-1]

    monkeypatch.setattr(runtime_module, "build_services", build_services)
    first = current()
    assert current() is first
    shut_down()
    assert made[0].backend.closed == 1  # type: ignore[attr-defined]
    assert current() is not first
    assert len(made) == 2
    shut_down()
    shut_down()
    assert made[1].backend.closed == 1  # type: ignore[attr-defined]


def test_routes_that_are_older_than_the_runtime_find_its_log(
    services: Services, provider: Provider, temporary_log: Path
) -> None:
    provider.say(Reply(**QUICK))
    log = CurrentLog()
    log.put("turns", {"turn_id": "t", "client_done_ms": 1.0})  # before there is a log: nothing happens
    runtime = build(services)
    runtime_module.replace(runtime)
    turn = runtime.running.start(a_turn())
    until_ended(turn)
    assert runtime_module.received_s(turn.turn.turn_id) == turn.received_clock_s
    assert runtime_module.received_s("unknown") is None
    log.put("marks", {"turn_id": "t", "seq": -1, "t_ms": 1.0, "name": "painted"})
    assert runtime.log.flush()


@pytest.mark.parametrize("purpose", ["dogfood", "research", "demo", "test"])
def test_the_purpose_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, purpose: str) -> None:
    monkeypatch.setenv("UPSHIFT_PURPOSE", purpose)
    assert purpose_from_environment() == purpose


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("UPSHIFT_PURPOSE", "fun", "dogfood, research, demo, test"),
        ("UPSHIFT_UNWATCHED_S", "soon", "such as 60"),
        ("UPSHIFT_UNWATCHED_S", "0", "such as 60"),
        ("UPSHIFT_UNWATCHED_S", "nan", "such as 60"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    temporary_log: Path,
    name: str,
    value: str,
    right: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{name}={value}") as caught:
        build(services)
    assert right in str(caught.value)
    assert services.backend.started == 0  # type: ignore[attr-defined]
    assert not temporary_log.exists()


def test_what_is_usual_is_asked_of_the_log_once_a_minute(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Store, "usual_seconds", lambda self, tier: asked.append(tier) or 1.5)
    assert [runtime.usual_seconds("fast"), runtime.usual_seconds("fast")] == [1.5, 1.5]
    assert runtime.usual_seconds("heavy") == 1.5
    assert asked == ["fast", "heavy"]
    monkeypatch.setattr(runtime_module, "USUAL_KEPT_S", -1.0)
    runtime.usual_seconds("fast")
    assert asked == ["fast", "heavy", "fast"]


# What is imported where.


def loaded_by(code: str, given: str = "") -> set[str]:
    """Names of the packages that a process has loaded after running some code."""
    tail = "\nimport sys, json; sys.stderr.write(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_deciding_loads_neither_a_model_client_nor_the_page() -> None:
    line = json.dumps({"id": 1, "messages": [{"role": "user", "content": "hello"}]})
    code = "from router.__main__ import main\nassert main(['decide']) == 0"
    loaded = loaded_by(code, line)
    assert "numpy" in loaded  # it did decide
    assert not loaded & {"litellm", "openai", "streamlit", "httpx", "xllamacpp", "sklearn"}


def test_the_runtime_needs_no_page_and_waits_for_no_client() -> None:
    loaded = loaded_by("import router.runtime")
    assert not loaded & {"litellm", "openai", "streamlit", "xllamacpp", "sklearn"}


def test_the_log_and_its_reports_need_neither_router_nor_page() -> None:
    loaded = loaded_by("import data.__main__")
    assert not loaded & {"router", "litellm", "streamlit", "numpy"}
