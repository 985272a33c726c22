"""The share of a strong model's advantage that routing keeps, and the files it is measured on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from router import apgr as benchmarks
from router.apgr import apgr, read_benchmark, table
from router.evaluate import main
from router.extra_prompts import Extra, read_extra
from router.figures_table import reliability_plot

WEAK, STRONG = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])


def test_apgr_by_hand() -> None:
    # Best order: after one of four calls half of the gap, after two all of it: 0, .5, 1, 1, 1.
    assert apgr(np.array([0.9, 0.1, 0.8, 0.2]), WEAK, STRONG) == pytest.approx((0.25 + 0.75 + 1 + 1) / 4)
    # Worst order: 0, 0, 0, .5, 1.
    assert apgr(np.array([0.1, 0.9, 0.2, 0.8]), WEAK, STRONG) == pytest.approx((0 + 0 + 0.25 + 0.75) / 4)


def test_equal_scores_are_chance() -> None:
    assert apgr(np.zeros(4), WEAK, STRONG) == 0.5


def test_no_gap_no_figure() -> None:
    assert apgr(np.arange(4.0), STRONG, WEAK) is None


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def row(prompt: str, domain: str = "gsm8k", **more: object) -> dict[str, object]:
    return {"prompt": prompt, "domain": domain, "weak_score": 0.0, "strong_score": 1.0, **more}


def test_contaminated_rows_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", [row("a"), row("b", contaminated=True)])
    found = read_benchmark(tmp_path / "one.jsonl")
    assert found.prompts == ("a",)
    write(tmp_path / "none.jsonl", [row("b", contaminated=True)])
    with pytest.raises(ValueError, match="has no rows"):
        read_benchmark(tmp_path / "none.jsonl")


def test_the_file_that_is_measured_teaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "one.jsonl", [row("how many apples"), row("shared by both")])
    write(tmp_path / "two.jsonl", [row("how many pears"), row("shared by both")])
    alone = {extra.text for extra in read_extra(tmp_path, leave_out="two.jsonl")}
    assert alone == {"how many apples", "shared by both"}
    taught: list[set[str]] = []

    def note(own: object, extra: list[Extra], *_: object) -> object:
        taught.append({one.text for one in extra})
        raise ValueError("enough")

    monkeypatch.setattr(benchmarks, "train", note)
    monkeypatch.setattr("router.train.usual_vectors", lambda: None)
    assert main(["--benchmarks", str(tmp_path), "--no-peers", "--refit"]) == 2
    assert taught == [{"how many pears"}]


def test_the_router_as_it_ships_is_measured_without_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = row("Prove that there are infinitely many primes.") | {"weak_score": 0, "strong_score": 1}
    greeting = row("hello there") | {"weak_score": 1, "strong_score": 1}
    write(tmp_path / "one.jsonl", [greeting, proof])
    monkeypatch.setattr(benchmarks, "train", lambda *_: pytest.fail("it was trained"))
    assert main(["--benchmarks", str(tmp_path), "--no-peers"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["one", "2", "0.750"]


def test_the_table_names_every_file() -> None:
    text = table({"one": {"n": 4, "upshift": 0.61, "length": None, "random": 0.5}})
    assert text.splitlines()[1].split() == ["one", "4", "0.610", "–", "0.500"]


def test_a_folder_without_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--benchmarks", str(tmp_path), "--no-peers"]) == 2
    assert "no *.jsonl" in capsys.readouterr().err


def test_the_reliability_plot_shows_promise_and_finding() -> None:
    lines = reliability_plot([{"from": 0.5, "n": 8, "score": 0.5, "heavy": 1.0}], width=10)
    assert lines[1] == "  0.5      |    ● 0.50 1.00 n=8"
