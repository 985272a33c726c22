"""Side files for records that the log could not take: kept in order, added later.

A spool is JSON lines, one record each. It lies beside the log or, where that folder cannot be
written, in the user's state folder. Each place has its own lock, so that several apps may share it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import platformdirs
from filelock import FileLock

from data.schema import LogMistake, Row, encode

_LOCK_TIMEOUT_S = 2.0
_CHUNK = 1000


class Entry(NamedTuple):
    """One record for one table. With `keep_first` only columns that are still null are filled."""

    table: str
    row: Row
    keep_first: bool = False


class Rejected(NamedTuple):
    """A record that the log will never take as it is, and why."""

    entry: Entry
    reason: str


def spool_places(log: Path) -> tuple[Path, Path]:
    """Where the log's spool may lie: beside it, else in the user's state folder (`UPSHIFT_SPOOL`)."""
    chosen = os.environ.get("UPSHIFT_SPOOL")
    folder = Path(chosen) if chosen else Path(platformdirs.user_state_dir("upshift", False)) / "spool"
    digest = hashlib.sha256(os.fsencode(Path(log).absolute())).hexdigest()[:12]
    return log.with_name(f"{log.name}.spool.jsonl"), folder / f"{log.name}-{digest}.spool.jsonl"


def rejected_place(spool: Path) -> Path:
    """Where records go that fit no table, next to the spool."""
    return spool.with_name(spool.name.replace(".spool.", ".rejected."))


class Spool:
    """The spool of one log, shared by all processes that write to it."""

    def __init__(self, log: Path) -> None:
        self.places = spool_places(log)

    def append(self, entries: Iterable[Entry]) -> Path:
        """Write the entries to disk (fsync) and return where. Raises OSError if no place can be written."""
        lines = [
            json.dumps({"n": time.time_ns(), "t": e.table, "k": e.keep_first, "r": e.row}) for e in entries
        ]
        return self._append(lines, lambda place: place)

    def reject(self, rejected: Iterable[Rejected]) -> Path:
        """Keep records that fit no table, with the reason. Raises OSError if no place can be written."""
        lines = [
            json.dumps(
                {"reason": r.reason, "t": r.entry.table, "k": r.entry.keep_first, "r": r.entry.row},
                default=repr,
            )
            for r in rejected
        ]
        return self._append(lines, rejected_place)

    def count(self) -> int:
        """How many records wait. Raises OSError if a spool cannot be read."""
        return sum(len(_read_lines(place)) for place in self.places)

    def waiting(self) -> list[Entry]:
        """The records that wait, oldest first. Raises OSError if a spool cannot be read."""
        return _parse(line for place in self.places for line in _read_lines(place))[0]

    def retry_rejected(self, write: Callable[[Sequence[Entry]], None]) -> int:
        """Hand the rejected records that fit the log by now to `write`; returns how many did."""
        taken = 0
        for place in self.places:
            file = rejected_place(place)
            if file.exists():
                with _lock(place):
                    entries = [entry for line in _read_lines(file) if (entry := parse_line(line))]
                    write(entries)
                    _filter_lines(file, lambda line: parse_line(line) is not None)
                    taken += len(entries)
        return taken

    def replay(self, write: Callable[[Sequence[Entry]], None]) -> int:
        """Hand all records to `write`, oldest first, then remove the spool; returns how many.

        What `write` raises is passed on, and the spool stays as it was: writing a record twice
        leaves what writing it once leaves. Lines that are no records go to the rejected file.
        """
        with contextlib.ExitStack() as stack:
            for place in self.places:
                if place.exists():
                    stack.enter_context(_lock(place))
            lines = [line for place in self.places for line in _read_lines(place)]
            entries, torn = _parse(lines)
            for start in range(0, len(entries), _CHUNK):
                write(entries[start : start + _CHUNK])
            if torn:
                self._append(torn, rejected_place)
            for place in self.places:
                place.unlink(missing_ok=True)
        return len(entries)

    def forget(self, is_gone: Callable[[Entry], bool]) -> int:
        """Remove records (a person's text) from the spool and the rejected records; returns how many."""
        gone = 0
        for place in self.places:
            for file in (place, rejected_place(place)):
                if file.exists():
                    with _lock(place):
                        gone += _filter_lines(file, lambda line: _matches(line, is_gone))
        return gone

    def _append(self, lines: list[str], file_of: Callable[[Path], Path]) -> Path:
        problem = OSError("no place for a side file")
        for place in self.places:
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                with _lock(place):
                    _append_lines(file_of(place), lines)
                return file_of(place)
            except OSError as error:
                problem = error
        raise problem


@contextlib.contextmanager
def _lock(place: Path) -> Iterator[None]:
    # A Timeout of filelock is a TimeoutError, so callers see an OSError. Singleton: the same
    # process may come back for it within a replay.
    with FileLock(f"{place}.lock", timeout=_LOCK_TIMEOUT_S, is_singleton=True, mode=0o600):
        yield


def _append_lines(file: Path, lines: list[str]) -> None:
    """Add the lines or nothing: a full disk must not leave half a record before the next one."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as handle:
        size = handle.seek(0, os.SEEK_END)
        text = "".join(f"{line}\n" for line in lines)
        if size and _last_byte(handle.fileno(), size) != b"\n":  # a crash tore the last line
            text = "\n" + text
        data = memoryview(text.encode())
        try:
            while data:
                data = data[handle.write(data) :]
            os.fsync(handle.fileno())
        except OSError:
            handle.truncate(size)
            raise


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


def _read_lines(place: Path) -> list[str]:
    try:
        text = place.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.split("\n") if line.strip()]


def _parse(lines: Iterable[str]) -> tuple[list[Entry], list[str]]:
    """The entries in the order in which they were put, and the lines that are none."""
    found: list[tuple[int, Entry]] = []
    torn: list[str] = []
    for line in lines:
        entry = parse_line(line)
        if entry is None:
            torn.append(json.dumps({"reason": "not a record", "line": line}))
        else:
            found.append((json.loads(line).get("n", 0), entry))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])], torn


def parse_line(line: str) -> Entry | None:
    """The record in a line of a spool or a rejected file, None if there is none that fits the log."""
    try:
        raw = json.loads(line)
        return Entry(raw["t"], encode(raw["t"], raw["r"]), bool(raw.get("k")))
    except (ValueError, KeyError, TypeError, AttributeError, LogMistake):
        return None


def _filter_lines(file: Path, is_gone: Callable[[str], bool]) -> int:
    """Remove lines from a side file, by way of a new file; an empty one is removed."""
    lines = _read_lines(file)
    kept = [line for line in lines if not is_gone(line)]
    if not kept:
        file.unlink()
    elif len(kept) < len(lines):
        fresh = file.with_name(f"{file.name}.new")
        fresh.unlink(missing_ok=True)
        _append_lines(fresh, kept)
        fresh.replace(file)
    return len(lines) - len(kept)


def _matches(line: str, is_gone: Callable[[Entry], bool]) -> bool:
    # Rejected records are looked at as they are: they fit no table, but may still hold text.
    try:
        raw = json.loads(line)
    except ValueError:
        return False
    if not isinstance(raw, Mapping) or not isinstance(raw.get("r"), dict):
        return False
    return is_gone(Entry(str(raw.get("t")), raw["r"]))
