"""Everything that answering needs, put together once per process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from data.index_file import file_for, remove_older
from data.knowledge_index import KnowledgeIndex
from data.paths import index_folder, product_folder
from data.policy import Policy, load_policy
from data.presets import Preset, TierModel, load_preset
from data.product import Product, load_product
from data.records import Message, Turn
from router.backends import Backend, LocalBackend, backend_for
from router.decide import Decider
from router.gateway import Gateway
from router.heavy_share import threshold_for
from router.litellm_client import Litellm
from router.local.warm import Warmer
from router.prepare import build_prompt, conversation_prefix, find_sources
from router.retrieve import Retriever

# With more prompts than this waiting to be read in advance, the machine is never idle enough.
READ_AHEAD_QUEUE = 20


@dataclass
class Services:
    """The parts that `router.answer` uses. Tests put their own parts in.

    `preset` has the tiers that can be asked; `left_out` are those of it whose key or name is missing.
    """

    preset: Preset
    product: Product
    decider: Decider
    retriever: Retriever
    backend: Backend
    gateway: Gateway
    warmer: Warmer | None = None
    left_out: tuple[TierModel, ...] = ()
    _started: threading.Event = field(default_factory=threading.Event)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _slots: dict[str, threading.BoundedSemaphore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        slots = self.backend.n_slots
        if slots is not None:
            self._slots = {tier: threading.BoundedSemaphore(slots) for tier in self.preset.tier_names}

    def start(self) -> None:
        """Begin to import litellm and to bring the models up; returns at once. Once is enough.

        What could not begin is begun by the next call: each part's own start can be repeated.
        """
        with self._starting:
            if self._started.is_set():
                return
            self.gateway.litellm.start()
            self.backend.start()
            self.retriever.index.watch()
            self._started.set()
        # Only for speed: answers do without it, so it is not tried again.
        self.read_suggestions()

    def close(self) -> None:
        """End the model processes and the connections to providers."""
        if self.warmer is not None:
            self.warmer.close()
        self.backend.close()
        self.retriever.index.close()
        self.gateway.litellm.close()

    def take_slot(self, tier: str, timeout_s: float) -> bool:
        """Take one of the tier's slots; False if none came free in time."""
        slots = self._slots.get(tier)
        return True if slots is None else slots.acquire(timeout=timeout_s)

    def give_slot(self, tier: str) -> None:
        """Give back what `take_slot` took."""
        slots = self._slots.get(tier)
        if slots is not None:
            slots.release()

    def try_models_again(self) -> None:
        """Fetch and load again what failed, since somebody asks again."""
        if isinstance(self.backend, LocalBackend):
            self.backend.models.retry()

    def missing_weights(self) -> list[tuple[str, int]]:
        """Model files that are not on this machine yet: label and bytes still to fetch."""
        return self.backend.missing_weights() if isinstance(self.backend, LocalBackend) else []

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
        if self.warmer.waiting > READ_AHEAD_QUEUE:
            self.warmer.clear()
        for model in self.preset.tiers:
            self.warmer.read(model.tier, conversation_prefix(history, self.product, model), order=-1)

    def read_suggestions(self) -> None:
        """Let the models read the suggested messages in advance; they are still answered live."""
        if self.warmer is None:
            return
        for tier in self.preset.tiers:
            # Alone, too: whatever is asked first begins with it.
            self.warmer.read(tier.tier, conversation_prefix((), self.product, tier), order=-1)
        for suggestion in self.product.suggestions:
            messages = (Message(role="user", content=suggestion.prompt),)
            decision = self.decider.decide(messages, tiers=self.preset.tier_names)
            model = self.preset.tier(decision.tier)
            found = find_sources(messages, decision, self.retriever, self.product, model)
            built = build_prompt(messages, found.passages, self.product, model)
            order = self.preset.tier_names.index(decision.tier)
            self.warmer.read(model.tier, built.messages, order=order)


def build_services(preset: Preset | None = None) -> Services:
    """The services for a preset, with only those of its tiers that can be asked (all, if none can).

    Raises ConfigError when a configuration file has a mistake.
    """
    chosen = preset or load_preset()
    runnable = chosen.runnable()
    product = load_product(product_folder())
    backend = backend_for(runnable)
    return Services(
        preset=runnable,
        product=product,
        decider=decider_for(runnable),
        retriever=Retriever(_index_of(product)),
        backend=backend,
        gateway=Gateway(Litellm()),
        warmer=Warmer(backend.models) if isinstance(backend, LocalBackend) else None,
        left_out=tuple(tier for tier in chosen.tiers if tier not in runnable.tiers),
    )


def _index_of(product: Product) -> KnowledgeIndex:
    """The index of the product's documents, kept in a file; what else is to be read follows later."""
    file = file_for(product.knowledge, index_folder())
    remove_older(file)
    return KnowledgeIndex.open(product.knowledge, file)


def decider_for(preset: Preset, policy: Policy | None = None) -> Decider:
    """A decider by the preset's own table of tasks and its own threshold. Raises ConfigError.

    `policy` is the one that ships unless another is given.
    """
    policy = policy or load_policy()
    table = preset.table(policy)
    threshold = preset.policy.threshold
    if preset.policy.heavy_share is not None:
        threshold = threshold_for(preset.policy.heavy_share, Decider.load(policy))
    if threshold is not None:
        policy = policy.model_copy(update={"threshold": threshold})
    return Decider.load(policy, table)
