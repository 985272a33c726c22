"""The close reading: what a text means as a whole, and the index that keeps it for its passages."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from data import meaning
from data.config import ConfigError
from data.index_vectors import FEWEST_READ_CLOSELY, Meant
from data.knowledge_index import KnowledgeIndex
from data.word_vectors import question_vector

SUBJECTS = (
    "kettle", "garden", "violin", "harbour", "bakery", "glacier", "library", "tractor", "lantern", "orchard",
    "saddle", "compass", "pillow", "anchor", "basket", "castle", "curtain", "desert", "engine", "feather",
    "forest", "hammer", "island", "jacket", "ladder", "marble", "needle", "oven", "pepper", "quarry",
    "river", "shovel", "temple", "umbrella", "valley", "window", "yoghurt", "zebra", "button", "cellar",
)  # fmt: skip
TOLD = {
    "offline": "The program needs no internet: it answers on a plane or in a cellar without any network.",
    "money": "A call costs 3 cents. The bill comes at the end of the month by post.",
}


@pytest.fixture(scope="module")
def encoder() -> meaning.MeaningEncoder:
    return meaning.shipped_encoder()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for subject in SUBJECTS:
        (folder / f"{subject}.md").write_text(f"# {subject.title()}\n\nAll about the {subject}.\n", "utf-8")
    for name, text in TOLD.items():
        (folder / f"{name}.md").write_text(f"# {name.title()}\n\n{text}\n", "utf-8")
    return folder


def asked(encoder: meaning.MeaningEncoder, question: str) -> Meant:
    return Meant(question_vector({}), encoder.encode(question, meaning.MOST_OF_A_QUESTION))


def best(index: KnowledgeIndex, meant: Meant) -> str:
    near = {each.passage.source_id: each.near.closely for each in index.candidates([], 5, meant)}
    return max(near, key=lambda source: near[source].text if near[source] else -1.0)


def test_a_text_is_near_what_says_the_same_and_far_from_others(encoder: meaning.MeaningEncoder) -> None:
    question = encoder.encode("Can I use it during a flight?")
    assert question.shape == (meaning.SIZE,)
    assert float(question @ question) == pytest.approx(1.0, abs=1e-5)
    other = encoder.encode(TOLD["money"])
    assert question @ encoder.encode(TOLD["offline"]) > question @ other + 0.1


@pytest.mark.parametrize(
    "text", ["", "   ", "?!", "\x00\ud7ff", "中文 हिन्दी", "x" * 100_000, "a " * 5000, "é" * 300]
)
def test_any_text_has_a_vector(encoder: meaning.MeaningEncoder, text: str) -> None:
    vector = encoder.encode(text)
    assert np.isfinite(vector).all()
    assert float(vector @ vector) == pytest.approx(1.0, abs=1e-5)


def test_words_are_cut_into_the_longest_pieces(encoder: meaning.MeaningEncoder) -> None:
    pieces = encoder._pieces
    whole, split = pieces.ids("offline", 9), pieces.ids("Offlinée!", 9)
    assert whole[0] == split[0] == pieces.first
    assert whole[-1] == split[-1] == pieces.last
    assert split[1] == whole[1]  # case and accents are folded, and the longest piece comes first
    assert len(pieces.ids("one two three four five six", 3)) == 5


def test_a_passages_vectors_keep_their_direction_in_bytes(encoder: meaning.MeaningEncoder) -> None:
    row = meaning.of_passage(encoder, ["Money"], TOLD["money"])
    text, path = meaning.unpacked([row], 2)[:, 0]
    assert len(row) == 2 * meaning.SIZE
    assert text @ encoder.encode(TOLD["money"]) > 0.999
    assert path @ encoder.encode("Money") > 0.999


def test_an_index_that_was_read_closely_finds_what_shares_no_word(
    docs: Path, tmp_path: Path, encoder: meaning.MeaningEncoder
) -> None:
    index = KnowledgeIndex.build(docs, tmp_path / "a.db")
    meant = asked(encoder, "May I take it on a flight?")
    assert not index.is_read_closely
    assert all(each.near.closely is None for each in index.candidates([("flight",)], 5, meant))
    index.read_closely()
    assert index.is_read_closely
    assert best(index, meant) == "offline.md"
    found = {each.passage.source_id: each.near.closely for each in index.candidates([], 5, meant)}
    assert found["offline.md"] is not None
    assert found["offline.md"].text_above > 0.1
    index.close()
    again = KnowledgeIndex.build(docs, tmp_path / "a.db")
    assert again.is_read_closely  # it is kept in the file
    again.close()


def test_a_changed_document_is_read_again(
    docs: Path, tmp_path: Path, encoder: meaning.MeaningEncoder
) -> None:
    index = KnowledgeIndex.build(docs, tmp_path / "a.db")
    index.read_closely()
    (docs / "offline.md").unlink()
    (docs / "zebra.md").write_text("# Zebra\n\nA long flight with an airline without any wifi.\n", "utf-8")
    index.refresh()
    assert not index.is_read_closely
    index.read_closely()
    assert best(index, asked(encoder, "May I take it on a flight?")) == "zebra.md"
    index.close()


def test_a_watched_folder_is_read_closely_in_the_background(docs: Path, tmp_path: Path) -> None:
    index = KnowledgeIndex.open(docs, tmp_path / "a.db")
    index.watch()
    until = time.monotonic() + 60
    while not index.is_read_closely and time.monotonic() < until:
        time.sleep(0.05)
    assert index.is_read_closely
    index.close()


def test_a_few_passages_are_not_read_closely(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name, text in TOLD.items():
        (tmp_path / "docs" / f"{name}.md").write_text(text, "utf-8")
    index = KnowledgeIndex.build(tmp_path / "docs")
    index.read_closely()
    assert index.passages < FEWEST_READ_CLOSELY
    assert not index.is_read_closely
    index.close()


def test_without_the_weights_documents_are_searched_by_words(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> meaning.MeaningEncoder:
        return meaning.load(tmp_path)

    monkeypatch.setattr(meaning, "shipped_encoder", missing)
    with pytest.raises(ConfigError, match="close reading"):
        missing()
    index = KnowledgeIndex.build(docs)
    index.read_closely()
    assert "by their words alone" in caplog.text
    assert not index.is_read_closely
    assert index.search("internet")[0].source_id == "offline.md"
    index.close()
