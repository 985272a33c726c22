"""What state the log is in, what that means, and repairs that lose nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data import migrations
from data.expiry import SET_ASIDE_DAYS, set_aside_logs
from data.spool import Entry, Spool, rejected_place
from data.store import LogUnavailable, reading


@dataclass
class Findings:
    """What was found. `advice` says what to do, in order; nothing in it means that all is well."""

    path: Path
    exists: bool = False
    size_bytes: int = 0
    steps: list[str] = field(default_factory=list)
    missing_steps: list[str] = field(default_factory=list)
    check: str = ""
    turns: int = 0
    open_turns: int = 0
    texts: int = 0
    spooled: dict[Path, int] = field(default_factory=dict)
    rejected: dict[Path, int] = field(default_factory=dict)
    set_aside: list[Path] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether there is nothing to be done."""
        return not self.advice


def examine(path: Path) -> Findings:
    """Look at the log and its side files without changing anything."""
    found = Findings(path, exists=path.exists(), set_aside=set_aside_logs(path))
    for place in Spool(path).places:
        for kind, file in ((found.spooled, place), (found.rejected, rejected_place(place))):
            lines = _count_lines(file)
            if lines:
                kind[file] = lines
    if found.exists:
        found.size_bytes = path.stat().st_size
        try:
            _look_inside(found)
        except LogUnavailable as error:
            found.check = str(error)
    found.advice = _advice(found)
    return found


def _look_inside(found: Findings) -> None:
    with reading(found.path) as connection:
        found.check = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        connection.row_factory = None
        found.steps = migrations.applied(connection)
        found.missing_steps = migrations.pending(connection)
        if not found.missing_steps:
            found.turns = _number(connection, "SELECT COUNT(*) FROM turns")
            found.open_turns = _number(connection, "SELECT COUNT(*) FROM turns WHERE status = 'open'")
            found.texts = _number(connection, "SELECT COUNT(*) FROM turn_text")
            rows = connection.execute("SELECT at, kind, n, detail FROM log_health ORDER BY at DESC LIMIT 5")
            found.incidents = [f"{at}  {kind} ({n}): {detail}" for at, kind, n, detail in rows]


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _count_lines(file: Path) -> int:
    try:
        return sum(
            1 for line in file.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()
        )
    except OSError:
        return 0


def _advice(found: Findings) -> list[str]:
    advice = []
    if found.exists and found.check != "ok":
        advice.append(
            "The file is damaged or cannot be read. --repair sets a damaged file aside under a dated name and"
            " begins a new one; `sqlite3 <file> .recover` may get rows out of the old one."
        )
    if found.exists and found.check == "ok" and found.missing_steps:
        advice.append("The schema is older than this version: start the app once, or use --repair.")
    if found.spooled:
        advice.append(
            "Records wait in a side file because the log could not be written (full disk, folder not"
            " writable, held by another program). When that is over, a running app adds them within a"
            " second; so do the next start and --repair."
        )
    if found.rejected:
        advice.append(
            "Some records fit no table: a mistake in the code that wrote them. The reason is in each line;"
            " --repair adds those that fit by now. Delete the file when you need none of them."
        )
    return advice


def repair(path: Path) -> list[str]:
    """Set a damaged file aside, bring the schema up to date, add what waits, close orphaned turns.

    Safe while the app runs. Returns what was done. Raises sqlite3.Error or OSError if it cannot be done.
    """
    from data.log_file import LogFile  # needs more imports than a mere look

    done: list[str] = []
    spool = Spool(path)
    file = LogFile(path)

    def write(entries: Sequence[Entry]) -> None:
        rejected = file.write(entries)
        if rejected:
            spool.reject(rejected)

    try:
        file.ready()
        done += [f"set the damaged file aside as {away}" for away in file.set_aside]
        done += _told(spool.replay(write), "records from the side file added")
        done += _told(spool.retry_rejected(write), "records added that had been rejected")
        done += _told(file.adopt_orphans(), "open turns of apps that have ended closed as abandoned")
    finally:
        file.close()
        file.end_run()
    return done


def _told(n: int, what: str) -> list[str]:
    return [f"{n} {what}"] if n else []


def as_text(found: Findings) -> str:
    """The findings as a person reads them in a terminal."""
    if not found.exists:
        lines = [f"log          {found.path}: not there yet; it is made when the app starts"]
    else:
        check = "ok" if found.check == "ok" else found.check or "not possible"
        lines = [
            f"log          {found.path}",
            f"size         {found.size_bytes:,} bytes",
            f"schema       {found.steps[-1] if found.steps else 'none'}"
            + (f", lacks {', '.join(found.missing_steps)}" if found.missing_steps else " (up to date)"),
            f"quick check  {check}",
            f"turns        {found.turns:,}, of which {found.open_turns:,} open; text kept of {found.texts:,}",
        ]
    lines += [f"waiting      {n:,} records in {file}" for file, n in found.spooled.items()] or [
        "waiting      no records"
    ]
    lines += [f"rejected     {n:,} records in {file}" for file, n in found.rejected.items()]
    lines += [
        f"set aside    {file} (damaged; removed after {SET_ASIDE_DAYS} days)" for file in found.set_aside
    ]
    lines += [f"incident     {line}" for line in found.incidents]
    lines += ["", *(f"→ {line}" for line in found.advice)] if found.advice else ["", "All is well."]
    return "\n".join(lines)
