"""Brings the index up to date with a folder: reads what is new or changed, forgets what is gone.

Size and time of change say which files to look at, their contents' hash which ones to read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from data import ways_to_ask
from data.documents import IN_A_FOLDER, KINDS, Document, Reading, Unreadable, read_document
from data.documents.process import ReaderProcess, SuddenEnd
from data.documents.reading import check_size
from data.passages import split
from data.word_vectors import packed, passage_vector
from data.words import terms

# Files of one transaction: others can search what is there, and write, in between.
BATCH = 200
# A file that changed so shortly before it was read may change again within the clock's grain.
_TOO_FRESH_NS = 2_000_000_000
# Kinds whose files can make their reader hang or eat memory: read in another process.
_APART = ("html", "pdf", "word")


@dataclass(frozen=True)
class Seen:
    """A file of the folder as the file system describes it."""

    path: Path
    size_bytes: int
    changed_ns: int


def files_in(folder: Path) -> dict[str, Seen]:
    """The documents below `folder` by their path in it (with /), hidden ones left out."""
    found: dict[str, Seen] = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in [*names, *folders]:
            if name.startswith(".") or Path(name).suffix.lower() not in KINDS:
                continue
            path = Path(parent, name)
            with contextlib.suppress(OSError):  # gone again
                facts = path.stat()
                found[_source_id(path, folder)] = Seen(path, facts.st_size, facts.st_mtime_ns)
    return found


def _source_id(path: Path, folder: Path) -> str:
    """The file's path in the folder; a byte of it that is not UTF-8, which SQLite refuses, as `&#…;`.

    Not as `?`, which would make one document of names that differ in such a byte.
    """
    return path.relative_to(folder).as_posix().encode("utf-8", "xmlcharrefreplace").decode()


@dataclass(frozen=True)
class Changes:
    """What is to be done: files to look into, and documents that are no longer there.

    `asked_in` is the folder whose ways to ask have changed, if they have.
    """

    look_into: dict[str, Seen]
    gone: list[str]
    asked_in: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.look_into or self.gone or self.asked_in)


def changes(connection: sqlite3.Connection, folder: Path) -> Changes:
    """Compares the folder's files with what the index knows of them."""
    files = files_in(folder)
    known = {
        source_id: (size, changed)
        for source_id, size, changed in connection.execute(
            "select source_id, size_bytes, changed_ns from documents"
        )
    }
    look_into = {
        name: seen for name, seen in files.items() if known.get(name) != (seen.size_bytes, seen.changed_ns)
    }
    asked_in = None if ways_to_ask.is_current(connection, folder) else folder
    return Changes(look_into, [name for name in known if name not in files], asked_in)


def update(connection: sqlite3.Connection, todo: Changes, lock: Path | None, *, until: int = -1) -> bool:
    """Do what is to be done, in batches; whether the index may have changed by it.

    It has not when files still cannot be read as before. When another process is at it, what that writes
    is seen at the next look. `until` limits the number of files. Raises sqlite3.Error.
    """
    names = list(todo.look_into)[: until if until >= 0 else None]
    with contextlib.ExitStack() as held:
        if lock is not None:
            try:
                held.enter_context(FileLock(lock, timeout=0))
            except (Timeout, OSError):
                return True
        reader = held.enter_context(ReaderProcess())
        changed = bool(todo.gone or todo.asked_in)
        with _transaction(connection):
            _forget(connection, todo.gone)
            if todo.asked_in is not None:
                ways_to_ask.update(connection, todo.asked_in)
        for at in range(0, len(names), BATCH):
            part = [(name, todo.look_into[name]) for name in names[at : at + BATCH]]
            # Read before the transaction: a slow document keeps nobody waiting.
            looked = [_looked_into(connection, reader, name, seen) for name, seen in part]
            read = [file for file in looked if file is not None]
            changed = changed or bool(read)
            with _transaction(connection):
                for file in read:
                    _keep(connection, file)
        if changed and len(names) > BATCH:
            connection.execute("insert into words (words) values ('optimize')")
    return changed


def add(connection: sqlite3.Connection, documents: Iterable[Document]) -> None:
    """Put documents into the index as they are."""
    with _transaction(connection):
        for document in documents:
            _keep(connection, _File(document.source_id, 0, 0, "", document))


