"""The model process: answers, refuses strangers, comes back when killed, never outlives us."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from data.model_files import find_model
from router.local import child, process
from router.local.child import LocalModels
from router.local.errors import LocalModelError
from router.local.memory import available_bytes
from router.local.process import ServerSettings
from router.local.states import TierStatus
from tests.router.conftest import no_thread
from tests.router.local.conftest import HUB, HUB_PATH, Site, made_up, some_bytes

ROOT = Path(__file__).parents[3]
SMALL = ServerSettings(n_ctx=2048, cache_ram_mib=64)
HELLO = [{"role": "user", "content": "Say hello."}]


def until(models: LocalModels, tier: str, *states: str, timeout_s: float = 60) -> TierStatus:
    end = time.monotonic() + timeout_s
    while models.status(tier).state not in states:
        assert time.monotonic() < end, models.status(tier)
        models.wait(tier, 1)
    return models.status(tier)


def eventually(is_so: Callable[[], bool], timeout_s: float = 60) -> bool:
    end = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
    return is_so()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ask(models: LocalModels, tier: str, key: str | None = None) -> httpx.Response:
    endpoint = models.endpoint(tier)
    body = {"model": endpoint.model, "messages": HELLO, "max_tokens": 8}
    headers = {"Authorization": f"Bearer {key or endpoint.api_key}"}
    return httpx.post(f"{endpoint.api_base}/chat/completions", json=body, headers=headers, timeout=60)


@pytest.fixture
def models(smollm_folder: Path) -> Iterator[LocalModels]:
    models = LocalModels({"fast": "smollm2-135m"}, smollm_folder, settings=SMALL)
    models.start()
    until(models, "fast", "ready", "failed")
    yield models
    models.close()


@pytest.mark.models
def test_it_answers_and_refuses_a_wrong_key(models: LocalModels) -> None:
    answer = ask(models, "fast")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"].strip()
    assert answer.json()["usage"]["completion_tokens"] > 0
    assert ask(models, "fast", key="guessed").status_code == 401
    assert models.n_slots == 2


@pytest.mark.models
def test_nothing_but_answers_is_served(models: LocalModels) -> None:
    """What the slots hold is other people's text."""
    endpoint = models.endpoint("fast")
    base, headers = endpoint.api_base.removesuffix("/v1"), {"Authorization": f"Bearer {endpoint.api_key}"}
    assert httpx.get(f"{base}/slots", headers=headers).status_code == 501
    assert httpx.get(base).status_code == 404


@pytest.mark.models
def test_a_killed_process_is_started_again_and_answers(models: LocalModels) -> None:
    first = models.pid
    assert first is not None
    os.kill(first, 9)
    assert eventually(lambda: models.pid not in (None, first))
    assert until(models, "fast", "ready").state == "ready"
    assert ask(models, "fast").status_code == 200


@pytest.mark.models
def test_close_ends_the_process(models: LocalModels) -> None:
    pid = models.pid
    assert pid is not None
    models.close()
    assert not is_running(pid)


