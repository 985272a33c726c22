"""Documents of any kind that people have, as text with headings: what the search and the page work on."""

from __future__ import annotations

from data.documents.reading import (
    IN_A_FOLDER,
    KINDS,
    UPLOADED,
    Document,
    Limits,
    Reading,
    Unreadable,
    read_document,
)

__all__ = [
    "IN_A_FOLDER",
    "KINDS",
    "UPLOADED",
    "Document",
    "Limits",
    "Reading",
    "Unreadable",
    "read_document",
]
