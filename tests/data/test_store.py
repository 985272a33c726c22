"""What a page reads from the log, and that deleted text is gone from every place."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.log import Log
from data.log_file import set_aside
from data.privacy import expires_at, text_policy
from data.spool import Entry, Rejected, Spool
from data.store import LogUnavailable, Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def contents(folder: Path) -> bytes:
    """Every byte of every file in the log's folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_conversation_comes_back_in_order_with_text_and_sources(temporary_log: Path) -> None:
    log = Log(temporary_log)
    for index in (1, 0):
        turn = {"turn_id": f"t{index}", "conversation_id": "c", "turn_index": index, "submitted_at": "2026"}
        log.put("turns", {**turn, "status": "ok", "tier": "fast"})
        log.put("turn_text", {"turn_id": f"t{index}", "prompt": f"q{index}", "sources": [{"n": index}]})
        log.put("generations", {"generation_id": f"g{index}", "turn_id": f"t{index}", "attempt": 1})
    log.put("turns", {"turn_id": "other", "conversation_id": "d", "submitted_at": "2026"})
    assert log.flush()
    turns = Store(temporary_log).conversation_turns("c")
    assert [(t["prompt"], t["sources"], t["generations"][0]["generation_id"]) for t in turns] == [
        ("q0", [{"n": 0}], "g0"),
        ("q1", [{"n": 1}], "g1"),
    ]
    log.close()


def test_a_conversation_without_kept_text_still_has_its_turns(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.put("turns", {"turn_id": "t", "conversation_id": "c", "submitted_at": "2026"})
    log.close()
    [turn] = Store(temporary_log).conversation_turns("c")
    assert (turn["prompt"], turn["sources"], turn["generations"]) == (None, [], [])


def test_usual_seconds_is_the_median_of_complete_usual_turns(temporary_log: Path) -> None:
    log = Log(temporary_log)
    store = Store(temporary_log)
    assert store.usual_seconds("fast") is None  # no file yet

    def turn(number: int, **more: object) -> None:
        base = {
            "turn_id": f"t{number}",
            "tier": "fast",
            "status": "ok",
            "submitted_at": f"2026-11-22T{number:04d}",
        }
        log.put("turns", {**base, **more})

    for number, done in enumerate((1000, 2000, 3000, 4000)):
        turn(number, done_ms=done)
    turn(10, done_ms=90_000, cold=True)
    turn(11, done_ms=90_000, status="stopped")
    turn(12, done_ms=90_000, tier="heavy")
    turn(13)
    assert log.flush()
    assert store.usual_seconds("fast") is None  # four are too few
    turn(4, done_ms=60_000)
    assert log.flush()
    assert store.usual_seconds("fast") == 3.0
    for number in range(100, 300):  # 200 newer ones, and the old ones no longer matter
        turn(number, done_ms=500)
    assert log.flush()
    assert store.usual_seconds("fast") == 0.5
    log.close()


def test_text_is_kept_by_purpose() -> None:
    assert text_policy("dogfood") == ("full", 30)
    assert text_policy("demo") == text_policy("test") == ("none", None)
    assert expires_at(30, NOW) == "2026-12-22T12:00:00.000+00:00"


def with_text_everywhere(path: Path) -> Log:
    """The log of a running app: in it, the spool and the rejected records, text due and text that stays."""
    log = Log(path)
    for name, days in (("gone", -1), ("kept", 1)):
        log.put("turns", {"turn_id": name, "conversation_id": f"c-{name}", "submitted_at": "2026"})
        log.put("turn_text", {"turn_id": name, "prompt": f"log-{name}", "expires_at": expires_at(days, NOW)})
    assert log.flush()
    spool = Spool(path)
    for name, days in (("gone", -1), ("kept", 1)):
        row = {"turn_id": name, "answer": f"spool-{name}", "expires_at": expires_at(days, NOW)}
        spool.append([Entry("turn_text", dict(row))])
        spool.reject([Rejected(Entry("turn_text", {**row, "colour": f"rejected-{name}"}), "why")])
    return log


@pytest.mark.parametrize("how", ["expired", "forgotten"])
def test_deleted_text_is_gone_from_every_file(
    temporary_log: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.log_writer.now_iso", lambda: "2020-01-01T00:00:00.000+00:00")
    log = with_text_everywhere(temporary_log)
    before = contents(temporary_log.parent)
    assert b"log-gone" in before
    assert b"spool-gone" in before
    assert b"rejected-gone" in before
    store = Store(temporary_log)
    assert (store.expire(NOW) if how == "expired" else store.forget_conversation("c-gone")) == 3
    after = contents(temporary_log.parent)
    for place in (b"log", b"spool", b"rejected"):
        assert place + b"-gone" not in after
        assert place + b"-kept" in after
    log.close()


def test_the_running_app_expires_text_by_itself(temporary_log: Path) -> None:
    log = Log(temporary_log)
    log.put("turn_text", {"turn_id": "old", "prompt": "once-said", "expires_at": expires_at(-1)})
    log.put("turn_text", {"turn_id": "new", "prompt": "just-said", "expires_at": expires_at(1)})
    log.close()
    log = Log(temporary_log)
    assert log.flush()
    assert b"once-said" not in contents(temporary_log.parent)
    assert b"just-said" in contents(temporary_log.parent)
    log.close()


def test_a_log_that_was_set_aside_does_not_keep_text_for_ever(temporary_log: Path) -> None:
    Log(temporary_log).close()
    away = set_aside(temporary_log)
    Store(temporary_log).expire()
    assert away.exists()
    old = (datetime.now(UTC) - timedelta(days=31)).timestamp()
    os.utime(away, (old, old))
    Store(temporary_log).expire()
    assert not away.exists()


def test_a_damaged_log_is_told_apart_from_a_missing_one(temporary_log: Path) -> None:
    store = Store(temporary_log)
    assert store.conversation_turns("c") == []
    temporary_log.parent.mkdir()
    temporary_log.write_bytes(b"garbage" * 1000)
    with pytest.raises(LogUnavailable, match="damaged"):
        store.conversation_turns("c")
    assert store.usual_seconds("fast") is None
