"""A log of made-up turns whose figures look like those of real use: for measuring and testing what reads it.

Times are log-normal by tier, as answers of language models are; the browser's come a frame or two after
the server's. Some turns are cold, read in advance, hidden, stopped, abandoned or failed, some browsers
never report, some people come back on another day. The same seed gives the same log.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from data.migrations import migrate

Row = dict[str, Any]
FIRST_DAY = datetime(2026, 9, 21, 7, tzinfo=UTC)
DAYS = 60
FAST_TASKS = ("lookup", "rewrite", "translate", "summarise", "chitchat")
HEAVY_TASKS = ("code", "reasoning", "plan", "analysis", "maths")
# Milliseconds: medians to the request, the first chunk after it, and all text after that.
MEDIANS = {"fast": (60.0, 260.0, 1400.0), "heavy": (80.0, 740.0, 5200.0)}
MODELS = {
    "local": {"fast": "qwen2.5-coder-0.5b", "heavy": "qwen2.5-coder-1.5b"},
    "openai": {"fast": "gpt-4.1-mini", "heavy": "gpt-4.1"},
}
USD_PER_TOKEN = {"gpt-4.1-mini": (0.4e-6, 1.6e-6), "gpt-4.1": (2e-6, 8e-6)}
STATUSES, STATUS_SHARES = ("ok", "stopped", "abandoned", "error"), (0.91, 0.04, 0.03, 0.02)
ORIGINS, ORIGIN_SHARES = ("typed", "suggestion", "follow_up", "retry", "edit"), (0.7, 0.12, 0.1, 0.05, 0.03)
_TABLES = ("sessions", "conversations", "turns", "generations", "marks", "feedback", "exposures")
_ROWS_AT_ONCE = 20_000


def write(path: Path, turns: int, seed: int = 1) -> None:
    """Make a log with so many turns at `path`, which must not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        migrate(connection)
        waiting: dict[str, list[Row]] = {table: [] for table in _TABLES}
        for table, row in _rows(turns, np.random.default_rng(seed)):
            waiting[table].append(row)
            if len(waiting[table]) >= _ROWS_AT_ONCE:
                _insert(connection, table, waiting[table])
        for table, rows in waiting.items():
            _insert(connection, table, rows)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    """Write the rows, which have all the same columns, and forget them."""
    if rows:
        columns = list(rows[0])
        places = ", ".join("?" * len(columns))
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",
            [tuple(row.values()) for row in rows],
        )
        connection.execute("COMMIT")
    rows.clear()


def _rows(turns: int, random: np.random.Generator) -> Iterator[tuple[str, Row]]:
    """(table, row) of visits, one after another, until there are enough turns."""
    made = visits = 0
    while made < turns:
        visits += 1
        count = min(turns - made, 1 + int(random.geometric(0.14)))
        yield from _visit(random, visits, made, count)
        made += count


def _visit(random: np.random.Generator, number: int, first: int, count: int) -> Iterator[tuple[str, Row]]:
    """One visit with one conversation of `count` turns; every eighth is a participant's."""
    session, conversation = f"{number:032x}", f"c{number:031x}"
    in_study = number % 8 == 0
    person = number // 8 % 60
    day = timedelta(days=int(random.integers(DAYS)), seconds=float(random.uniform(0, 12 * 3600)))
    now = FIRST_DAY + day
    preset = "local" if in_study or random.random() < 0.7 else "openai"
    purpose = "research" if in_study else "dogfood"
    yield (
        "sessions",
        {
            "session_id": session,
            "started_at": _iso(now),
            "purpose": purpose,
            "participant": f"p{person}" if in_study else None,
            "study": "cues" if in_study else None,
            "app_version": "0.1.0",
            "text_mode": "none",
            "user_agent": "Made up",
        },
    )
    variant = ("with-cues", "without-cues")[person % 2] if in_study else None
    if in_study:
        exposure = {"session_id": session, "experiment": "cues", "variant": variant, "exposed_at": _iso(now)}
        yield "exposures", exposure
    titled = {"conversation_id": conversation, "session_id": session, "started_at": _iso(now)}
    yield "conversations", {**titled, "preset": preset}
    for index in range(count):
        now += timedelta(seconds=float(random.exponential(40)) + 3)
        place = {"session_id": session, "conversation_id": conversation, "preset": preset, "variant": variant}
        yield from _turn(random, first + index, index, now, place)


def _turn(
    random: np.random.Generator, number: int, index: int, now: datetime, place: Row
) -> Iterator[tuple[str, Row]]:
    turn_id = f"a{number:031x}"
    asked = bool(random.random() < 0.05)
    tier = "fast" if random.random() < 0.62 else "heavy"
    status = _pick(random, STATUSES, STATUS_SHARES) if number else "ok"
    times = _times(random, tier, status)
    origin = _pick(random, ORIGINS, ORIGIN_SHARES)
    doubt = float(random.beta(2, 5))
    turn = {
        "turn_id": turn_id,
        "trace_id": f"e{number:031x}",
        **place,
        "turn_index": index,
        "submitted_at": _iso(now),
        "input_origin": origin,
        "suggestion_id": "plan" if origin == "suggestion" else None,
        "task": (FAST_TASKS if tier == "fast" else HEAVY_TASKS)[int(random.integers(5))],
        "tier": tier,
        "route_reason": "asks for several steps" if tier == "heavy" else "a short request with one answer",
        "route_score": float(random.beta(2, 6) if tier == "fast" else random.beta(6, 2)),
        "overridden": int(asked),
        "input_chars": int(random.lognormal(4.4, 0.9)),
        "status": status,
        "error_type": "Timeout" if status == "error" else None,
        "cold": int(random.random() < 0.01),
        "warmed": int(random.random() < 0.06),
        "cache_hit": int(random.random() < 0.02),
        "joined": 0,
        "client_hidden": int(random.random() < 0.03),
        "source_count": int(random.integers(0, 4)),
        "cited_count": 0,
        "uncertainty": json.dumps({"score": round(doubt, 4), "shown": doubt > 0.5, "cause": "coverage"}),
        "run_id": "made-up",
        **times,
    }
    yield "turns", turn
    yield "generations", _generation(random, turn)
    yield from (("marks", mark) for mark in _marks(turn))
    yield from _feedback(random, turn, doubt)


