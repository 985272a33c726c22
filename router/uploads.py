"""The files that a person adds to one conversation: read in the background, searched with the documents.

They are kept in memory only, with their conversation, and go with it: neither the file nor its text is
ever written to the disk or to the log.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from data.documents import UPLOADED, Document, Unreadable
from data.documents.process import ReaderProcess
from data.documents.reading import Limits, check_size
from data.knowledge_index import KnowledgeIndex

LOG = logging.getLogger("upshift.uploads")
MOST_FILES = 5
# Ids carry no file name, because they are logged.
PREFIX = "upload-"


@dataclass(frozen=True)
class Upload:
    """A file of a conversation. `message` says why it was refused; `note` how it was read."""

    upload_id: str
    name: str
    size_bytes: int
    state: Literal["reading", "ready", "refused"] = "reading"
    pages: int | None = None
    passages: int = 0
    message: str = ""
    note: str = ""


class ConversationFiles:
    """The files of one conversation. Safe to use from several threads."""

    def __init__(self, limits: Limits = UPLOADED) -> None:
        self._limits = limits
        self._uploads: dict[str, Upload] = {}
        self._news = threading.Condition()
        self._index: KnowledgeIndex | None = None

    @property
    def index(self) -> KnowledgeIndex | None:
        """What can be searched; None while no file has been read."""
        return self._index

    def listed(self) -> list[Upload]:
        """The files that are read or being read, in the order in which they were added."""
        return [upload for upload in list(self._uploads.values()) if upload.state != "refused"]

    def refusal(self, files: Sequence[tuple[str, int]]) -> str | None:
        """Why these files (name, bytes) cannot be added, and what to do; None if they can."""
        there = len(self.listed())
        if there + len(files) > MOST_FILES:
            having = f" and {there} {'is' if there == 1 else 'are'} there already" if there else ""
            return (
                f"A conversation can have {MOST_FILES} files{having}: add fewer, or begin a new conversation."
            )
        for name, size_bytes in files:
            try:
                check_size(size_bytes, self._limits)
            except Unreadable as problem:
                return f"{name} {problem.message}"
        return None

    def add(self, files: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
        """Begin to read files (name, content) in the background; gives their ids."""
        added = {}
        for name, content in files:
            upload = Upload(PREFIX + secrets.token_hex(8), name, len(content))
            added[upload.upload_id] = (upload, content)
        with self._news:
            self._uploads |= {upload_id: upload for upload_id, (upload, _) in added.items()}
        if added:
            reading = threading.Thread(
                target=self._read, args=(list(added.values()),), name="uploads", daemon=True
            )
            try:
                reading.start()
            except RuntimeError:  # the system gives no more threads
                LOG.exception("no thread to read what was added")
                for upload, _ in added.values():
                    self._unless_done(upload)
        return tuple(added)

    def remove(self, upload_id: str) -> None:
        """Forget a file and its text."""
        with self._news:
            self._uploads.pop(upload_id, None)
            if self._index is not None:
                self._index.remove(upload_id)
            self._news.notify_all()

    def get(self, upload_ids: Iterable[str]) -> list[Upload]:
        """The files with these ids that were not removed."""
        return [self._uploads[upload_id] for upload_id in upload_ids if upload_id in self._uploads]

    def wait(self, upload_ids: Iterable[str], timeout_s: float) -> list[Upload]:
        """Wait until files are read, at most so long; gives those that are not yet."""
        ids = tuple(upload_ids)
        with self._news:
            self._news.wait_for(lambda: not self._unread(ids), timeout_s)
            return self._unread(ids)

    def refused(self, upload_ids: Iterable[str]) -> list[Upload]:
        """Those of these files that could not be read."""
        return [upload for upload in self.get(upload_ids) if upload.state == "refused"]

    def _unread(self, upload_ids: Sequence[str]) -> list[Upload]:
        return [upload for upload in self.get(upload_ids) if upload.state == "reading"]

    def _read(self, files: list[tuple[Upload, bytes]]) -> None:
        with ReaderProcess() as reader:
            for upload, content in files:
                try:
                    self._keep(upload, reader, content)
                except Unreadable as problem:
                    self._now(upload, state="refused", message=problem.message)
                except OSError as problem:
                    self._now(upload, state="refused", message=f"could not be read ({problem}). Try again.")
                except Exception:  # a mistake of ours must not keep the files behind this one waiting
                    LOG.exception("%s could not be read", upload.upload_id)
                finally:
                    # Whatever went wrong, nobody waits for this file for ever.
                    self._unless_done(upload)

    def _unless_done(self, upload: Upload) -> None:
        if self._unread((upload.upload_id,)):
            self._now(upload, state="refused", message="could not be read. Save it again and add that.")

    def _keep(self, upload: Upload, reader: ReaderProcess, content: bytes) -> None:
        reading = reader.read(upload.name, content, self._limits)
        document = Document(
            source_id=upload.upload_id, title=upload.name, text=reading.text, markdown=reading.markdown
        )
        with self._news:
            if upload.upload_id not in self._uploads:
                return  # removed meanwhile
            if self._index is None:
                self._index = KnowledgeIndex()
            before = self._index.passages
            self._index.add([document])
            passages = self._index.passages - before
        self._now(upload, state="ready", pages=reading.pages, passages=passages, note=reading.note)

    def _now(self, upload: Upload, **changes: object) -> None:
        with self._news:
            if upload.upload_id in self._uploads:
                self._uploads[upload.upload_id] = replace(upload, **changes)  # type: ignore[arg-type]
            self._news.notify_all()
