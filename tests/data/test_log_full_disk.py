"""A disk with no room left: a real file system of two megabytes, in a mount namespace of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNSHARE = shutil.which("unshare")

# What runs inside: mount, log a row, fill the disk, log fifty more, make room again, log one more.
STORY = """
import contextlib, json, os, sqlite3, subprocess, sys, time
from pathlib import Path
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
from data.log import Log

log = Log(disk / "upshift.db")
log.put("turns", {"turn_id": "before", "status": "ok"})
first = log.flush(20)
filler = disk / "filler"
with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
    while True:
        file.write(bytes(4096))
with contextlib.suppress(OSError), (disk / "filler2").open("wb", buffering=0) as file:
    while True:
        file.write(bytes(64))
text = "w" * 4000
for number in range(50):
    log.put("turns", {"turn_id": f"full{number}", "status": "ok"})
    log.put("turn_text", {"turn_id": f"full{number}", "answer": text})
kept = log.flush(20)
full = log.health
filler.unlink()
(disk / "filler2").unlink()
until = time.monotonic() + 60
while not log.health.ok and time.monotonic() < until:
    log.put("turns", {"turn_id": "after", "status": "ok"})
    time.sleep(0.2)
log.put("turns", {"turn_id": "after", "status": "ok"})
last = log.flush(20)
log.close()
with contextlib.closing(sqlite3.connect(disk / "upshift.db")) as connection:
    ids = [row[0] for row in connection.execute("SELECT turn_id FROM turns")]
    texts = connection.execute("SELECT count(*) FROM turn_text WHERE length(answer) = 4000").fetchone()[0]
    check = connection.execute("PRAGMA quick_check").fetchone()[0]
print(json.dumps({"first": first, "kept": kept, "full_ok": full.ok, "message": full.message, "last": last,
                  "healthy": log.health.ok, "ids": sorted(ids), "texts": texts, "check": check}))
"""


def can_mount() -> bool:
    """Whether this system lets a process have mounts of its own (root, or user namespaces)."""
    if UNSHARE is None:
        return False
    tried = subprocess.run([UNSHARE, "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="this system gives no mount namespace to put a small disk in")
@pytest.mark.parametrize("spool", ["on another disk", "on the same disk"])
def test_a_full_disk_loses_nothing_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    place = tmp_path / "state" if spool == "on another disk" else disk / "state"
    monkeypatch.setenv("UPSHIFT_SPOOL", str(place))
    done = subprocess.run(
        [str(UNSHARE), "-rm", sys.executable, "-c", STORY, str(disk)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])

    assert told["first"], "a row before the disk was full is on it"
    assert not told["full_ok"]
    assert "full" in told["message"]
    assert told["kept"] == (spool == "on another disk"), "what cannot be written is said to be in memory only"
    assert told["last"]
    assert told["healthy"], "once there is room the log mends itself"
    assert set(told["ids"]) == {"before", "after", *(f"full{number}" for number in range(50))}
    assert told["texts"] == 50
    assert told["check"] == "ok"
