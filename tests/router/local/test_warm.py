"""Idle reading: what was read in advance is in the model's cache, and a real answer never waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from data.records import Message
from router.local.child import LocalModels
from router.local.errors import LocalModelError
from router.local.process import ServerSettings
from router.local.states import Endpoint, TierStatus
from router.local.warm import Warmer
from tests.router.conftest import no_thread
from tests.router.local.test_child import eventually, until

pytestmark = pytest.mark.models

SYSTEM = Message(role="system", content="You help people with a product. Be brief. Say what you do not know.")


def prompt(text: str) -> tuple[Message, ...]:
    return (SYSTEM, Message(role="user", content=text))


LONG = prompt("Summarise this: " + "The quick brown fox jumps over the lazy dog once more. " * 70)


@pytest.fixture(scope="module")
def models(smollm_folder: Path) -> Iterator[LocalModels]:
    models = LocalModels(
        {"fast": "smollm2-135m"}, smollm_folder, settings=ServerSettings(n_ctx=8192, cache_ram_mib=256)
    )
    models.start()
    until(models, "fast", "ready")
    yield models
    models.close()


@pytest.fixture
def warmer(models: LocalModels) -> Iterator[Warmer]:
    warmer = Warmer(models, idle_s=0.01)
    yield warmer
    warmer.close()


def unread_tokens(models: LocalModels, messages: tuple[Message, ...], max_tokens: int = 1) -> int:
    """Tokens of the prompt that the model had to read for a real request."""
    endpoint = models.endpoint("fast")
    body = {
        "model": endpoint.model,
        "messages": [message.model_dump() for message in messages],
        "max_tokens": max_tokens,
    }
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    answer = httpx.post(f"{endpoint.api_base}/chat/completions", json=body, headers=headers, timeout=60)
    return int(answer.json()["timings"]["prompt_n"])


def test_a_prompt_that_was_read_is_in_the_cache(models: LocalModels, warmer: Warmer) -> None:
    question = prompt("Which of the forty-two settings on the third page changes the language of the report?")
    warmer.read("fast", question)
    assert eventually(lambda: warmer.finished == 1)
    assert unread_tokens(models, question) == 1


def test_what_was_read_survives_other_answers(models: LocalModels, warmer: Warmer) -> None:
    passage = "Exports live for seven days, and only their owner may delete a shared view. " * 12
    question = prompt(passage + "How long does an export live?")
    warmer.read("fast", question)
    assert eventually(lambda: warmer.finished == 1)
    for other in ("Name three colours.", "What is the capital of Peru?", "Who wrote Faust?"):
        assert unread_tokens(models, prompt(other), max_tokens=12) > 1
    assert unread_tokens(models, question) < 20


def test_the_queue_is_read_in_order_and_holds_each_prompt_once(models: LocalModels, warmer: Warmer) -> None:
    with warmer.answering():
        warmer.read("fast", prompt("second"), order=2)
        warmer.read("fast", prompt("first"), order=1)
        warmer.read("fast", prompt("second"), order=2)
        assert warmer.waiting == 2
    assert eventually(lambda: warmer.finished == 2)
    assert warmer.waiting == 0


def test_nothing_is_read_while_an_answer_is_made(warmer: Warmer) -> None:
    with warmer.answering(), warmer.answering():
        warmer.read("fast", prompt("Not yet."))
        assert not eventually(lambda: warmer.finished > 0, timeout_s=0.5)
    assert eventually(lambda: warmer.finished == 1)


def test_an_answer_cuts_a_reading_off_which_is_then_taken_up_again(
    models: LocalModels, warmer: Warmer
) -> None:
    warmer.read("fast", LONG)
    assert eventually(lambda: warmer.is_reading)
    with warmer.answering():
        assert eventually(lambda: not warmer.is_reading)
        assert (warmer.finished, warmer.waiting) == (0, 1)
        assert unread_tokens(models, prompt("What is two and two?")) > 0
    assert eventually(lambda: warmer.finished == 1)
    assert unread_tokens(models, LONG) == 1


def test_clear_forgets_what_is_queued(warmer: Warmer) -> None:
    with warmer.answering():
        warmer.read("fast", prompt("one"))
        warmer.read("heavy", prompt("two"))
        warmer.clear("fast")
        assert warmer.waiting == 1
        warmer.clear()
        assert warmer.waiting == 0


class _AlwaysLoading:
    """Models that never become ready."""

    def status(self, tier: str) -> TierStatus:
        return TierStatus(tier=tier, state="loading")

    def endpoint(self, tier: str) -> Endpoint:
        raise LocalModelError("not ready", "not_ready")


def test_prompts_wait_for_a_model_that_is_not_there_yet() -> None:
    warmer = Warmer(_AlwaysLoading(), idle_s=0.01)
    warmer.read("fast", prompt("later"))
    assert not eventually(lambda: warmer.waiting == 0, timeout_s=0.3)
    warmer.close()
    assert warmer.waiting == 0


class _Refusing(_AlwaysLoading):
    """Models that are ready, and answer nothing."""

    def status(self, tier: str) -> TierStatus:
        return TierStatus(tier=tier, state="ready")

    def endpoint(self, tier: str) -> Endpoint:
        self.asked = True
        raise LocalModelError("not ready", "not_ready")


def test_a_thread_that_could_not_be_started_is_started_for_the_next_prompt() -> None:
    models = _Refusing()
    warmer = Warmer(models, idle_s=0.01)
    with no_thread("upshift-warmer"), pytest.raises(RuntimeError, match="can't start new thread"):
        warmer.read("fast", prompt("one"))
    warmer.read("fast", prompt("two"))
    assert eventually(lambda: hasattr(models, "asked"), timeout_s=5)
    warmer.close()
