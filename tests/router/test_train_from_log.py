"""Learning from the log: lessons move the router; worse weights are not written, damaged ones not used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.paths import shipped
from data.policy import load_policy
from data.records import Message
from router import __main__ as commands
from router import fitting, own_weights, train, train_from_log, weights_file
from router.classifier import Classifier
from router.compare_weights import compare, is_worse
from router.decide import Decider
from router.figures import quality
from router.prompts import Prompt, read_prompts
from tests.router.logged import diary

pytest.importorskip("sklearn", reason="training needs the development requirements")

_NAMES = (
    "alder birch cedar dogwood elm fir gum hazel iris jasmine kapok larch maple neem oak pine quince "
    "rowan spruce teak umbra vine willow xylem yew zelkova acacia beech cherry damson ebony fig "
    "ginkgo holly ivy juniper kauri laurel mango nutmeg olive poplar redwood sumac tulip ulmus "
    "violet walnut aspen balsa"
)
WORDS = _NAMES.split()
# A kind of message that looks like light work, and that a team wants done by the heavy model.
LABELS = [f"Write the label text for shelf {word}" for word in WORDS[:30]]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with prompts of three plain kinds: training on those that ship takes a minute."""
    folder = tmp_path_factory.mktemp("prompts")
    kinds = (
        ("title", "Write a name for the shop {0}"),
        ("translate", "Translate the word {0} into French"),
        ("maths", "Prove the theorem of {0} by induction and find where the proof breaks"),
    )
    with (folder / "few.jsonl").open("w", encoding="utf-8") as file:
        for task, text in kinds:
            for number, word in enumerate(WORDS):
                message = {"role": "user", "content": text.format(word)}
                row = {"id": f"{task}-{number}", "messages": [message], "task": task, "tags": ["en"]}
                file.write(json.dumps(row) + "\n")
    return folder


@pytest.fixture(scope="module")
def small(few: Path) -> Classifier:
    """Weights trained on those, without token vectors."""
    return fitting.train(read_prompts(few), [], load_policy())


@pytest.fixture
def in_use(small: Classifier, temporary_log: Path) -> Path:
    """The small weights as the team's own, so that a comparison is between equals."""
    folder = own_weights.own_folder()
    assert folder.parent == temporary_log.parent
    weights_file.save(small, folder, {"from_log": {"lessons": 1, "shipped": own_weights.shipped_digest()}})
    return folder


def teach(log: Path, texts: Sequence[str] = LABELS, wanted: str = "heavy") -> None:
    with diary(log) as written:
        for text in texts:
            given = "fast" if wanted == "heavy" else "heavy"
            written.feedback(written.turn(text, given, task="title"), "override", wanted)


def run(few: Path, *more: str) -> int:
    arguments = ["--from-log", "--prompts", str(few), "--vectors", str(few / "none.gguf"), *more]
    return train.main(arguments)


def score(text: str) -> float:
    return Decider.load().decide([Message(role="user", content=text)]).score


