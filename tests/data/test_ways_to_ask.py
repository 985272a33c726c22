"""`asked.toml`: how people ask for what the documents tell, and how a question finds its section by it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data import meaning
from data.index_vectors import Meant
from data.knowledge_index import KnowledgeIndex
from data.paths import product_folder
from data.retrieval import load_retrieval
from data.ways_to_ask import ASKED_FILE
from data.word_vectors import question_vector
from router.retrieve import Retriever

SECTIONS = 45
# None of its words is in the question, and the text is not near to it in meaning either.
BLAME = "Whose fault is it if my pudding collapses?"
WAYS = '["garden-07.md"]\n"Plot 7" = ["Who is to blame when the pudding falls in?"]\n'


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(SECTIONS):
        (folder / f"garden-{number:02}.md").write_text(
            f"# Plots\n\n## Plot {number}\n\nPlot {number} has {number + 3} rows of beans.\n", "utf-8"
        )
    return folder


def opened(docs: Path, file: Path) -> KnowledgeIndex:
    index = KnowledgeIndex.build(docs, file)
    index.read_closely()
    return index


def near(index: KnowledgeIndex, question: str) -> dict[str, float]:
    """Each candidate's document with how near the nearest way to ask for it is."""
    whole = meaning.shipped_encoder().encode(question, meaning.MOST_OF_A_QUESTION)
    found = index.candidates([], 5, Meant(question_vector({}), whole))
    return {each.passage.source_id: each.near.closely.asked for each in found if each.near.closely}


def test_a_question_finds_the_section_that_is_asked_for_in_such_words(docs: Path, tmp_path: Path) -> None:
    settings = load_retrieval(product_folder())
    index = opened(docs, tmp_path / "a.db")
    before = Retriever(index, settings).find(BLAME, [], task="lookup", budget_tokens=2000)
    assert before.passages == ()
    (docs / ASKED_FILE).write_text(WAYS, "utf-8")
    assert index.refresh(), "a new file is noticed"
    index.read_closely()
    assert near(index, BLAME)["garden-07.md"] > 0.7
    found = Retriever(index, settings).find(BLAME, [], task="lookup", budget_tokens=2000)
    assert [passage.source_id for passage in found.passages] == ["garden-07.md"]
    assert "pudding" not in found.passages[0].text
    other = Retriever(index, settings).find("How do I tune a violin?", [], task="lookup", budget_tokens=2000)
    assert other.passages == ()
    index.close()


def test_the_lines_are_kept_and_follow_the_file(docs: Path, tmp_path: Path) -> None:
    (docs / ASKED_FILE).write_text(WAYS, "utf-8")
    for path in docs.iterdir():
        os.utime(path, (1, 1))  # so old that it cannot change again within the clock's grain
    opened(docs, tmp_path / "a.db").close()
    again = KnowledgeIndex.build(docs, tmp_path / "a.db")
    assert near(again, BLAME)["garden-07.md"] > 0.7, "vectors are in the index's file"
    assert not again.refresh(), "nothing has changed"
    (docs / ASKED_FILE).unlink()
    assert again.refresh()
    assert set(near(again, BLAME).values()) <= {-1.0}
    again.close()


def test_a_line_more_costs_the_others_nothing(docs: Path, tmp_path: Path) -> None:
    (docs / ASKED_FILE).write_text(WAYS, "utf-8")
    index = opened(docs, tmp_path / "a.db")
    (docs / ASKED_FILE).write_text(WAYS.replace('["Who', '["A new line?", "Who'), "utf-8")
    index.refresh()
    assert near(index, BLAME)["garden-07.md"] > 0.7, "before anything was read again"
    index.close()


def test_too_many_lines_are_told(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.ways_to_ask.MOST", 1)
    (docs / ASKED_FILE).write_text(WAYS.replace('?"]', '?", "One too many?"]'), "utf-8")
    index = opened(docs, tmp_path / "a.db")
    [told] = index.problems
    assert "2 lines; the first 1 are used" in told
    assert near(index, BLAME)["garden-07.md"] > 0.7
    index.close()


def test_a_changed_document_keeps_its_lines(docs: Path, tmp_path: Path) -> None:
    (docs / ASKED_FILE).write_text(WAYS, "utf-8")
    index = opened(docs, tmp_path / "a.db")
    (docs / "garden-07.md").write_text("# Plots\n\n## Plot 7\n\nPeas now, and no beans.\n", "utf-8")
    index.refresh()
    index.read_closely()
    assert near(index, BLAME)["garden-07.md"] > 0.7
    index.close()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('["garden-07.md"]\n"Plot 99" = ["?"]\n', "garden-07.md has no text under the heading “Plot 99”"),
        ('["gone.md"]\n"Plot 7" = ["?"]\n', "gone.md has no text under the heading “Plot 7”"),
        ("not toml", ASKED_FILE),
        ('["garden-07.md"]\n"Plot 7" = "one line"\n', ASKED_FILE),
        ("a = " + "[" * 3000, ASKED_FILE),
        ("a = " + "1" * 5000, ASKED_FILE),
        ("#" * 2_100_000, "larger than 2 MB"),
    ],
)
def test_a_mistake_in_the_file_is_told_and_breaks_nothing(
    docs: Path, tmp_path: Path, text: str, problem: str
) -> None:
    (docs / ASKED_FILE).write_text(text, "utf-8")
    index = opened(docs, tmp_path / "a.db")
    [told] = index.problems
    assert problem in told
    assert index.search("beans")
    (docs / ASKED_FILE).write_text(WAYS, "utf-8")
    index.refresh()
    assert index.problems == []
    index.close()


def test_a_document_above_its_first_heading_goes_by_its_title(docs: Path, tmp_path: Path) -> None:
    (docs / "pond.md").write_text("# The pond\n\nThere are newts in it.\n", "utf-8")
    (docs / ASKED_FILE).write_text('["pond.md"]\n"The pond" = ["Which animals swim there?"]\n', "utf-8")
    index = opened(docs, tmp_path / "a.db")
    assert index.problems == []
    assert near(index, "What animals are swimming in there?")["pond.md"] > 0.7
    index.close()


def test_every_line_of_our_own_documents_names_a_section(tmp_path: Path) -> None:
    index = KnowledgeIndex.build(product_folder() / "knowledge", tmp_path / "a.db")
    assert index.problems == []
    index.close()
