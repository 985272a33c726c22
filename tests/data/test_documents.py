"""Reading documents of every kind: text with headings, or a clear word on why not."""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from dataclasses import replace

import pytest

from data.documents import IN_A_FOLDER, UPLOADED, Reading, Unreadable, process, read_document
from data.documents.process import ReaderProcess
from data.passages import split
from tests.data.made_files import container, pdf, word

CARE = "The kettle is cleaned with vinegar once a month, and with water after that."
GUARANTEE = "The guarantee lasts two years from the day of purchase, and covers the lid."


def refused(name: str, content: bytes, **limits: object) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read_document(name, content, replace(UPLOADED, **limits))  # type: ignore[arg-type]
    assert caught.value.message.endswith(".")
    return caught.value


def headings(reading: Reading) -> list[tuple[tuple[str, ...], str]]:
    found = split(reading.text, "a", reading.title, reading.markdown)
    for passage in found:
        assert reading.text[passage.start : passage.end] == passage.text
    return [(passage.heading, passage.text) for passage in found]


def test_a_pdf_is_read_page_by_page_under_its_outline() -> None:
    reading = read_document("manual.pdf", pdf([CARE, GUARANTEE], outline=["Care", "Guarantee"]), UPLOADED)
    assert (reading.kind, reading.pages, reading.title) == ("pdf", 2, "manual")
    assert headings(reading) == [(("Care", "Page 1"), CARE), (("Guarantee", "Page 2"), GUARANTEE)]


def test_lines_of_a_pdf_are_put_together_to_paragraphs() -> None:
    page = (
        "The kettle is cleaned with vinegar once a month and with wa-\nter after that, because limescale "
        "makes\nit slow.\n- a list\n- stays a list\n# no heading"
    )
    text = read_document("a.pdf", pdf([page]), UPLOADED).text
    assert "with water after that, because limescale makes it slow.\n- a list\n- stays a list" in text
    assert headings(read_document("a.pdf", pdf([page]), UPLOADED))[0][0] == ("Page 1",)


def test_a_word_document_keeps_its_headings_lists_and_tables() -> None:
    content = word([("Heading1", "The kettle"), ("Heading2", "Care & use"), ("Normal", CARE)])
    reading = read_document("kettle.docx", content, UPLOADED)
    assert (reading.title, reading.kind, reading.pages) == ("The kettle", "word", None)
    assert headings(reading) == [(("Care & use",), CARE)]


def test_html_is_read_without_what_is_no_text() -> None:
    page = f"""<!doctype html><html><head><title>Kettle &amp; lid</title>
      <style>p {{color: red}}</style></head>
      <body><nav><a href="/">Home</a></nav><h1>The   kettle</h1><script>alert("kettle")</script>
      <p>{CARE}<br>Twice <b>a</b>
      year<img src=x alt="a picture"></p><h2>Parts</h2><ul><li>Lid<li>Body</ul><ol><li>Fill<li>Boil</ol>
      <table><tr><th>Part</th><th>Price</th></tr><tr><td>Lid</td><td>3</td></tr></table>
      <pre># not a heading\n  brew --now</pre><p># nor this<p>open to the end"""
    reading = read_document("kettle.html", page.encode(), UPLOADED)
    assert reading.title == "The kettle"
    assert reading.text == (
        f"# The kettle\n\n{CARE}\nTwice a year\n\n## Parts\n\n- Lid\n- Body\n1. Fill\n2. Boil\n"
        "Part | Price\nLid | 3\n\n```\n# not a heading\n  brew --now\n```\n\n\\# nor this\n\nopen to the end"
    )


def test_html_in_other_encodings_is_read() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><p>Łódź</p></html>'
    assert read_document("a.html", page.encode("iso-8859-2"), UPLOADED).text == "Łódź"
    assert read_document("a.htm", b"<html><p>caf\xe9</p></html>", UPLOADED).text == "café"
    assert read_document("a.htm", b'<html><meta charset="no-such"><p>caf\xe9', UPLOADED).text == "café"


def test_text_is_read_in_the_encodings_that_say_what_they_are() -> None:
    assert read_document("a.txt", "Tee für zwei\r\n".encode("utf-8-sig"), UPLOADED).text == "Tee für zwei\n"
    assert read_document("a.txt", "Tee für zwei".encode("utf-16"), UPLOADED).text == "Tee für zwei"


