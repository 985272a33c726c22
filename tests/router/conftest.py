"""Services over the scripted provider, which runs inside the test's own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from data.events import Event, Failed, Finished, Queued, Stopped, TextDelta
from data.knowledge_index import KnowledgeIndex
from data.presets import Preset, load_preset
from data.product import Product
from data.records import Message, Turn
from router.answer import answer
from router.call import Target
from router.cancel import Cancel
from router.decide import Decider
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.retrieve import Retriever
from router.running import RunningTurn
from router.scripted import Reply, Script, ScriptedServer
from router.services import Services

# What no test should ever take: an upper bound that only a hang reaches.
PATIENCE_S = 60.0
SYSTEM_PROMPT = "You help people who use Sketchpad."
LINKS = """# Sharing

## Export links

Export links work for seven days. Only the owner or an admin can delete a shared view.
"""
BRUSHES = """# Brushes

## Pressure

A pen with pressure draws thicker lines. Turn it on in the settings of the tablet.

## Colours

Pick a colour from the wheel, or type its number.
"""


class LoopbackBackend:
    """Reaches the scripted provider; `queued` is what each tier waits for before it is ready."""

    def __init__(self, preset: Preset, api_base: str, n_slots: int | None) -> None:
        self.n_slots = n_slots
        self.queued: dict[str, Queued] = {}
        self.started = self.closed = 0
        self._preset = preset
        self._api_base = api_base

    def start(self) -> None:
        self.started += 1

    def wait(self, tier: str, timeout_s: float) -> Queued | None:
        waiting = self.queued.get(tier)
        if waiting is not None:
            time.sleep(min(timeout_s, 0.02))
        return waiting

    def target(self, tier: str) -> Target:
        return Target(self._preset.tier(tier), self._api_base, "the-secret-key", own_machine=True)

    def close(self) -> None:
        self.closed += 1


class Provider(ScriptedServer):
    """The scripted provider with what tests ask of it."""

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def say(self, *replies: Reply) -> None:
        self.script = Script(replies=replies)

    def prompts(self) -> list[list[dict[str, str]]]:
        """The messages of each request."""
        return [request["body"]["messages"] for request in self.requests]

    def models(self) -> list[str]:
        """The models that were asked, in order."""
        return [request["body"]["model"] for request in self.requests]


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider(Script())
    thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield provider
    provider.shutdown()
    provider.server_close()
    thread.join()


@pytest.fixture(scope="session")
def the_litellm() -> Litellm:
    """Imported once: that takes seconds."""
    litellm = Litellm()
    litellm.module()
    return litellm


@pytest.fixture
def litellm(the_litellm: Litellm) -> Iterator[Litellm]:
    """With no connection left over from another test."""
    yield the_litellm
    the_litellm.close()


@pytest.fixture(scope="session")
def decider() -> Decider:
    return Decider.load()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    knowledge = tmp_path_factory.mktemp("product") / "knowledge"
    knowledge.mkdir()
    (knowledge / "sharing.md").write_text(LINKS, encoding="utf-8")
    (knowledge / "brushes.md").write_text(BRUSHES, encoding="utf-8")
    return Product(
        name="Sketchpad",
        promise="Answers questions.",
        caution="May be wrong.",
        system_prompt=SYSTEM_PROMPT,
        knowledge=knowledge,
    )


class SharedIndex(KnowledgeIndex):
    """One for all tests: the services of one test, which close theirs, must not close it for the others."""

    def close(self) -> None:
        """Stay open."""

    def watch(self) -> None:
        """Read nothing in the background: it would slow down whichever test comes next."""


@pytest.fixture(scope="session")
def retriever(product: Product) -> Iterator[Retriever]:
    index = SharedIndex.build(product.knowledge)
    assert isinstance(index, SharedIndex)
    yield Retriever(index)
    KnowledgeIndex.close(index)


MakeServices = Callable[..., Services]


@pytest.fixture
def make_services(
    provider: Provider, litellm: Litellm, decider: Decider, retriever: Retriever, product: Product
) -> MakeServices:
    """Services over the provider; `tiers` changes keys of every tier of the scripted preset."""

    def make(n_slots: int | None = 8, tiers: dict[str, Any] | None = None, **parts: Any) -> Services:
        preset = changed(load_preset("scripted"), **(tiers or {}))
        ready: dict[str, Any] = {
            "preset": preset,
            "product": product,
            "decider": decider,
            "retriever": retriever,
            "backend": LoopbackBackend(preset, provider.api_base, n_slots),
            "gateway": Gateway(litellm),
        }
        return Services(**ready | parts)

    return make


@pytest.fixture
def services(make_services: MakeServices) -> Services:
    return make_services()


def changed(preset: Preset, **changes: Any) -> Preset:
    """The preset with the same changes made to each of its tiers."""
    return preset.model_copy(
        update={"tiers": tuple(tier.model_copy(update=changes) for tier in preset.tiers)}
    )


def a_turn(text: str = "tell me", choice: str | None = "fast", before: tuple[str, ...] = ()) -> Turn:
    """A turn; `before` are earlier messages, the person's and the assistant's by turns."""
    history = [
        Message(role="assistant" if number % 2 else "user", content=content)
        for number, content in enumerate(before)
    ]
    return Turn(
        session_id="session",
        conversation_id="conversation",
        messages=(*history, Message(role="user", content=text)),
        choice=choice,
    )


def all_events(turn: Turn, services: Services, cancel: Cancel | None = None) -> list[Event]:
    """Everything that answering yields."""
    return list(answer(turn, services, cancel or Cancel()))


def names(events: list[Event]) -> list[str]:
    """Names of the events, a run of text counted once."""
    found: list[str] = []
    for event in events:
        if not (event.name == "TextDelta" and found and found[-1] == "TextDelta"):
            found.append(event.name)
    return found


def one(events: list[Event], kind: type[Any]) -> Any:
    """The only event of its kind."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, f"{len(found)} of {kind.__name__} in {names(events)}"
    return found[0]


def joined(events: list[Event]) -> str:
    """The text as it arrived."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def until_ended(running: RunningTurn) -> list[Event]:
    """Wait for the end of a turn; all of its events."""
    running.events(after=10**9, timeout_s=PATIENCE_S)
    assert running.ended, f"not ended: {names(running.events())}"
    return running.events()


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.005)


@contextmanager
def no_thread(part: str) -> Iterator[None]:
    """While held, no thread with this in its name can be started, as when there are too many processes."""
    start = threading.Thread.start

    def start_or_not(thread: threading.Thread) -> None:
        if part in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_or_not)
        yield


@dataclass
class FakeLog:
    """Keeps what is put, and builds the rows as the log would."""

    puts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def put(self, table: str, row: Any, *, keep_first: bool = False) -> None:
        self.puts.append((table, dict(row)))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return [row for name, row in self.puts if name == table]


ENDS = (Finished, Stopped, Failed)


@pytest.fixture
def script_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a script for the provider as a process of its own."""

    def write(toml: str) -> Path:
        path = tmp_path / "script.toml"
        path.write_text(toml, encoding="utf-8")
        monkeypatch.setenv("UPSHIFT_SCRIPT", str(path))
        return path

    return write
