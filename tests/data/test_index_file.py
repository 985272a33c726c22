"""The index on the disk: kept between starts, following its folder, shared, and made anew when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data import index_file, index_update
from data.index_vectors import Meant
from data.knowledge_index import KnowledgeIndex
from tests.data.made_files import pdf, word

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "kettle.md").write_text("# Kettle\n\n## Care\n\nUse vinegar every month.", "utf-8")
    (folder / "tea.md").write_text("# Tea\n\n## Green\n\nBrew it at eighty degrees.", "utf-8")
    return folder


def sources(index: KnowledgeIndex, query: str) -> list[str]:
    return [passage.source_id for passage in index.search(query)]


def test_only_what_changed_is_read_again(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    true_reading = index_update.read_document

    def watched(name: str, content: bytes, limits: object) -> object:
        read.append(name)
        return true_reading(name, content, limits)  # type: ignore[arg-type]

    monkeypatch.setattr(index_update, "read_document", watched)
    file = tmp_path / "index" / "a.db"
    KnowledgeIndex.build(docs, file).close()
    assert sorted(read) == ["kettle.md", "tea.md"]
    read.clear()
    index = KnowledgeIndex.build(docs, file)
    assert (read, index.documents, sources(index, "vinegar")) == ([], 2, ["kettle.md"])
    os.utime(docs / "tea.md")  # touched, with the same content
    (docs / "kettle.md").write_text("# Kettle\n\n## Care\n\nUse lemon every month, not acid.", "utf-8")
    index.refresh()
    assert read == ["kettle.md"]
    assert (sources(index, "vinegar"), sources(index, "lemon")) == ([], ["kettle.md"])
    index.close()


def test_files_that_come_and_go_are_noticed_without_a_restart(docs: Path, tmp_path: Path) -> None:
    index = KnowledgeIndex.build(docs, tmp_path / "a.db")
    (docs / "tea.md").unlink()
    (docs / "sub").mkdir()
    (docs / "sub" / "lid.pdf").write_bytes(pdf(["The lid closes with a click, and opens at a touch."]))
    (docs / "handle.docx").write_bytes(word([("Heading1", "Handle"), ("Normal", "It stays cool.")]))
    (docs / "page.html").write_text("<html><h1>Spout</h1><p>It never drips.</p></html>", "utf-8")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    assert index.refresh()
    assert sources(index, "green tea degrees") == []
    found = {sources(index, word)[0] for word in ("click", "cool", "drips")}
    assert found == {"sub/lid.pdf", "handle.docx", "page.html"}
    assert index.documents == 4
    assert "broken.pdf: is damaged" in index.problems[0]
    until = time.monotonic() + 60
    while index.refresh():  # a fresh file is looked at again for as long as it is fresh
        assert time.monotonic() < until
        time.sleep(0.2)
    index.close()


def test_a_watched_folder_is_followed_in_the_background(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.index_follower.LOOK_S", 0.05)
    index = KnowledgeIndex.open(docs, tmp_path / "a.db")
    index.watch()
    (docs / "new.md").write_text("# New\n\nA zeppelin.", "utf-8")
    until = time.monotonic() + 20
    while not sources(index, "zeppelin") and time.monotonic() < until:
        time.sleep(0.05)
    assert sources(index, "zeppelin") == ["new.md"]
    assert index.documents == 3
    index.close()


@pytest.mark.parametrize(
    "damage", [b"this is no database, " * 100, b"", b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_damaged_index_is_made_anew(docs: Path, tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "a.db"
    KnowledgeIndex.build(docs, file).close()
    file.write_bytes(damage)
    index = KnowledgeIndex.build(docs, file)
    assert sources(index, "vinegar") == ["kettle.md"]
    index.close()


def test_an_index_of_another_make_is_made_anew(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = index_file.file_for(docs, tmp_path)
    KnowledgeIndex.build(docs, file).close()
    monkeypatch.setattr(index_file, "make", lambda: "another")
    other = index_file.file_for(docs, tmp_path)
    assert other != file
    index_file.remove_older(other)
    assert not file.exists()


def test_where_nothing_can_be_written_the_index_is_in_memory(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("a file stands here", "utf-8")
    index = KnowledgeIndex.build(docs, tmp_path / "no-folder" / "a.db")
    assert sources(index, "vinegar") == ["kettle.md"]
    index.close()


def test_processes_share_one_index(docs: Path, tmp_path: Path) -> None:
    for number in range(60):
        (docs / f"{number}.md").write_text(f"# Part {number}\n\nUse vinegar for part {number}.", "utf-8")
    program = (
        "import sys; from pathlib import Path; from data.knowledge_index import KnowledgeIndex\n"
        "index = KnowledgeIndex.build(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "index.search('vinegar'); index.refresh(); print('done')"
    )
    file = tmp_path / "a.db"
    command = [sys.executable, "-c", program, str(docs), str(file)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0].strip() for process in running] == ["done"] * 3
    index = KnowledgeIndex.build(docs, file)
    assert index.documents == 62
    assert len(index.search("vinegar", limit=200)) == 61
    index.close()


def test_what_says_the_same_in_other_words_is_near(docs: Path) -> None:
    from data.word_vectors import question_vector, words_of

    index = KnowledgeIndex.build(docs)
    vector = question_vector(dict.fromkeys(words_of("hot beverage temperature"), 1.0))
    near = index.candidates([], 5, Meant(vector))
    assert max(near, key=lambda candidate: candidate.near.words).passage.source_id == "tea.md"
