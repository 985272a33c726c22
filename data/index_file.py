"""The file of the index: its tables, and how it is opened, shared and replaced when it is damaged.

Everything in it can be made again from the documents, so a file that is of an older make, or cannot
be read, is simply removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
from pathlib import Path

import sqlite_utils

LOG = logging.getLogger("upshift.documents")
# Another process may be in the middle of writing a batch.
BUSY_MS = 10_000
_HERE = Path(__file__).parent
# What decides how documents are cut and which stems they have.
_MADE_BY = (
    *("words.py", "passages.py", "documents", "index_file.py"),
    *("word_vectors.py", "word_vectors.npz", "word_pieces.py", "meaning.py", "meaning_weights/SHA256"),
    "ways_to_ask.py",
)
# The words are stems already, so FTS5 only has to cut at spaces. Marks count as letters, or Hindi
# would fall apart at its vowel signs.
_WORDS = """create virtual table words using fts5(title, heading, text, detail = full,
            tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'")"""


class Damaged(Exception):
    """The file is no index that this program can use."""


def make() -> str:
    """A fingerprint of the code that makes an index: another one makes another index."""
    digest = hashlib.sha256()
    for name in _MADE_BY:
        path = _HERE / name
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            if file.is_file():  # the weights of the close reading may be left out
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def file_for(folder: Path, index_folder: Path) -> Path:
    """The index file for a folder of documents, under a name of its own."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return index_folder / f"{name}-{make()}.db"


def open_file(path: Path | None) -> sqlite3.Connection:
    """A connection to the index, made if there is none; in memory without a path.

    A file that cannot be read is removed and begun anew; where no file can be written the index is in
    memory, and made again at the next start.
    """
    if path is None:
        return _prepared(_connected(":memory:"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _prepared(_connected(str(path)))
        except (sqlite3.DatabaseError, Damaged) as problem:
            if isinstance(problem, sqlite3.OperationalError) and "locked" in str(problem):
                raise
            LOG.warning("the index of the documents is damaged and made anew: %s", problem)
            remove(path)
            return _prepared(_connected(str(path)))
    except (OSError, sqlite3.Error) as problem:
        LOG.warning("the index of the documents is kept in memory: %s", problem)
        return _prepared(_connected(":memory:"))


def remove(path: Path) -> None:
    """Remove an index file with what SQLite keeps beside it. Raises OSError."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def remove_older(path: Path) -> None:
    """Remove the indexes of the same folder that older versions of this program made."""
    folder = path.name.split("-")[0]
    for other in path.parent.glob(f"{folder}-*.db"):
        if other != path:
            with contextlib.suppress(OSError):  # another process may still use it
                remove(other)


def _connected(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, check_same_thread=False, isolation_level=None)
    # Without a sync at every batch a crash of the machine can cost the index, which is made again.
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = off")
    connection.execute("pragma cache_size = -64000")
    return connection


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        _make_tables(connection)
        found = connection.execute("select value from made where name = 'by'").fetchone()
        if found is None or found[0] != make():
            raise Damaged("made by another version")
        if connection.execute("pragma quick_check(1)").fetchone()[0] != "ok":
            raise Damaged("quick_check failed")
        connection.execute("select count(*) from words_data").fetchone()
    except (sqlite3.Error, Damaged):
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    database = sqlite_utils.Database(connection)
    if "made" in database.table_names():
        return
    connection.execute("begin immediate")
    try:
        if "made" not in database.table_names():  # another process may have been quicker
            connection.execute("create table made (name text primary key, value text) strict")
            connection.execute(
                """create table documents (
                    source_id text primary key, title text, text text, markdown integer, size_bytes integer,
                    changed_ns integer, sha256 text, problem text
                ) strict"""
            )
            connection.execute(
                """create table passages (
                    id integer primary key, source_id text not null, heading text, start integer, end integer,
                    words integer, vector blob
                ) strict"""
            )
            connection.execute("create table meanings (id integer primary key, vectors blob) strict")
            connection.execute(
                """create table ways (
                    id integer primary key, source_id text not null, heading text not null,
                    question text not null, vector blob
                ) strict"""
            )
            connection.execute("create index passages_by_source on passages (source_id, start)")
            connection.execute(_WORDS)
            connection.execute("create virtual table vocabulary using fts5vocab(words, 'row')")
            connection.execute("insert into made values ('by', ?)", [make()])
        connection.execute("commit")
    except sqlite3.Error:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("rollback")
        raise
