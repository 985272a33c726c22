"""Run pip over a locked list and show, in one line, how far it is."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

_BEGINS = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([\w.-]+)")
_LOCAL = re.compile(r"^Processing (?:.*[/\\])?([\w.]+)-\d")  # a wheel on this machine
_SIZE = re.compile(r"^\s+Downloading \S+ \(([\d.]+ [kM]B)\)")
_UNPACKS = re.compile(r"^Installing collected packages")


class InstallError(RuntimeError):
    """pip failed. The text has its last words and what to do."""


def install(python: Path, requirements: Path) -> None:
    """Install exactly what `requirements` lists, by hash and from wheels only. Raises InstallError."""
    command = [str(python), "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:"]
    command += ["--no-input", "--progress-bar", "off", "--disable-pip-version-check", "-r", requirements.name]
    # pip settings of the user's stay in force (a company's mirror, certificates), but not `user = true`.
    environment = {**os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=requirements.parent, env=environment, text=True, encoding="utf-8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        try:
            words = _follow(process, _count(requirements))
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise InstallError(_explain(words))


def _count(requirements: Path) -> int:
    return sum("==" in line for line in requirements.read_text(encoding="utf-8").splitlines())


def _follow(process: subprocess.Popen[str], total: int) -> list[str]:
    """Draw progress until pip has ended; returns its output."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    line_shown = ProgressLine()
    words: list[str] = []
    done, doing = 0, "asking the package index"
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            line_shown.draw(doing)
            continue
        if line is None:
            line_shown.end()
            return words
        words.append(line)
        if line.startswith("Ignoring "):
            total -= 1  # meant for another system or Python
        elif begins := _BEGINS.match(line) or _LOCAL.match(line):
            done += 1
            doing = f"package {done} of {total}: {begins[1]}"
        elif size := _SIZE.match(line):
            doing += f", {size[1]}"
        elif _UNPACKS.match(line):
            doing = f"unpacking {done} packages"
        line_shown.draw(doing)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip("\n"))
    lines.put(None)


def _explain(words: list[str]) -> str:
    text = "\n".join(words)
    hint = "Try again; what has been downloaded is kept."
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in text:
        hint = "A package is not the one that was locked. Do not install it by other means; look into it."
    elif "No matching distribution" in text or "from versions: none" in text:
        version = ".".join(map(str, sys.version_info[:2]))
        hint = (
            "Either the package index cannot be reached, or a package has no build for this system or for\n"
            f"Python {version}. With another Python: make run PYTHON=python3.12"
        )
    elif "No space left" in text:
        hint = "The disk is full: .venv needs up to 1.3 GB, and pip's cache 350 MB."
    elif "SSL" in text:
        hint = "The certificate of the package index is not trusted here: set PIP_CERT to your CA file."
    return "\n".join([*words[-12:], "", "The packages could not be installed.", hint])


class ProgressLine:
    """One line that is drawn over on a terminal, and a line now and then in a log file."""

    PAUSE_S = 10.0
    """Between lines in a log file."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = float("-inf")
        self._live = sys.stdout.isatty()

    def draw(self, doing: str) -> None:
        """Show `doing` with the time so far."""
        now = time.monotonic()
        if now - self._last < (0.1 if self._live else self.PAUSE_S):
            return
        self._last = now
        text = f"  {now - self._began:3.0f} s  {doing}"
        print(f"\r\033[K{text[:78]}" if self._live else text, end="" if self._live else "\n", flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._live:
            print("\r\033[K", end="", flush=True)