@pytest.mark.parametrize(
    ("name", "content", "reason", "says"),
    [
        ("a.pdf", b"", "empty", "0 bytes"),
        ("a.md", b" \n\t\n", "empty", "no text in it"),
        ("a.pdf", pdf([CARE], password="secret"), "password", "without one"),
        ("a.pdf", pdf([CARE])[:200], "damaged", "damaged"),
        ("a.pdf", b"%PDF-1.7\nnothing more", "damaged", "damaged"),
        ("a.pdf", pdf(["", ""]), "no_text", "scanned"),
        ("a.pdf", b"just text", "damaged", "not a PDF"),
        ("a.docx", b"just text", "damaged", "not a Word document"),
        ("a.docx", word([("Normal", CARE)])[:-40], "damaged", "unpacked"),
        ("a.docx", container({"word/document.xml": b"<w:document><oops"}), "damaged", "parts"),
        ("a.docx", word([("Normal", "")]), "no_text", "no text"),
        ("a.docx", container({"xl/workbook.xml": b"<a/>"}), "kind", "spreadsheet"),
        ("a.docx", container({"notes.txt": b"hello"}), "kind", "archive"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "kind", "old Office format"),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99) + "EncryptedPackage".encode("utf-16-le"),
            "password",
            "without one",
        ),
        ("a.md", b"\x89PNG\r\n\x1a\n" + bytes(50), "kind", "a picture"),
        ("a.txt", b"kettle\0\1\2", "kind", "binary"),
        ("a.md", b"# Caf\xe9", "encoding", "Save it as UTF-8"),
        ("a.html", b"<html><script>draw()</script></html>", "no_text", "made by a script"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(name: str, content: bytes, reason: str, says: str) -> None:
    problem = refused(name, content)
    assert (problem.reason, says in problem.message) == (reason, True), problem.message


def test_limits_are_told_with_both_figures() -> None:
    assert "has 0.1 MB; at most 0 MB" in refused("a.txt", b"x" * 100_000, largest_bytes=1000).message
    assert "has 3 pages; at most 2 are" in refused("a.pdf", pdf([CARE] * 3), most_pages=2).message
    assert "has 400 characters of text; at most 300" in (
        refused("a.txt", b"x" * 400, most_characters=300).message
    )


def test_a_file_is_read_as_what_it_is_whatever_it_is_called() -> None:
    reading = read_document("report.docx", pdf([CARE]), UPLOADED)
    assert (reading.kind, reading.note) == (
        "pdf",
        "its ending says otherwise, but it holds a PDF, so it was read as that",
    )
    assert read_document("notes", CARE.encode(), UPLOADED).note == ""
    assert read_document("page.txt", b"<html><p>Hi", UPLOADED).kind == "text"


def test_a_file_that_unpacks_to_very_much_is_refused_before_it_does() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("word/document.xml", b"<a>" + b" " * 150_000_000)
    assert len(file.getvalue()) < 200_000
    assert "unpacks to 150 MB; at most 100 MB" in refused("bomb.docx", file.getvalue()).message


def test_another_process_reads_the_same_and_says_the_same() -> None:
    with ReaderProcess() as reader:
        reading = reader.read("manual.pdf", pdf([CARE]), UPLOADED)
        assert reading == read_document("manual.pdf", pdf([CARE]), UPLOADED)
        with pytest.raises(Unreadable, match="protected by a password") as caught:
            reader.read("a.pdf", pdf([CARE], password="secret"), UPLOADED)
        assert caught.value.reason == "password"
        assert reader.read("a.md", b"# Tea\n\nGreen.", IN_A_FOLDER).title == "Tea"


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read() -> None:
    # So little time that even starting the process takes longer.
    hurried = replace(UPLOADED, longest_s=0.001)
    with ReaderProcess() as reader:
        with pytest.raises(Unreadable, match="takes longer than") as caught:
            reader.read("a.pdf", pdf([CARE]), hurried)
        assert caught.value.reason == "too_slow"
        assert reader.read("a.pdf", pdf([CARE]), UPLOADED).pages == 1


def test_half_an_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    torn = """import sys; sys.stdin.buffer.readline(); sys.stdout.write('{"reading": {"ti')"""
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", torn])
    with ReaderProcess() as reader, pytest.raises(Unreadable, match="sudden end"):
        reader.read("a.pdf", b"%PDF", UPLOADED)


def test_a_file_that_unpacks_without_end_is_refused() -> None:
    """A page whose content is compressed far beyond what a page can hold."""
    packed = zlib.compress(b"(kettle) Tj " * 30_000_000, 9)
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n4 0 obj<</Length "
        + str(len(packed)).encode()
        + b"/Filter/FlateDecode>>stream\n"
        + packed
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>"
    )
    assert len(content) < 3_000_000
    with ReaderProcess() as reader, pytest.raises(Unreadable) as caught:
        reader.read("bomb.pdf", content, UPLOADED)
    assert caught.value.reason in ("too_large", "damaged", "too_slow")