def remove(connection: sqlite3.Connection, source_id: str) -> None:
    """Take a document out of the index."""
    with _transaction(connection):
        _forget(connection, [source_id])


@dataclass(frozen=True)
class _File:
    """A file that was looked into: its document, a problem, or neither if only its time changed."""

    name: str
    size_bytes: int
    changed_ns: int
    sha256: str
    document: Document | None = None
    problem: str | None = None


def _looked_into(
    connection: sqlite3.Connection, reader: ReaderProcess, name: str, seen: Seen
) -> _File | None:
    """None when the file still cannot be read, as the index says already."""
    known = connection.execute(
        "select sha256, problem from documents where source_id = ?", [name]
    ).fetchone() or (None, None)
    fresh = time.time_ns() - seen.changed_ns < _TOO_FRESH_NS
    changed_ns = -1 if fresh else seen.changed_ns
    try:
        check_size(seen.size_bytes, IN_A_FOLDER)
        content = seen.path.read_bytes()
    except Unreadable as problem:
        return _File(name, seen.size_bytes, changed_ns, "", problem=problem.message)
    except OSError as error:
        problem_text = f"cannot be read ({error.strerror}). Check that it is a readable file."
        if known[1] == problem_text:
            return None
        # -1, so that it is looked at again: that it can be read now shows in neither size nor time.
        return _File(name, seen.size_bytes, -1, "", problem=problem_text)
    sha256 = hashlib.sha256(content).hexdigest()
    if known[0] == sha256:
        return _File(name, seen.size_bytes, changed_ns, sha256)
    try:
        found = _read(reader, name, content, apart=KINDS[seen.path.suffix.lower()] in _APART)
    except Unreadable as problem:
        return _File(name, seen.size_bytes, changed_ns, sha256, problem=problem.message)
    document = Document(source_id=name, title=found.title, text=found.text, markdown=found.markdown)
    return _File(name, seen.size_bytes, changed_ns, sha256, document)


def _read(reader: ReaderProcess, name: str, content: bytes, *, apart: bool) -> Reading:
    if not apart:
        return read_document(name, content, IN_A_FOLDER)
    try:
        return reader.read(name, content, IN_A_FOLDER)
    except SuddenEnd:  # perhaps not the file's doing: the system ends a process when memory is short
        return reader.read(name, content, IN_A_FOLDER)


def _keep(connection: sqlite3.Connection, file: _File) -> None:
    if file.document is None and file.problem is None:
        connection.execute(
            "update documents set size_bytes = ?, changed_ns = ? where source_id = ?",
            [file.size_bytes, file.changed_ns, file.name],
        )
        return
    _forget(connection, [file.name])
    document = file.document
    connection.execute(
        "insert into documents values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            file.name,
            document.title if document else None,
            document.text if document else None,
            int(document.markdown) if document else None,
            file.size_bytes,
            file.changed_ns,
            file.sha256,
            file.problem,
        ],
    )
    if document is None:
        return
    title = " ".join(terms(document.title))
    for passage in split(document.text, document.source_id, document.title, document.markdown):
        stems = terms(passage.text)
        under = " ".join(passage.heading)
        vector = packed(passage_vector(f"{document.title} {under}", passage.text))
        row = connection.execute(
            "insert into passages (source_id, heading, start, end, words, vector) values (?, ?, ?, ?, ?, ?)",
            [document.source_id, json.dumps(passage.heading), passage.start, passage.end, len(stems), vector],
        ).lastrowid
        connection.execute(
            "insert into words (rowid, title, heading, text) values (?, ?, ?, ?)",
            [row, title, " ".join(terms(under)), " ".join(stems)],
        )


def _forget(connection: sqlite3.Connection, names: list[str]) -> None:
    for name in names:
        connection.execute(
            "delete from words where rowid in (select id from passages where source_id = ?)", [name]
        )
        connection.execute(
            "delete from meanings where id in (select id from passages where source_id = ?)", [name]
        )
        connection.execute("delete from passages where source_id = ?", [name])
        connection.execute("delete from documents where source_id = ?", [name])


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # a full disk ends it by itself
            connection.execute("rollback")
        raise
