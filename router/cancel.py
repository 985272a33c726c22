"""Stopping something that another thread is doing, also while it waits inside a library."""

from __future__ import annotations

import threading
from collections.abc import Callable

from data.events import StopReason


class Cancel:
    """A request to stop, with a reason, and with what must be done at once to bring it about."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._actions: list[Callable[[], None]] = []
        self.reason: StopReason | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked.is_set()

    def ask(self, reason: StopReason) -> None:
        """Ask to stop. The first reason stays; every action registered so far runs now."""
        with self._lock:
            if self._asked.is_set():
                return
            self.reason = reason
            self._asked.set()
            actions, self._actions = self._actions, []
        for action in actions:
            action()

    def on_ask(self, action: Callable[[], None]) -> None:
        """Run `action` when the stop is asked for: at once, if that has already happened."""
        with self._lock:
            if not self._asked.is_set():
                self._actions.append(action)
                return
        action()

    def wait(self, timeout_s: float) -> bool:
        """Wait until a stop is asked for, at most `timeout_s`; whether it was."""
        return self._asked.wait(timeout_s)