def test_lessons_move_what_is_like_them_and_are_used_from_then_on(
    few: Path, in_use: Path, temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teach(temporary_log)
    unseen = "Write the label text for shelf magnolia"
    before = score(unseen)
    assert run(few, "--json") == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures["fitted"] + figures["aside"]["n"] == len(LABELS)
    assert figures["aside"]["n"] >= 2
    assert figures["aside"]["after"] > figures["aside"]["before"]
    assert figures["held_out"]["n"] > 20
    assert figures["held_out"]["worse"] == []
    assert score(unseen) > before
    assert str(in_use) in captured.err
    assert f"your own, from {len(LABELS)} lessons" in own_weights.describe()
    assert commands.main([]) == 2
    assert "your own, from" in capsys.readouterr().err
    kept = json.dumps(json.loads((in_use / "card.json").read_text()))
    assert "label text" not in kept, "nobody's text belongs into the card"


def test_a_dry_run_shows_and_writes_nothing(
    few: Path, temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teach(temporary_log, LABELS[:3])
    assert run(few, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "3 lessons in the log (3 towards heavy, 0 towards fast): 3 by override" in said
    assert "labelled prompts that were never fitted on, before → after" in said
    assert not own_weights.own_folder().exists()


def test_weights_that_got_worse_are_refused_and_the_old_ones_stay(
    few: Path, in_use: Path, small: Classifier, temporary_log: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    teach(temporary_log, LABELS[:3])
    old = (in_use / "weights.npz").read_bytes()
    # What a harmful log does to the weights: they say the contrary.
    bad = replace(small, slope=-small.slope, head=None, follow_ups=None)
    monkeypatch.setattr(fitting, "train", lambda *_: bad)
    assert run(few) == 1
    said = capsys.readouterr()
    assert "Not written: accuracy and auc got worse" in said.err
    assert (in_use / "weights.npz").read_bytes() == old
    assert not list(in_use.parent.glob("*.new"))


def test_without_lessons_or_a_log_it_says_what_would_be_one(
    few: Path, temporary_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(few) == 1
    assert "no log" in capsys.readouterr().err
    with diary(temporary_log) as log:
        log.feedback(log.turn(None, "fast"), "override", "heavy")
    assert run(few) == 1
    said = capsys.readouterr().err
    assert "Nothing to learn yet (1 not used: text is gone)" in said
    assert "too shallow" in said


def test_a_follow_up_that_says_nothing_by_itself_is_no_example(small: Classifier) -> None:
    from data.lessons import Lesson

    def lesson(*texts: str, heavy: bool = True, weight: float = 1.0) -> Lesson:
        messages = tuple(
            Message(role="assistant" if i % 2 else "user", content=text) for i, text in enumerate(texts)
        )
        return Lesson(
            turn_id="t", messages=messages, task="lookup", heavy=heavy, weight=weight, sources=("override",)
        )

    thin = lesson("Find the bug in my loop", "Which?", "go on")
    command = train_from_log.plain(lesson("/heavy name the capital of Peru"))
    light = lesson("name the capital of Chile", heavy=False)
    rows, left = train_from_log.examples([thin, command, light], small, load_policy(), 1000)
    assert left == 1
    assert [row.text for row in rows] == ["name the capital of Peru", "name the capital of Chile"]
    assert load_policy().tier_of(rows[0].task) == "heavy"
    assert rows[1].task == "lookup"
    many = [lesson(f"name the capital of {n}", weight=3.0) for n in range(100)]
    rows, _ = train_from_log.examples(many, small, load_policy(), 100)
    assert sum(row.weight for row in rows) == pytest.approx(20)


@pytest.mark.parametrize("damage", ["card", "weights", "version", "missing"])
def test_damaged_or_foreign_weights_fall_back_to_those_that_ship_with_one_line(
    damage: str, temporary_log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = own_weights.own_folder()
    shutil.copytree(shipped("router_weights"), folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["from_log"] = {"lessons": 3, "shipped": own_weights.shipped_digest()}
    if damage == "version":
        card["from_log"]["shipped"] = "another"
    (folder / "card.json").write_text("{" if damage == "card" else json.dumps(card), encoding="utf-8")
    if damage == "weights":
        (folder / "weights.npz").write_bytes(b"no archive")
    if damage == "missing":
        (folder / "weights.npz").unlink()
    own_weights._said.clear()
    for _ in range(2):
        found = own_weights.load_in_use()
    assert np.array_equal(found.weights, weights_file.load().weights)
    [record] = caplog.records
    assert "weights that ship are used instead" in record.getMessage()
    assert str(folder) in record.getMessage()
    assert "those that ship; your own cannot be used" in own_weights.describe()


def test_the_ones_that_ship_are_used_where_there_are_no_others() -> None:
    assert own_weights.describe() == "weights: those that ship"
    assert np.array_equal(own_weights.load_in_use().weights, weights_file.load().weights)


def test_worse_is_a_fall_beyond_the_limit_or_one_that_is_nearly_sure(few: Path) -> None:
    assert is_worse("accuracy", {"value": -0.021, "falls": 0.5})
    assert is_worse("accuracy", {"value": -0.001, "falls": 0.95})
    assert not is_worse("accuracy", {"value": -0.015, "falls": 0.7})
    assert is_worse("auc", {"value": -0.011, "falls": 0.5})
    held = [prompt for prompt in read_prompts(few) if prompt.held_out]
    same: dict[str, Any] = compare(Decider.load(), Decider.load(), held)
    assert same["worse"] == []
    assert same["changed"] == 0
    assert same["difference"]["auc"] == {"value": 0, "interval": [0.0, 0.0], "falls": 0.0}


def test_the_comparison_counts_as_the_evaluation_does(few: Path) -> None:
    held: list[Prompt] = [prompt for prompt in read_prompts(few) if prompt.held_out]
    figures = compare(Decider.load(), Decider.load(), held)["after"]
    known = quality(Decider.load(), held, every=99)
    assert (figures["auc"], figures["heavy_recall"], figures["fast_recall"]) == (
        known["auc"], known["heavy_recall"], known["fast_recall"],
    )  # fmt: skip
