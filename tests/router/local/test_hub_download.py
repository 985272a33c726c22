"""Weights from the hub: resumed, redirected, refused, cancelled; never a wrong file."""

from __future__ import annotations

import errno
import shutil
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from router.local import download
from router.local.download import Cancelled
from router.local.errors import LocalModelError
from router.local.weights import Progress, ensure, path_of, presence, remove
from tests.router.local.conftest import HUB_PATH, Site, made_up, some_bytes

CONTENT = some_bytes(300_000)
MODEL = made_up(CONTENT)


def test_the_file_arrives_whole_and_is_fetched_once(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    seen: list[Progress] = []
    path = ensure(MODEL, tmp_path, seen.append)
    assert path.read_bytes() == CONTENT
    assert presence(MODEL, tmp_path) == ("verified", len(CONTENT))
    assert {progress.state for progress in seen} == {"downloading", "verifying"}
    assert seen[-1].done_bytes == len(CONTENT)
    assert ensure(MODEL, tmp_path) == path
    assert site.asked == [(HUB_PATH, None)]


def test_a_redirect_to_another_address_is_followed(site: Site, tmp_path: Path) -> None:
    site.redirects[HUB_PATH] = f"{site.url}/cdn/blob?signature=x"
    site.files["/cdn/blob?signature=x"] = CONTENT
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT


def test_a_cut_connection_goes_on_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    site.cut_after = [100_000, 50_000]
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in site.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_an_interrupted_download_goes_on_the_next_time(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    site.hold, cancel = threading.Event(), threading.Event()

    def stop_half_way(progress: Progress) -> None:
        if progress.done_bytes >= len(CONTENT) // 2:
            cancel.set()
            site.hold.set()

    with pytest.raises(Cancelled):
        ensure(MODEL, tmp_path, stop_half_way, cancel)
    state, held = presence(MODEL, tmp_path)
    assert state == "partial"
    site.hold = None
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == (HUB_PATH, f"bytes={held}-")


def test_a_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    site.supports_ranges = False
    site.cut_after = [100_000]
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT


def test_a_connection_that_never_gets_anywhere_is_given_up(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    site.cut_after = [0] * 20
    with pytest.raises(LocalModelError, match="breaks again and again") as caught:
        ensure(MODEL, tmp_path)
    assert caught.value.kind == "network"
    assert len(site.asked) == download.TRIES_WITHOUT_PROGRESS


def test_a_missing_file_says_what_the_server_said_and_what_to_do(site: Site, tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match=r"127\.0\.0\.1 answered 404.*router models pull made-up"):
        ensure(MODEL, tmp_path)


def test_without_a_network_the_message_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(LocalModelError, match=r"cannot be reached.*Check the connection"):
        ensure(MODEL, tmp_path)


def test_a_file_of_another_length_is_refused_before_it_is_fetched(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT + b"more"
    with pytest.raises(LocalModelError, match="offers a file of 300004 bytes, not of 300000"):
        ensure(MODEL, tmp_path)
    assert presence(MODEL, tmp_path) == ("absent", 0)


def test_a_wrong_file_is_deleted_and_never_gets_the_right_name(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = some_bytes(len(CONTENT), seed=2)
    with pytest.raises(LocalModelError, match="sha256 is wrong") as caught:
        ensure(MODEL, tmp_path)
    assert caught.value.kind == "wrong_file"
    assert not path_of(MODEL, tmp_path).exists()
    assert presence(MODEL, tmp_path) == ("absent", 0)


def test_a_file_that_was_changed_later_is_noticed_and_fetched_again(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    path = ensure(MODEL, tmp_path)
    path.write_bytes(some_bytes(len(CONTENT), seed=3))
    assert presence(MODEL, tmp_path)[0] == "unverified"
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT


def test_too_little_room_is_said_before_anything_is_fetched(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files[HUB_PATH] = CONTENT
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(LocalModelError, match=r"0 MB are free.*UPSHIFT_MODELS") as caught:
        ensure(MODEL, tmp_path)
    assert caught.value.kind == "disk_full"
    assert site.asked == []


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's disk that is always full")
def test_a_disk_that_fills_up_on_the_way_is_said(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    (tmp_path / "made-up.gguf.part1").symlink_to("/dev/full")
    with pytest.raises(LocalModelError, match=r"is full\. Free some space") as caught:
        ensure(MODEL, tmp_path)
    assert caught.value.kind == "disk_full"
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


def test_a_folder_that_cannot_be_written_is_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LocalModelError, match=r"cannot be used.*UPSHIFT_MODELS") as caught:
        ensure(MODEL, tmp_path / "file" / "models")
    assert caught.value.kind == "unwritable"


def test_two_at_once_fetch_the_file_once(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    site.hold = threading.Event()
    waited: list[Progress] = []

    def let_go(progress: Progress) -> None:
        if progress.source.startswith("another"):
            waited.append(progress)
            assert site.hold is not None
            site.hold.set()

    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(ensure(MODEL, tmp_path, let_go))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert paths == [path_of(MODEL, tmp_path)] * 2
    assert waited
    assert site.asked == [(HUB_PATH, None)]


def test_waiting_for_another_download_can_be_cancelled(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with FileLock(tmp_path / ".made-up.gguf.lock"), pytest.raises(Cancelled):
        ensure(MODEL, tmp_path, cancel=cancel)


def test_remove_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.files[HUB_PATH] = CONTENT
    ensure(MODEL, tmp_path)
    (tmp_path / "made-up.gguf.part1").write_bytes(b"12345")
    assert remove(MODEL, tmp_path) > len(CONTENT)
    assert list(tmp_path.glob("*made-up*")) == []
    assert presence(MODEL, tmp_path) == ("absent", 0)


def test_a_password_in_an_address_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://me:hunter2@127.0.0.1:1")
    with pytest.raises(LocalModelError) as caught:
        ensure(MODEL, tmp_path)
    assert "hunter2" not in str(caught.value)
