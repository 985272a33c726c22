"""The child process that runs llama.cpp: `python -m router.local`, started by router.local.child.

It reads JSON lines. The first gives the key that every request must show and how to serve:
`{"api_key", "n_parallel", "n_ctx", "n_batch", "n_threads", "cache_ram_mib", "slot_prompt_similarity"}`.
Each further one loads a model: `{"load": {"tier", "path", "alias"}}`, with an optional `"port"` to try
first. It writes `{"tier", "state": "loading"|"ready"|"failed",
"port", "message"}`. When its input ends, or its parent is gone, it ends at once.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from typing import Any, NoReturn, TextIO

_PORT_TRIES = 5


def main() -> NoReturn:
    """Serve until standard input ends."""
    # Ctrl-C in a terminal reaches us as well; it is the parent that decides when we end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = _private_stdout()
    settings = json.loads(sys.stdin.readline() or "{}")
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    servers: list[object] = []  # A server lives as long as it is referred to.
    while True:
        job = jobs.get()["load"]
        tier = str(job["tier"])
        _say(out, tier, "loading")
        try:
            server, port = _serve(settings, job)
        except Exception as error:  # noqa: BLE001  llama.cpp's errors come as bare Exception; the parent reports them.
            _say(out, tier, "failed", message=str(error) or type(error).__name__)
        else:
            servers.append(server)
            _say(out, tier, "ready", port=port)


def _serve(settings: dict[str, Any], job: dict[str, Any]) -> tuple[object, int]:
    """Load one model behind a port of its own; returns once it answers."""
    import xllamacpp

    for attempt in range(_PORT_TRIES):
        port = _free_port() if attempt or "port" not in job else int(job["port"])
        try:
            return xllamacpp.Server(_params(settings, job, port)), port
        except Exception as error:
            # Somebody took the port between our look and llama.cpp's bind: another one will do.
            if not _is_taken(port) or attempt == _PORT_TRIES - 1:
                raise RuntimeError(f"llama.cpp could not load {job['path']}: {error}") from error
    raise AssertionError("unreachable")


def _params(settings: dict[str, Any], job: dict[str, Any], port: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(job["path"])
    params.model_alias = {str(job["alias"])}
    params.hostnames, params.port = ["127.0.0.1"], port
    params.api_keys = [str(settings["api_key"])]
    params.n_parallel, params.n_ctx = int(settings["n_parallel"]), int(settings["n_ctx"])
    # Small batches: a request that is stopped while it is read is noticed between two of them.
    params.n_batch = params.n_ubatch = int(settings["n_batch"])
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(settings["n_threads"])
    params.cache_ram_mib = int(settings["cache_ram_mib"])
    # Which slot takes a prompt: below this share of common beginning the cache of prompts is searched too.
    params.slot_prompt_similarity = float(settings["slot_prompt_similarity"])
    # Not mapped: llama.cpp keeps most weights in an order of its own as well, and of a mapped file the
    # originals would stay in memory beside them (measured: 2,785 MB for both models, so 2,129 MB).
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.n_gpu_layers = 0
    # Nothing but answers: no page of its own, no listing of what the slots hold, no messages.
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.verbosity = 0
    return params


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _read_jobs(jobs: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)


def _watch_parent(parent: int) -> None:
    """End when we were given to another parent: a fork of the old one may still hold our input open."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _private_stdout() -> TextIO:
    """Standard output for our lines alone; whatever llama.cpp prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return out


def _say(out: TextIO, tier: str, state: str, *, port: int | None = None, message: str = "") -> None:
    out.write(json.dumps({"tier": tier, "state": state, "port": port, "message": message}) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
