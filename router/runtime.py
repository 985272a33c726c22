"""What a process has once: the services, the log, the answers under way and the conversations.

app.py builds it when the server starts and ends it with the server. A page that runs without that
(in a test, say) builds it on first use.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from data.config import ConfigError
from data.log import Log
from data.paths import log_path
from data.presets import Preset, load_preset
from data.privacy import text_policy
from data.records import Purpose
from data.store import LogUnavailable, Store
from router.conversations import Conversation, Conversations
from router.journal import Journal
from router.restore import restore
from router.running import UNWATCHED_S, Running
from router.services import Services, build_services

APP_VERSION = "0.1.0"
# How long a figure of what is usual is shown before the log is asked again.
USUAL_KEPT_S = 60.0
# How often services that were switched away from are looked at, whether an answer still needs them.
RETIRED_LOOK_S = 0.2
LOG = logging.getLogger("upshift")


@dataclass
class Runtime:
    """The parts of the running app."""

    services: Services
    log: Log
    journal: Journal
    running: Running
    conversations: Conversations
    purpose: Purpose
    page_drawn: threading.Event = field(default_factory=threading.Event)
    _usual: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    _retired: list[Services] = field(default_factory=list)
    _switching: threading.Lock = field(default_factory=threading.Lock)

    @property
    def preset_locked(self) -> bool:
        """Whether the models stay as they are: `UPSHIFT_PRESET_LOCKED=1`, and always in a study."""
        return self.purpose == "research" or os.environ.get("UPSHIFT_PRESET_LOCKED") == "1"

    @property
    def preset(self) -> Preset:
        """The preset that answers."""
        return self.services.preset

    def find_conversation(self, conversation_id: str | None) -> Conversation | None:
        """The conversation of this process, or what the log keeps of one. Raises LogUnavailable."""
        return restore(
            conversation_id, self.conversations, self.log.path, self.services.retriever, self.preset
        )

    def usual_seconds(self, tier: str) -> float | None:
        """How long answers of this tier usually take, from the log; asked once a minute at most."""
        at_s, known = self._usual.get(tier, (-math.inf, None))
        if time.monotonic() - at_s > USUAL_KEPT_S:
            known = self._ask_usual(tier)
            self._usual[tier] = (time.monotonic(), known)
        return known

    def _ask_usual(self, tier: str) -> float | None:
        try:
            return Store(self.log.path).usual_seconds(tier)
        except LogUnavailable:
            return None

    def begin(self) -> None:
        """Bring the models up and import litellm, in the background; a second call does nothing."""
        self.services.start()

    def begin_when_drawn(self, at_latest_s: float) -> None:
        """Wait for the first page to be drawn before beginning: both would want the same processors."""
        self.page_drawn.wait(at_latest_s)
        self.begin()

    def switch(self, name: str) -> None:
        """Answer new messages with the preset `name`; answers under way end with the old one.

        For everybody who uses this server: a page that has not agreed to where the text would go now
        must ask first. Raises ConfigError if there is no such preset or it is locked.
        """
        if self.preset_locked:
            raise ConfigError("The models are set by whoever runs this page, and cannot be switched here.")
        with self._switching:
            if name == self.preset.name:
                return
            services = build_services(load_preset(name))
            services.start()
            self._retired.append(self.running.use(services))
            self.services = services
            self.journal.preset = services.preset.name
            self._usual.clear()
        threading.Thread(target=self._close_retired, name="preset-retired", daemon=True).start()

    def _close_retired(self) -> None:
        """Close services that were switched away from, once no answer needs them."""
        while True:
            with self._switching:
                used = [self.running.uses(services) for services in self._retired]
                done = [item for item, still in zip(self._retired, used, strict=True) if not still]
                self._retired = [item for item, still in zip(self._retired, used, strict=True) if still]
            for services in done:
                services.close()
            if not self._retired:
                return
            time.sleep(RETIRED_LOOK_S)

    def close(self) -> None:
        """Stop answers, end the models and write what is left of the log."""
        self.running.close()
        with self._switching:
            ending, self._retired = [self.services, *self._retired], []
        for services in ending:
            services.close()
        self.log.close()


_current: Runtime | None = None
_lock = threading.Lock()


def current(begin: bool = True) -> Runtime:
    """The process's runtime, built on first use and begun unless told otherwise. Raises ConfigError."""
    global _current
    with _lock:
        if _current is None:
            _current = build(begin=begin)
        return _current


def shut_down() -> None:
    """Close the current runtime, if there is one."""
    global _current
    with _lock:
        closing, _current = _current, None
    if closing is not None:
        closing.close()


def received_s(turn_id: str) -> float | None:
    """When the server received a turn (monotonic seconds); None for one that it does not know."""
    running = _current.running.get(turn_id) if _current else None
    return running.received_clock_s if running else None


class CurrentLog:
    """The log of the current runtime, for routes that are made before there is one."""

    def put(self, table: str, row: Mapping[str, object], *, keep_first: bool = False) -> None:
        """Write a row, if there is a log."""
        if _current is not None:
            _current.log.put(table, row, keep_first=keep_first)


def replace(runtime: Runtime | None) -> None:
    """Put another runtime in place (tests), or none, so that the next use builds a new one."""
    global _current
    with _lock:
        _current = runtime


def build(services: Services | None = None, *, begin: bool = True) -> Runtime:
    """A runtime from the environment; `begin` also brings the models up.

    Raises ConfigError when a file or setting is wrong.
    """
    purpose = purpose_from_environment()
    chosen = services or build_services()
    text_mode, text_days = text_policy(purpose)
    unwatched_s = unwatched_from_environment()
    log = Log(log_path())
    journal = Journal(log, chosen.preset.name, text_mode, text_days)
    if begin:
        chosen.start()
    return Runtime(
        services=chosen,
        log=log,
        journal=journal,
        running=Running(chosen, journal.event, unwatched_s),
        conversations=Conversations(),
        purpose=purpose,
    )


def purpose_from_environment() -> Purpose:
    """`UPSHIFT_PURPOSE`: what this run is for, which decides what text is kept. Raises ConfigError."""
    chosen = os.environ.get("UPSHIFT_PURPOSE", "dogfood")
    for purpose in get_args(Purpose):
        if chosen == purpose:
            return purpose  # type: ignore[no-any-return]
    known = ", ".join(get_args(Purpose))
    raise ConfigError(f"UPSHIFT_PURPOSE={chosen}: not known; use one of: {known}")


def unwatched_from_environment() -> float:
    """`UPSHIFT_UNWATCHED_S`: seconds without a watcher after which an answer is stopped.

    Raises ConfigError.
    """
    chosen = os.environ.get("UPSHIFT_UNWATCHED_S", str(UNWATCHED_S))
    try:
        seconds = float(chosen)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigError(f"UPSHIFT_UNWATCHED_S={chosen}: not a number of seconds above 0, such as 60")
    return seconds
