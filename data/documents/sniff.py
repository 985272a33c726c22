"""What a file really is, by its first bytes: an ending is only what somebody called it."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath

from data.documents.reading import KINDS, Kind, Unreadable

READABLE = "Markdown, text, HTML, PDF and Word (.docx) are read."
_WORD_PART = "word/document.xml"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
# What a picture, a program and so on begin with, and what to call it.
_OTHERS = (
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"{\\rtf", "an RTF document; save it as .docx"),
    (b"\x1f\x8b", "a compressed archive"),
    (b"7z\xbc\xaf", "a compressed archive"),
    (b"Rar!", "a compressed archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"ID3", "a recording"),
    (b"OggS", "a recording"),
    (b"SQLite format 3", "a database"),
)


def kind_of(name: str, content: bytes) -> Kind:
    """The kind of document. Raises Unreadable when it is none that can be read."""
    if b"%PDF-" in content[:1024]:
        return "pdf"
    if content.startswith(_OLD_OFFICE):
        raise _old_office(content)
    if content.startswith(b"PK"):
        return _packed(content)
    for beginning, called in _OTHERS:
        if content.startswith(beginning):
            raise Unreadable("kind", f"is {called}, not a document. {READABLE}")
    promised = KINDS.get(PurePath(name).suffix.lower())
    if promised in ("pdf", "word"):
        what = "a PDF" if promised == "pdf" else "a Word document"
        raise Unreadable("damaged", f"is damaged, or not {what}: its beginning is missing. Save it again.")
    if promised == "html" or (promised is None and _HTML.match(content[:4096])):
        return "html"
    if b"\0" in content[:100_000] and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable("kind", f"holds binary data, not text. {READABLE}")
    return promised or "text"


def _packed(content: bytes) -> Kind:
    """What is in a ZIP container."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as container:
            names = set(container.namelist())
            encrypted = any(part.flag_bits & 1 for part in container.infolist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise Unreadable("damaged", "is damaged: it cannot be unpacked. Save or download it again.") from None
    if encrypted:
        raise Unreadable("password", "is protected by a password. Save it without one and use that.")
    if _WORD_PART in names:
        return "word"
    office = {"xl/workbook.xml": "a spreadsheet", "ppt/presentation.xml": "a presentation"}
    called = next((called for part, called in office.items() if part in names), "an archive of files")
    raise Unreadable("kind", f"is {called}. {READABLE} Save it as PDF, for example.")


def _old_office(content: bytes) -> Unreadable:
    if _ENCRYPTED in content:
        return Unreadable("password", "is protected by a password. Save it without one and use that.")
    return Unreadable("kind", "is in an old Office format. Save it as .docx or PDF and use that.")
