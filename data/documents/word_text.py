"""Word documents (.docx) as text: mammoth knows their styles, and its HTML goes the way of all HTML."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any
from xml.parsers.expat import ExpatError

import mammoth  # type: ignore[import-untyped]

from data.documents.html_text import text_of
from data.documents.reading import Limits, Reading, Unreadable
from data.passages import title_of

_TITLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"


def read_word(content: bytes, limits: Limits, fallback: str) -> Reading:
    """The text of a .docx file. Raises Unreadable."""
    try:
        _check_unpacked(content, limits)
        html = mammoth.convert_to_html(
            io.BytesIO(content), style_map=_TITLES, convert_image=_no_picture, external_file_access=False
        ).value
    except (
        zipfile.BadZipFile, zlib.error, ExpatError, KeyError, ValueError, AttributeError, IndexError,
        OSError, NotImplementedError, RecursionError, TypeError,
    ):  # fmt: skip
        raise Unreadable(
            "damaged", "is damaged: its parts cannot be read. Open it in Word and save it again."
        ) from None
    text, _ = text_of(html)
    if not text:
        raise Unreadable("no_text", "has no text in it, perhaps only pictures. Choose another file.")
    return Reading(title=title_of(text, fallback), text=text, kind="word")


def _check_unpacked(content: bytes, limits: Limits) -> None:
    """A small file may unpack to gigabytes. `zipfile` never gives more of a part than it declares."""
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        size = sum(part.file_size for part in container.infolist())
    if size > limits.most_unpacked_bytes:
        raise Unreadable(
            "too_large",
            f"unpacks to {size / 1e6:,.0f} MB; at most {limits.most_unpacked_bytes / 1e6:,.0f} MB are read. "
            "Choose another file.",
        )


def _no_picture(image: Any) -> list[Any]:
    return []