def _times(random: np.random.Generator, tier: str, status: str) -> Row:
    """All the columns of times; what did not happen is null, and one browser in ten tells nothing."""
    route = float(random.lognormal(1.1, 0.4))
    sent, wait, text = (float(random.lognormal(np.log(m), 0.45)) for m in MEDIANS[tier])
    chunk = sent + wait
    content = chunk + float(random.exponential(4))
    last = content + text * (1 if status == "ok" else float(random.uniform(0.1, 0.9)))
    stalled = bool(random.random() < 0.03)
    failed = status == "error"
    server = {
        "route_ms": route,
        "first_feedback_ms": route + float(random.exponential(20)),
        "request_sent_ms": sent,
        "first_chunk_ms": None if failed else chunk,
        "first_content_ms": None if failed else content,
        "readable_ms": None if failed else min(last, content + 0.25 * text),
        "last_content_ms": None if failed else last,
        "done_ms": last + 6 if status == "ok" else None,
        "ended_ms": last + 6,
        "stall_count": int(stalled),
        "stall_total_ms": 1400.0 * stalled,
        "stall_max_ms": 1400.0 * stalled,
    }
    return {**server, **_browser(random, server, silent=bool(random.random() < 0.1))}


def _browser(random: np.random.Generator, server: Row, silent: bool) -> Row:
    """What the browser saw, from the press, which came a little before the server's receipt."""
    way = float(random.lognormal(2.5, 0.5))
    first = float(random.lognormal(3.1, 0.3))
    lag = way + float(random.lognormal(2.6, 0.5))

    def seen(column: str) -> float | None:
        there = server[column]
        return None if silent or there is None else there + lag

    return {
        "client_first_feedback_ms": None if silent else first,
        "client_first_cue_ms": None if silent else first,
        "client_first_content_ms": seen("first_content_ms"),
        "client_readable_ms": seen("readable_ms"),
        "client_done_ms": seen("done_ms"),
        "clock_offset_ms": None if silent else -way,
        "clock_error_ms": None if silent else float(random.exponential(1.5)),
    }


def _generation(random: np.random.Generator, turn: Row) -> Row:
    model = MODELS[turn["preset"]][turn["tier"]]
    tokens = int(random.lognormal(6, 0.5)), int(random.lognormal(4.6, 0.6))
    prices = USD_PER_TOKEN.get(model)
    return {
        "generation_id": f"b{turn['turn_id'][1:]}",
        "turn_id": turn["turn_id"],
        "attempt": 0,
        "tier": turn["tier"],
        "role": "primary",
        "provider_name": turn["preset"],
        "request_model": model,
        "response_model": model,
        "start_ms": turn["request_sent_ms"],
        "time_to_first_chunk_s": None
        if turn["first_chunk_ms"] is None
        else (turn["first_chunk_ms"] - turn["request_sent_ms"]) / 1000,
        "chunk_count": tokens[1],
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "cost_usd": tokens[0] * prices[0] + tokens[1] * prices[1] if prices else 0.0,
        "price_source": "litellm" if prices else "local",
    }


def _marks(turn: Row) -> Iterator[Row]:
    """The server's events of a turn, as the journal writes them."""
    sources = turn["route_ms"] + (turn["request_sent_ms"] - turn["route_ms"]) * 0.6
    ending = {"ok": "Finished", "error": "Failed"}.get(turn["status"], "Stopped")
    events = (
        ("Queued", 0.05, {"reason": "received"}),
        ("Routed", turn["route_ms"], None),
        ("SourcesFound", sources, {"passages": [], "searched_passages": 214, "search_ms": 3.1}),
        ("Requested", turn["request_sent_ms"], {"tier": turn["tier"], "attempt": 0}),
        ("FirstChunk", turn["first_chunk_ms"], None),
        (ending, turn["ended_ms"], None),
    )
    for seq, (name, t_ms, attrs) in enumerate(events):
        if t_ms is not None:
            told = json.dumps(attrs) if attrs else None
            yield {"turn_id": turn["turn_id"], "seq": seq, "t_ms": t_ms, "name": name, "attrs": told}


def _feedback(random: np.random.Generator, turn: Row, doubt: float) -> Iterator[tuple[str, Row]]:
    """Thumbs go down more often where the doubt was high; one answer in six is copied."""
    said: list[tuple[str, str | None]] = []
    if random.random() < 0.08:
        said.append(("thumbs", "down" if random.random() < 0.1 + 0.6 * doubt else "up"))
    if turn["status"] == "ok" and random.random() < 0.16:
        said.append(("copy", None))
    for kind, value in said:
        feedback_id = f"{turn['turn_id']}-{kind}"
        base = {"feedback_id": feedback_id, "turn_id": turn["turn_id"], "at": turn["submitted_at"]}
        yield "feedback", {**base, "kind": kind, "value": value}


def _pick(random: np.random.Generator, names: tuple[str, ...], shares: tuple[float, ...]) -> str:
    """One of the names, as often as its share says (numpy's own choice takes ten times as long)."""
    at = random.random()
    return next((n for n, upto in zip(names, accumulate(shares), strict=True) if at < upto), names[-1])


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
