"""The index on the disk: kept between starts, following its folder, shared, and made anew when damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from data import index_file, index_update
from data.documents import process
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


def make_old(folder: Path) -> None:
    """So old that no file can change again within the clock's grain."""
    for path in folder.iterdir():
        os.utime(path, (1, 1))


def cannot_be_read(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError) -> None:
    """From now on a file of this name says `error`. Rights would not do: root may read anything."""
    true_bytes = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == name:
            raise error
        return true_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)


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


def test_names_that_are_not_utf_8_stay_apart_and_their_files_are_read(docs: Path, tmp_path: Path) -> None:
    try:
        for byte, text in ((b"\xe8", "A zeppelin."), (b"\xe9", "A gondola.")):
            Path(os.fsdecode(os.fsencode(docs) + b"/caf" + byte + b".md")).write_text(text, "utf-8")
    except OSError:
        pytest.skip("this file system takes no such names")
    make_old(docs)
    index = KnowledgeIndex.open(docs, tmp_path / "a.db")
    assert (index.documents, index.problems) == (4, [])
    assert sources(index, "zeppelin") == ["caf&#56552;.md"]
    assert sources(index, "gondola") == ["caf&#56553;.md"]
    assert not index.refresh()
    index.close()


def test_a_mistake_of_ours_does_not_end_the_following(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("data.index_follower.LOOK_S", 0.05)
    index = KnowledgeIndex.open(docs, tmp_path / "a.db")
    true_changes, looks = index_update.changes, 0

    def mistaken_once(connection: sqlite3.Connection, folder: Path) -> index_update.Changes:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError("a mistake")
        return true_changes(connection, folder)

    monkeypatch.setattr(index_update, "changes", mistaken_once)
    (docs / "new.md").write_text("# New\n\nA zeppelin.", "utf-8")
    index.watch()
    until = time.monotonic() + 20
    while not sources(index, "zeppelin") and time.monotonic() < until:
        time.sleep(0.05)
    assert sources(index, "zeppelin") == ["new.md"]
    assert "ValueError: a mistake" in caplog.text
    index.close()


def test_a_full_disk_is_told_and_the_folder_is_read_when_there_is_room(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "a.db"
    KnowledgeIndex(None, file).close()
    (docs / "long.md").write_text("# Long\n\n" + "Apples and pears are fruit. " * 4000, "utf-8")
    true_connected, connections = index_file._connected, []

    def full(path: str) -> sqlite3.Connection:
        connections.append(connection := true_connected(path))
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages + 2}")
        return connection

    monkeypatch.setattr(index_file, "_connected", full)
    index = KnowledgeIndex.open(docs, file)
    assert "database or disk is full" in caplog.text
    assert index.documents == 0
    for connection in connections:
        connection.execute("pragma max_page_count = 100000")
    assert index.refresh()
    assert (index.documents, sources(index, "vinegar")) == (3, ["kettle.md"])
    index.close()


def test_what_cannot_be_committed_leaves_no_transaction_open() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("pragma foreign_keys = on")
        connection.execute("create table a (id integer primary key)")
        connection.execute("create table b (id integer references a deferrable initially deferred)")
        with pytest.raises(sqlite3.IntegrityError), index_update._transaction(connection):
            connection.execute("insert into b values (1)")
        assert not connection.in_transaction


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_can_be_read_again_is_found_though_it_looks_the_same(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    make_old(docs)
    file = tmp_path / "a.db"
    with monkeypatch.context() as closed:
        cannot_be_read(closed, "tea.md", PermissionError(13, "Permission denied"))
        index = KnowledgeIndex.open(docs, file)
        assert "tea.md: cannot be read (Permission denied)" in index.problems[0]
    if restarted:
        index.close()
        index = KnowledgeIndex.open(docs, file)
    else:
        assert index.refresh()
    assert (index.problems, sources(index, "green")) == ([], ["tea.md"])
    assert not index.refresh()
    index.close()


def test_a_file_that_still_cannot_be_read_is_not_written_down_again(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(docs)
    cannot_be_read(monkeypatch, "tea.md", PermissionError(13, "Permission denied"))
    index = KnowledgeIndex.open(docs, tmp_path / "a.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as other:
        before = other.execute("pragma data_version").fetchone()
        assert [index.refresh() for _ in range(3)] == [False] * 3
        assert other.execute("pragma data_version").fetchone() == before
    cannot_be_read(monkeypatch, "tea.md", OSError(5, "Input/output error"))
    assert index.refresh()
    assert "Input/output error" in index.problems[0]
    index.close()


@pytest.mark.parametrize(("ends", "documents"), [(1, 3), (2, 2)])
def test_a_reader_that_ends_over_a_file_is_tried_once_more(
    docs: Path, monkeypatch: pytest.MonkeyPatch, ends: int, documents: int
) -> None:
    (docs / "page.html").write_text("<html><h1>Spout</h1><p>It never drips.</p></html>", "utf-8")
    make_old(docs)
    true_exchange, asked = process._exchange, 0

    def killed(reader: subprocess.Popen[bytes], *file: object) -> bytes:
        nonlocal asked
        asked += 1
        if asked <= ends:
            reader.kill()
            reader.wait()
        return true_exchange(reader, *file)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "_exchange", killed)
    index = KnowledgeIndex.build(docs)
    assert (index.documents, asked) == (documents, 2)
    assert ["sudden end" in problem for problem in index.problems] == [True] * (3 - documents)
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


def test_a_folder_whose_name_is_no_utf_8_is_indexed(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such names")
    (folder / "kettle.md").write_text("# Kettle\n\nDescale it with vinegar.\n", "utf-8")
    index = KnowledgeIndex.build(folder, index_file.file_for(folder, tmp_path))
    assert sources(index, "vinegar") == ["kettle.md"]
    index.close()


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


def test_following_that_could_not_begin_begins_with_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    index = KnowledgeIndex.open(folder, tmp_path / "index.db")
    start, refused = threading.Thread.start, ["once"]

    def start_or_not(thread: threading.Thread) -> None:
        if thread.name == "documents" and refused:
            refused.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_not)
    try:
        with pytest.raises(RuntimeError, match="new thread"):
            index.watch()
        index.watch()
        assert any(thread.name == "documents" for thread in threading.enumerate())
    finally:
        index.close()
