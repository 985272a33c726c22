"""How much memory a model needs, and how much there is."""

from __future__ import annotations

from pathlib import Path

from data.model_files import ModelFile

# What llama.cpp takes besides weights and context with batches of 128 (measured: 90 to 200 MB a model).
_WORKING_BYTES = 200_000_000


def needed_bytes(model: ModelFile, n_ctx: int, cache_ram_mib: int) -> int:
    """Bytes for the weights, `n_ctx` tokens of context, the cache of prompts, and llama.cpp's own work."""
    return model.bytes + n_ctx * model.kv_bytes_per_token + cache_ram_mib * 2**20 + _WORKING_BYTES


def available_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that a new process could take, None where the system does not tell (macOS, Windows).

    The kernel's estimate, and less than it in a container with a limit of its own (cgroup v2).
    """
    free = _field(proc / "meminfo", "MemAvailable:")
    if free is None:
        return None
    free *= 1024
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if limit is None or used is None:
        return free
    # Pages of files that nobody uses can be dropped, so they count as available here as well.
    droppable = _field(cgroup / "memory.stat", "inactive_file") or 0
    return min(free, max(0, limit - used + droppable))


def _field(file: Path, name: str) -> int | None:
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None


def _number(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
