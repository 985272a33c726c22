"""Everything that answering needs, put together once per process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from data.knowledge_index import KnowledgeIndex
from data.paths import product_folder
from data.presets import Preset, load_preset
from data.product import Product, load_product
from data.records import Message, Turn
from router.backends import Backend, LocalBackend, backend_for
from router.decide import Decider
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.local.warm import Warmer
from router.retrieve import Retriever


@dataclass
class Services:
    """The parts that `router.answer` uses. Tests put their own parts in."""

    preset: Preset
    product: Product
    decider: Decider
    retriever: Retriever
    backend: Backend
    gateway: Gateway
    warmer: Warmer | None = None
    _slots: dict[str, threading.BoundedSemaphore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        slots = self.backend.n_slots
        if slots is not None:
            self._slots = {tier: threading.BoundedSemaphore(slots) for tier in self.preset.tier_names}

    def start(self) -> None:
        """Begin to import litellm and to bring the models up; returns at once."""
        self.gateway.litellm.start()
        self.backend.start()

    def close(self) -> None:
        """End the model processes."""
        self.backend.close()

    def take_slot(self, tier: str, timeout_s: float) -> bool:
        """Take one of the tier's slots; False if none came free in time."""
        slots = self._slots.get(tier)
        return True if slots is None else slots.acquire(timeout=timeout_s)

    def give_slot(self, tier: str) -> None:
        """Give back what `take_slot` took."""
        slots = self._slots.get(tier)
        if slots is not None:
            slots.release()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While held, no model reads in advance: the person's answer has the machine."""
        if self.warmer is None:
            yield
        else:
            with self.warmer.answering():
                yield

    def read_ahead(self, turn: Turn, answer: str) -> None:
        """Let every tier read the conversation while the machine is idle, for a quick next turn."""
        if self.warmer is None:
            return
        history = (*turn.messages, Message(role="assistant", content=answer))
        self.warmer.read_conversation(self.product.system_prompt, history)


def build_services(preset: Preset | None = None, folder: Sequence[str] = ()) -> Services:
    """The services for a preset. Raises ConfigError when a configuration file has a mistake."""
    chosen = preset or load_preset()
    product = load_product(product_folder())
    backend = backend_for(chosen)
    return Services(
        preset=chosen,
        product=product,
        decider=Decider.load(),
        retriever=Retriever(KnowledgeIndex.build(product.knowledge)),
        backend=backend,
        gateway=Gateway(Litellm()),
        warmer=Warmer(backend.models) if isinstance(backend, LocalBackend) else None,
    )