@pytest.mark.models
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_ends_with_a_parent_that_was_killed(smollm_folder: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from router.local.child import LocalModels\n"
        f"models = LocalModels({{'fast': 'smollm2-135m'}}, Path({str(smollm_folder)!r}))\n"
        "models.start()\n"
        "while models.status('fast').state != 'ready': models.wait('fast', 1)\n"
        "print(models.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    assert eventually(lambda: not is_running(pid))


@pytest.mark.models
def test_a_port_that_is_taken_is_passed_over(smollm_folder: Path) -> None:
    path = smollm_folder / find_model("smollm2-135m").file
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        jobs = [
            {"api_key": "k", **SMALL.model_dump()},
            {"load": {"tier": "fast", "path": str(path), "alias": "a", "port": taken}},
        ]
        with subprocess.Popen(
            [sys.executable, "-m", "router.local"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write("".join(json.dumps(job) + "\n" for job in jobs))
            running.stdin.flush()
            said = [json.loads(running.stdout.readline()) for _ in range(2)]
            running.stdin.close()
            assert running.wait(20) == 0
    assert [line["state"] for line in said] == ["loading", "ready"]
    assert said[1]["port"] not in (None, taken)


def test_a_file_that_is_no_model_is_said_with_what_to_do(site: Site, tmp_path: Path) -> None:
    content = some_bytes(10_000)
    site.files[HUB_PATH] = content
    models = LocalModels({"fast": "m"}, tmp_path, settings=SMALL, known={"m": made_up(content)})
    models.start()
    try:
        failed = until(models, "fast", "failed", "ready")
    finally:
        models.close()
    assert failed.state == "failed"
    assert "could not load" in failed.message
    assert "python -m router models remove made-up" in failed.message


def test_a_failed_download_can_be_tried_again(site: Site, tmp_path: Path) -> None:
    content = some_bytes(10_000)
    models = LocalModels({"fast": "m"}, tmp_path, settings=SMALL, known={"m": made_up(content, HUB)})
    assert models.status("fast").state == "absent"
    models.start()
    try:
        assert "answered 404" in until(models, "fast", "failed").message
        with pytest.raises(LocalModelError, match="answered 404"):
            models.endpoint("fast")
        site.files[HUB_PATH] = content
        models.retry()
        assert eventually(lambda: "could not load" in models.status("fast").message)
    finally:
        models.close()


@pytest.mark.parametrize(
    ("proxy", "kind", "secret"),
    [
        ("socks5://me:pass@localhost:1", "ImportError", "pass@"),
        ("http://me:pass/word@localhost:1", "InvalidURL", "'pass'"),
        ("ftp://me:pass@localhost:1", "ValueError", "me:"),
    ],
)
def test_a_wrong_proxy_is_said_without_its_password_and_can_be_mended(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    proxy: str,
    kind: str,
    secret: str,
) -> None:
    content = some_bytes(10_000)
    site.files[HUB_PATH] = content
    models = LocalModels({"fast": "m"}, tmp_path, settings=SMALL, known={"m": made_up(content, HUB)})
    with monkeypatch.context() as wrong:
        wrong.setenv("ALL_PROXY", proxy)
        models.start()
        try:
            message = until(models, "fast", "failed", timeout_s=10).message
        except AssertionError:
            models.close()
            raise
    assert f"Made-up 1K could not be fetched ({kind}" in message
    assert secret not in message + caplog.text
    assert "HTTPS_PROXY" in message
    assert "new_client" in caplog.text, "where it happened"
    try:
        models.retry()
        assert eventually(lambda: "could not load" in models.status("fast").message)
    finally:
        models.close()


@pytest.mark.parametrize("name", ["upshift-weights", "upshift-models"])
def test_a_thread_that_could_not_be_started_is_started_by_the_next_call(
    site: Site, tmp_path: Path, name: str
) -> None:
    content = some_bytes(10_000)
    site.files[HUB_PATH] = content
    models = LocalModels({"fast": "m"}, tmp_path, settings=SMALL, known={"m": made_up(content, HUB)})
    with no_thread(name), pytest.raises(RuntimeError, match="can't start new thread"):
        models.start()
    models.start()
    try:
        assert "could not load" in until(models, "fast", "failed", timeout_s=20).message
        assert sorted(thread.name for thread in models._threads) == ["upshift-models", "upshift-weights"]
    finally:
        models.close()


@pytest.mark.models
def test_the_first_model_answers_while_the_second_still_arrives(site: Site, smollm_folder: Path) -> None:
    site.files[HUB_PATH] = some_bytes(400_000)
    site.hold = threading.Event()
    known = {"small": find_model("smollm2-135m"), "large": made_up(site.files[HUB_PATH])}
    models = LocalModels({"fast": "small", "heavy": "large"}, smollm_folder, settings=SMALL, known=known)
    models.start()
    try:
        until(models, "heavy", "downloading")
        until(models, "fast", "ready")
        assert ask(models, "fast").status_code == 200
        heavy = models.status("heavy")
        assert (heavy.state, heavy.total_bytes) == ("downloading", 400_000)
        with pytest.raises(LocalModelError):
            models.endpoint("heavy")
    finally:
        site.hold.set()
        models.close()


@pytest.mark.models
def test_too_little_memory_is_said_with_both_figures(
    smollm_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "available_bytes", lambda: 50_000_000)
    models = LocalModels({"fast": "smollm2-135m"}, smollm_folder, settings=SMALL)
    models.start()
    try:
        message = until(models, "fast", "failed", "ready").message
    finally:
        models.close()
    # 98 MB of weights, 47 MB of context, 67 MB of prompt cache, 200 MB to work with.
    assert "needs about 413 MB of memory and 50 MB are available" in message


@pytest.mark.models
def test_a_process_that_dies_at_once_every_time_is_given_up_and_can_be_tried_again(
    smollm_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_BACK_OFF_S", 0.01)
    models = LocalModels({"fast": "smollm2-135m"}, smollm_folder, settings=SMALL)
    with monkeypatch.context() as broken:
        broken.setattr(process, "COMMAND", [sys.executable, "-c", "raise SystemExit(3)"])
        models.start()
        message = until(models, "fast", "failed").message
    assert "ended 4 times in a row (exit status 3)" in message
    try:
        models.retry()
        assert until(models, "fast", "ready", "failed").state == "ready"
    finally:
        models.close()


def test_memory_is_read_from_the_system_and_from_a_containers_limit(tmp_path: Path) -> None:
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    cgroup.mkdir()
    assert available_bytes(proc, cgroup) is None
    (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    assert available_bytes(proc, cgroup) == 4_096_000
    (cgroup / "memory.current").write_text("900000\n")
    (cgroup / "memory.max").write_text("max\n")
    assert available_bytes(proc, cgroup) == 4_096_000
    (cgroup / "memory.max").write_text("1000000\n")
    (cgroup / "memory.stat").write_text("anon 5\ninactive_file 20000\n")
    assert available_bytes(proc, cgroup) == 120_000
