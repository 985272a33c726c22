"""What the real local models say, and what becomes of an answer when its model dies or is stopped.

One runtime with the local preset for all of it. The questions are ones that these models answer alike
every time (temperature 0, fixed seed), and the tests look at what is said, not that something is.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator

import pytest

from data.answers import Answer, fold
from data.events import Event
from data.presets import load_preset
from data.records import Message, Turn
from router.backends import LocalBackend
from router.grounding import says_not_told
from router.running import RunningTurn
from router.runtime import Runtime, build
from router.services import build_services

pytestmark = pytest.mark.models
# Loading both models on a busy machine; only a hang reaches it.
PATIENCE_S = 180.0
# A sanity check of "soon", not a measurement: make bench has the figures.
SOON_S = 5.0
MUTABLE_DEFAULT = """Why does this Python function remember items from earlier calls, and how do I fix it?

```python
def add(item, items=[]):
    items.append(item)
    return items
```"""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("UPSHIFT_DB", str(tmp_path_factory.mktemp("log") / "upshift.db"))
        services = build_services(load_preset("local"))
        # The suggestions would be read in advance, which is of no use to these tests.
        services.warmer = None
        runtime = build(services)
    try:
        services.gateway.litellm.module()
        _ready(runtime)
        yield runtime
    finally:
        runtime.close()


def _ready(runtime: Runtime) -> None:
    until = time.monotonic() + PATIENCE_S
    for tier in runtime.preset.tier_names:
        while runtime.services.backend.wait(tier, 1.0) is not None:
            assert time.monotonic() < until, f"the {tier} model never came up"


def begin(runtime: Runtime, text: str, choice: str | None = None) -> RunningTurn:
    message = Message(role="user", content=text)
    return runtime.running.start(
        Turn(session_id="test", conversation_id="test", messages=(message,), choice=choice)
    )


def ended(running: RunningTurn) -> Answer:
    running.events(after=10**9, timeout_s=PATIENCE_S)
    assert running.ended, "no end"
    return fold(running.events())


def ask(runtime: Runtime, text: str) -> Answer:
    answer = ended(begin(runtime, text))
    assert answer.status == "ok", answer.message
    return answer


def wait_for_text(running: RunningTurn, characters: int) -> None:
    """Wait until the answer has so much text."""
    events: list[Event] = []
    while sum(len(getattr(event, "text", "")) for event in events) < characters:
        assert not running.ended, fold(running.events())
        events += running.events(len(events) - 1, 1.0)


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("Which environment variable sets where the log file is?", "UPSHIFT_DB"),
        ("Which port does the page listen on?", "8501"),
    ],
)
def test_a_fact_from_the_documentation_names_the_passage_that_holds_it(
    local: Runtime, question: str, fact: str
) -> None:
    answer = ask(local, question)

    assert fact in answer.text
    [number] = answer.cited
    assert f"[{number}]" in answer.text
    cited = answer.passages[number - 1]
    assert fact in cited.text


def test_how_long_text_is_kept_comes_from_the_passage_about_it(local: Runtime) -> None:
    answer = ask(local, "How long does Upshift keep the text of my messages?")

    assert "30 days" in answer.text
    assert any("30 days" in passage.text for passage in answer.passages)


@pytest.mark.parametrize("tier", ["fast", "heavy"])
def test_what_no_document_tells_is_not_made_up(local: Runtime, tier: str) -> None:
    answer = ended(begin(local, "What does an Upshift subscription cost per month?", choice=tier))

    assert answer.status == "ok", answer.message
    assert says_not_told(answer.text), answer.text
    assert not re.search(r"\d|[$€£]", answer.text), "no price is invented"


def test_every_token_of_a_local_model_has_a_probability(local: Runtime) -> None:
    answer = ask(local, "What is the capital of France?")

    assert answer.doubt is not None
    mean = answer.doubt.signals["log_probability"]
    assert mean is not None
    assert -5 < mean <= 0


def test_a_sum(local: Runtime) -> None:
    answer = ask(local, "How much is 17 plus 26?")

    assert "43" in answer.text
    assert answer.passages == (), "no document is needed for that"


def test_a_translation_has_its_key_word_and_comes_from_the_fast_model(local: Runtime) -> None:
    answer = ask(local, "Translate into Spanish: The cat is sleeping.")

    assert "gato" in answer.text.lower()
    assert answer.tier == "fast"
    assert answer.passages == ()


def test_an_address_is_taken_out_of_a_text(local: Runtime) -> None:
    answer = ask(local, "Extract the e-mail address: Please write to ada@example.org before Friday.")

    assert answer.text.strip().strip("`.*") == "ada@example.org", "the address and nothing else"
    assert answer.tier == "fast"


def test_the_heavy_model_names_the_bug(local: Runtime) -> None:
    answer = ask(local, MUTABLE_DEFAULT)

    assert answer.tier == "heavy"
    assert "mutable" in answer.text
    assert "default" in answer.text
    assert "None" in answer.text, "and how to mend it"


def test_thanks_are_answered_briefly_by_the_fast_model(local: Runtime) -> None:
    answer = ask(local, "Thanks")

    assert answer.tier == "fast"
    assert "welcome" in answer.text.lower()
    assert len(answer.text) < 200


def test_a_fact_of_the_world_is_answered_without_sources(local: Runtime) -> None:
    answer = ask(local, "What is the capital of France?")

    assert "Paris" in answer.text
    assert answer.passages == ()


def test_a_killed_model_keeps_the_text_so_far_and_the_next_message_is_answered(local: Runtime) -> None:
    backend = local.services.backend
    assert isinstance(backend, LocalBackend)
    running = begin(local, "Write a long story about a lighthouse keeper and the sea.", choice="heavy")
    wait_for_text(running, 20)
    killed = backend.models.pid
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    answer = ended(running)

    assert answer.status == "error"
    assert len(answer.text) >= 20
    assert "Retry" in answer.message, "it says what to do"
    assert "Traceback" not in answer.message
    _ready(local)
    assert backend.models.pid not in (None, killed)
    assert "Paris" in ask(local, "What is the capital of France?").text


def test_stop_while_the_heavy_model_still_reads_frees_it_for_the_next_question(local: Runtime) -> None:
    long_text = " ".join(f"Line {n}: the harbour master counted {n * 7} boats." for n in range(140))
    running = begin(local, f"Analyse this record and its trends in depth: {long_text}", choice="heavy")
    while not any(event.name == "Requested" for event in running.events()):
        assert not running.ended, fold(running.events()).message
        running.events(len(running.events()) - 1, 1.0)
    time.sleep(1)  # it is reading now: so long a prompt takes tens of seconds
    assert fold(running.events()).first_content_ms is None

    local.running.stop(running.turn.turn_id)
    stopped_s = time.monotonic()
    assert ended(running).status == "stopped"
    fast = begin(local, "Thanks")
    wait_for_text(fast, 1)
    assert time.monotonic() - stopped_s < SOON_S
    ended(fast)
    heavy_again = begin(local, "Hello", choice="heavy")
    wait_for_text(heavy_again, 1)
    assert time.monotonic() - stopped_s < 2 * SOON_S, "and the heavy model is free as well"
    ended(heavy_again)


def test_what_was_asked_is_in_the_log_with_its_tokens(local: Runtime) -> None:
    answer = ask(local, "Thanks")

    local.log.flush()
    turn_id = answer.generations[0].turn_id
    with sqlite3.connect(local.log.path) as log:
        row = log.execute(
            "SELECT provider_name, request_model, input_tokens, output_tokens, finish_reason"
            " FROM generations WHERE turn_id = ?",
            (turn_id,),
        ).fetchone()
    log.close()
    assert row[:2] == ("upshift.local", "qwen2.5-coder-0.5b")
    assert row[2] > 5
    assert 2 <= row[3] < 100
    assert row[4] == "stop"
