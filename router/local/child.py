"""The embedded models as the rest of Upshift sees them: a state per tier, and an address once it answers.

Two threads: one fetches weights, the other keeps the model process alive and listens to it. Whoever
asks never waits for either.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from data.model_files import ModelFile, find_model
from router.local.download import Cancelled
from router.local.errors import LocalModelError, megabytes
from router.local.memory import available_bytes, needed_bytes
from router.local.process import ChildLine, ModelProcess, ServerSettings
from router.local.states import Endpoint, Rate, TierStatus
from router.local.weights import Progress, ensure, presence

_QUICK_DEATH_S = 30.0
_QUICK_DEATHS = 4
_BACK_OFF_S = 1.0
_INSTEAD = "or answer with a key instead (OPENAI_API_KEY and UPSHIFT_PRESET=openai)"
_log = logging.getLogger(__name__)


class LocalModels:
    """The models of some tiers, most important first, served by one process beside ours.

    `tiers` maps a tier to a name in models.toml (or in `known`). Raises ConfigError for a name that
    is not there.
    """

    def __init__(
        self,
        tiers: Mapping[str, str],
        folder: Path,
        *,
        settings: ServerSettings | None = None,
        known: Mapping[str, ModelFile] | None = None,
    ) -> None:
        self._models = {tier: known[name] if known else find_model(name) for tier, name in tiers.items()}
        self._folder = folder
        self._settings = settings or ServerSettings()
        self._key = secrets.token_urlsafe(24)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._status = {tier: self._unfetched(tier) for tier in self._models}
        self._paths: dict[str, Path] = {}
        self._ports: dict[str, int] = {}
        self._loading: str | None = None
        self._process: ModelProcess | None = None
        self._threads: list[threading.Thread] = []

    @property
    def n_slots(self) -> int:
        """How many answers a tier can write at once."""
        return self._settings.n_parallel

    @property
    def pid(self) -> int | None:
        """The model process's number, None while there is none."""
        process = self._process
        return process.pid if process else None

    def start(self) -> None:
        """Begin to fetch and load; returns at once. A second call begins only what could not begin."""
        works = (("upshift-weights", self._fetch_all), ("upshift-models", self._keep_alive))
        with self._changed:
            if self._closing.is_set():
                return
            for name, work in works[len(self._threads) :]:
                thread = threading.Thread(target=work, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)

    def status(self, tier: str) -> TierStatus:
        """Where the tier's model is now. Never blocks for longer than a dictionary look-up."""
        return self._status[tier]

    def wait(self, tier: str, timeout_s: float) -> TierStatus:
        """The tier's status once it is ready, failed or in another state than now, or time is up."""
        with self._changed:
            before = self._status[tier].state
            if before not in ("ready", "failed"):
                self._changed.wait_for(lambda: self._status[tier].state != before, timeout_s)
            return self._status[tier]

    def endpoint(self, tier: str) -> Endpoint:
        """Where the tier answers. Raises LocalModelError while it does not."""
        with self._changed:
            status, port = self._status[tier], self._ports.get(tier)
        if status.state != "ready" or port is None:
            raise LocalModelError(
                status.message or f"{self._models[tier].label} is not ready yet ({status.state}).",
                "not_ready",
            )
        base = f"http://127.0.0.1:{port}/v1"
        return Endpoint(api_base=base, api_key=self._key, model=self._models[tier].name)

    def retry(self) -> None:
        """Try again to fetch and load every tier that failed."""
        with self._changed:
            for tier, status in self._status.items():
                if status.state == "failed":
                    self._set(self._unfetched(tier))

    def close(self) -> None:
        """End the model process and the download; what has arrived is kept."""
        self._closing.set()
        with self._changed:
            process = self._process
            self._changed.notify_all()
        if process:
            process.end()
        for thread in self._threads:
            thread.join(2)

    # Fetching

    def _fetch_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or self._next_absent() is not None)
                tier = self._next_absent()
            if self._closing.is_set() or tier is None:
                return
            try:
                path = self._fetch(tier)
            except Cancelled:
                return
            except LocalModelError as error:
                self._fail(tier, str(error))
            except Exception as error:  # noqa: BLE001 (without this thread every message waits for ever)
                self._fail_unforeseen(tier, error)
            else:
                with self._changed:
                    self._paths[tier] = path
                    self._set(TierStatus(tier=tier, state="loading"))
                    self._load_next()

    def _fetch(self, tier: str) -> Path:
        rate = Rate()

        def tell(progress: Progress) -> None:
            left = rate.remaining_s(progress.done_bytes, progress.total_bytes)
            note = f"from {progress.source}" if progress.source else ""
            self._set(
                TierStatus(
                    tier=tier,
                    state=progress.state,
                    done_bytes=progress.done_bytes,
                    total_bytes=progress.total_bytes,
                    remaining_s=left if progress.state == "downloading" else None,
                    message=note,
                )
            )

        return ensure(self._models[tier], self._folder, tell, self._closing)

    def _fail_unforeseen(self, tier: str, error: Exception) -> None:
        # A proxy's URL can hold a password, and what is said of a wrong one quotes from it ("Invalid
        # port: …"). So neither the page nor the log gets an error's words, unless they name a package.
        label, kind = self._models[tier].label, type(error).__name__
        frames = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s could not be fetched: %s\n%s", label, kind, frames)
        why = f"{kind}: {error}" if isinstance(error, ImportError) else kind
        self._fail(
            tier,
            f"{label} could not be fetched ({why}). Look at the proxies and addresses that are set "
            "(ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, HF_ENDPOINT, PIP_INDEX_URL) and start Upshift again, or "
            f"try again, {_INSTEAD}.",
        )

    def _next_absent(self) -> str | None:
        return next((tier for tier, status in self._status.items() if status.state == "absent"), None)

    def _unfetched(self, tier: str) -> TierStatus:
        model = self._models[tier]
        done = presence(model, self._folder)[1]
        return TierStatus(tier=tier, state="absent", done_bytes=done, total_bytes=model.bytes)

    # Serving

    def _keep_alive(self) -> None:
        quick_deaths = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or bool(self._paths))
            if self._closing.is_set():
                return
            started = time.monotonic()
            how = self._run_once()
            if self._closing.is_set():
                return
            quick_deaths = quick_deaths + 1 if time.monotonic() - started < _QUICK_DEATH_S else 1
            if quick_deaths >= _QUICK_DEATHS:
                self._give_up(quick_deaths, how)
                quick_deaths = 0
            elif quick_deaths > 1:
                self._closing.wait(_BACK_OFF_S * 2 ** (quick_deaths - 2))

    def _run_once(self) -> str:
        """Start the process and listen until it ends; returns how it ended."""
        try:
            process = ModelProcess(self._settings, self._key)
        except OSError as error:
            return f"it could not be started: {error}"
        with self._changed:
            self._process = process
            self._load_next()
        if self._closing.is_set():
            process.end()
        for line in process.lines():
            self._hear(line)
        how = process.ending()
        with self._changed:
            self._process, self._loading = None, None
            self._ports.clear()
            for tier in self._paths:
                self._set(
                    TierStatus(tier=tier, state="loading", message="The model process is being restarted.")
                )
        return how

    def _load_next(self) -> None:
        """Ask for the most important model that is here but not served; one at a time, so that each
        can be checked against the memory that the others left.
        """
        with self._changed:
            waiting = [tier for tier in self._models if tier in self._paths and tier not in self._ports]
            if self._process is None or self._loading is not None:
                return
            for tier in waiting:
                problem = self._too_large(tier)
                if problem:
                    self._fail(tier, problem)
                    continue
                self._loading = tier
                self._process.load(tier, self._paths[tier], self._models[tier].name)
                return

    def _hear(self, line: ChildLine) -> None:
        with self._changed:
            if line.state == "loading":
                self._set(TierStatus(tier=line.tier, state="loading"))
                return
            self._loading = None
            if line.state == "ready" and line.port is not None:
                self._ports[line.tier] = line.port
                self._set(TierStatus(tier=line.tier, state="ready"))
            else:
                name = self._models[line.tier].name
                self._fail(
                    line.tier,
                    f"{line.message} Fetch the file again (`python -m router models remove {name}`, then "
                    f"`python -m router models pull {name}`), {_INSTEAD}.",
                )
            self._load_next()

    def _too_large(self, tier: str) -> str:
        free = available_bytes()
        need = needed_bytes(self._models[tier], self._settings.n_ctx, self._settings.cache_ram_mib)
        if free is None or free >= need:
            return ""
        return (
            f"{self._models[tier].label} needs about {megabytes(need)} of memory and {megabytes(free)} are "
            f"available. Close other programs and try again, {_INSTEAD}."
        )

    def _give_up(self, deaths: int, how: str) -> None:
        for tier in list(self._paths):
            self._fail(
                tier,
                f"The model process ended {deaths} times in a row ({how}). If memory is short, "
                f"close other programs; then try again, {_INSTEAD}.",
            )

    def _fail(self, tier: str, message: str) -> None:
        with self._changed:
            self._paths.pop(tier, None)
            self._set(TierStatus(tier=tier, state="failed", message=message))

    def _set(self, status: TierStatus) -> None:
        with self._changed:
            self._status[status.tier] = status
            self._changed.notify_all()
