"""Keeps answers alive between page runs: a page that goes away takes nothing with it.

Each turn is answered in a worker thread, the only consumer of `router.answer`. It stamps every
event, appends it, wakes whoever watches, and hands it to the journal. Pages read
`events(turn_id, after)`; a reload or a second tab finds the same list.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from data.events import (
    Ending,
    Event,
    Failed,
    FellBack,
    Finished,
    Queued,
    Requested,
    Routed,
    Stopped,
    StopReason,
    TextDelta,
)
from data.records import Turn
from router.answer import answer
from router.cancel import Cancel
from router.services import Services
from router.uploads import ConversationFiles

LOG = logging.getLogger("upshift.running")
# With nobody watching for so long, an answer is stopped: nobody is left to read it.
UNWATCHED_S = 60.0
# Finished turns that are kept for reloads. Their conversations hold on to those that they need.
KEPT_TURNS = 2000

Listener = Callable[["RunningTurn", Event], None]


class RunningTurn:
    """A turn and the events of its answer so far. Safe to read from any thread."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.received_s = time.perf_counter()
        # The same moment on the clock that browsers are compared with (see components.marks_route).
        self.received_clock_s = time.monotonic()
        self.cancel = Cancel()
        self._events: list[Event] = []
        self._news = threading.Condition()
        self._watchers = 0
        self._marks = 0
        self._has_text = False
        self._unwatched_since_s = self.received_s
        self._was_watched = False
        self._left_ms: float | None = None

    @classmethod
    def ended_before(cls, turn: Turn, events: Sequence[Event]) -> RunningTurn:
        """A turn of an earlier run of the server, with the events that are still known of it."""
        running = cls(turn)
        running._events = [
            event.model_copy(update={"turn_id": turn.turn_id, "seq": seq}) for seq, event in enumerate(events)
        ]
        return running

    @property
    def ended(self) -> bool:
        """Whether the last event has happened."""
        events = self._events
        return bool(events) and isinstance(events[-1], Finished | Stopped | Failed)

    @property
    def ending(self) -> Ending | None:
        """The last event, if the turn has ended."""
        last = self._events[-1] if self._events else None
        return last if isinstance(last, Finished | Stopped | Failed) else None

    @property
    def tier(self) -> str | None:
        """The tier that answers: the one that was chosen, or the one that stands in for it."""
        tier = None
        for event in self._events:
            if isinstance(event, TextDelta):
                break
            if isinstance(event, Routed):
                tier = event.decision.tier
            elif isinstance(event, FellBack):
                tier = event.to_tier
        return tier

    def events(self, after: int = -1, timeout_s: float = 0.0) -> list[Event]:
        """Events with a `seq` above `after`; waits up to `timeout_s` if there are none yet."""
        with self._news:
            self._news.wait_for(lambda: len(self._events) > after + 1 or self.ended, timeout_s)
            return self._events[after + 1 :]

    def wait_until_asked(self, timeout_s: float) -> None:
        """Wait until the model has been asked (or the turn has ended), at most `timeout_s`."""
        with self._news:
            self._news.wait_for(
                lambda: self.ended or any(isinstance(event, Requested) for event in self._events), timeout_s
            )

    def append(self, event: Event) -> Event:
        """Stamp an event with turn, number and time, keep it, and wake whoever watches."""
        with self._news:
            stamped = event.model_copy(
                update={
                    "turn_id": self.turn.turn_id,
                    "seq": len(self._events),
                    "t_ms": self.elapsed_ms(),
                }
            )
            self._events.append(stamped)
            if self.ended and self._was_watched and not self._watchers:
                self._left_ms = (self._unwatched_since_s - self.received_s) * 1000
            self._news.notify_all()
        return stamped

    def elapsed_ms(self) -> float:
        """Milliseconds since the server received the turn."""
        return (time.perf_counter() - self.received_s) * 1000

    def next_mark(self) -> int:
        """A number for a mark that is not an event: 1, 2, 3 …"""
        with self._news:
            self._marks += 1
            return self._marks

    def first_text(self) -> bool:
        """True once: when the first text arrives."""
        first, self._has_text = not self._has_text, True
        return first

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While held, somebody is looking at the answer."""
        with self._news:
            self._watchers += 1
            self._was_watched = True
        try:
            yield
        finally:
            with self._news:
                self._watchers -= 1
                self._unwatched_since_s = time.perf_counter()

    @property
    def watchers(self) -> int:
        """How many pages look at the answer."""
        return self._watchers

    @property
    def left_ms(self) -> float | None:
        """When the last page that looked at the answer went away; None if one was there at its end."""
        return self._left_ms

    def unwatched_s(self) -> float:
        """For how many seconds nobody has been looking."""
        with self._news:
            return 0.0 if self._watchers else time.perf_counter() - self._unwatched_since_s


class Running:
    """All answers of this process, by turn."""

    def __init__(
        self, services: Services, listener: Listener | None = None, unwatched_s: float = UNWATCHED_S
    ) -> None:
        self.services = services
        self._listener = listener
        self._unwatched_s = unwatched_s
        self._turns: dict[str, RunningTurn] = {}
        self._in_use: list[Services] = []
        self._lock = threading.Lock()

    def start(self, turn: Turn, files: ConversationFiles | None = None) -> RunningTurn:
        """Begin to answer `turn` in a thread of its own; `files` are those of its conversation."""
        running = RunningTurn(turn)
        with self._lock:
            self._turns[turn.turn_id] = running
            self._forget_old()
            services = self.services
            self._in_use.append(services)
        thread = threading.Thread(
            target=self._work, args=(running, services, files), name=f"turn-{turn.turn_id[:8]}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, for now
            LOG.exception("answering could not begin")
            self._record(running, Queued(reason="received"))  # with it the journal keeps the message
            self._fail(running, error)
            self._give_back(services)
        return running

    def use(self, services: Services) -> Services:
        """Answer turns that start from now on with other services; gives back those used before."""
        with self._lock:
            before, self.services = self.services, services
        return before

    def uses(self, services: Services) -> bool:
        """Whether an answer under way, or the next one, needs these services."""
        with self._lock:
            return services is self.services or any(services is used for used in self._in_use)

    def get(self, turn_id: str) -> RunningTurn | None:
        """The turn, if this process knows it."""
        return self._turns.get(turn_id)

    def stop(self, turn_id: str, reason: StopReason = "person") -> None:
        """Stop an answer and free its model. Unknown and ended turns are left as they are."""
        running = self.get(turn_id)
        if running is not None and not running.ended:
            running.cancel.ask(reason)

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop everything, for the end of the process."""
        under_way = [running for running in list(self._turns.values()) if not running.ended]
        for running in under_way:
            running.cancel.ask("shutdown")
        until = time.monotonic() + timeout_s
        for running in under_way:
            running.events(after=10**9, timeout_s=max(0.0, until - time.monotonic()))

    def _work(self, running: RunningTurn, services: Services, files: ConversationFiles | None) -> None:
        try:
            self._answer(running, services, files)
        finally:
            self._give_back(services)

    def _give_back(self, services: Services) -> None:
        with self._lock:
            at = next(i for i, used in enumerate(self._in_use) if used is services)
            del self._in_use[at]

    def _answer(self, running: RunningTurn, services: Services, files: ConversationFiles | None) -> None:
        try:
            self._watch(running)
            for event in answer(running.turn, services, running.cancel, running.received_s, files):
                self._record(running, event)
        except Exception as error:
            # A mistake of ours must end the turn where the person can see it and go on.
            LOG.exception("answering failed")
            self._fail(running, error)
        ending = running.ending
        if isinstance(ending, Finished):
            services.read_ahead(running.turn, ending.text)

    def _fail(self, running: RunningTurn, error: Exception) -> None:
        message = "Something went wrong inside Upshift. Retry; your message is kept."
        text = "".join(event.text for event in running.events() if isinstance(event, TextDelta))
        self._record(running, Failed(error_type=type(error).__name__, message=message, text=text))

    def _watch(self, running: RunningTurn) -> None:
        try:
            threading.Thread(target=self._leave_if_unwatched, args=(running,), daemon=True).start()
        except RuntimeError:  # no more threads, for now: an answer that nobody may read is better than none
            LOG.exception("an answer goes on whether somebody looks at it or not")

    def _record(self, running: RunningTurn, event: Event) -> None:
        stamped = running.append(event)
        if self._listener is None:
            return
        try:
            self._listener(running, stamped)
        except Exception:  # logging never breaks an answer
            LOG.exception("the journal failed")

    def _leave_if_unwatched(self, running: RunningTurn) -> None:
        while not running.ended and not running.cancel.asked:
            if running.unwatched_s() > self._unwatched_s:
                running.cancel.ask("abandoned")
                return
            running.events(after=10**9, timeout_s=min(1.0, self._unwatched_s / 4))

    def _forget_old(self) -> None:
        """Drop the oldest ended turns beyond what is kept. Called with the lock held."""
        surplus = len(self._turns) - KEPT_TURNS
        for turn_id in [key for key, value in self._turns.items() if value.ended][: max(0, surplus)]:
            del self._turns[turn_id]
