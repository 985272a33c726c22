"""Reads documents in another process, within a time that a hostile file cannot stretch."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from data.documents.reading import Limits, Reading, Unreadable

_ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "data.documents"]


class SuddenEnd(Unreadable):
    """The process ended over a file, by the file's doing or by that of the system."""


class ReaderProcess:
    """Reads one file after the other. Its process begins with the first and can be lost without harm."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def read(self, name: str, content: bytes, limits: Limits) -> Reading:
        """As `read_document`; ends the process when a file takes longer than its limit. Raises Unreadable."""
        with self._lock:
            process = self._running()
            too_slow = threading.Event()
            timer = threading.Timer(limits.longest_s, self._give_up, (process, too_slow))
            timer.daemon = True
            timer.start()
            try:
                line = _exchange(process, name, content, limits)
            finally:
                timer.cancel()
            if not line:
                self._end()
        if too_slow.is_set():
            raise Unreadable(
                "too_slow",
                f"takes longer than {limits.longest_s:.0f} s to read. Save it again, or as plain text.",
            )
        if not line:
            raise SuddenEnd("damaged", "is damaged: reading it came to a sudden end. Save it again.")
        answer = json.loads(line)
        if "reading" in answer:
            return Reading.model_validate(answer["reading"])
        raise Unreadable(answer["reason"], answer["message"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def __enter__(self) -> ReaderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                COMMAND,
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _give_up(self, process: subprocess.Popen[bytes], too_slow: threading.Event) -> None:
        too_slow.set()
        process.kill()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was still to be written has nobody to read it


def _exchange(process: subprocess.Popen[bytes], name: str, content: bytes, limits: Limits) -> bytes:
    """Hand over a file and wait for the answer; empty when the process ended over it."""
    assert process.stdin is not None
    assert process.stdout is not None
    head = {"name": name, "size_bytes": len(content), "limits": dataclasses.asdict(limits)}
    try:
        process.stdin.write(json.dumps(head).encode() + b"\n" + content)
        process.stdin.flush()
        line = process.stdout.readline()
        return line if line.endswith(b"\n") else b""  # half an answer is none
    except OSError:
        return b""
