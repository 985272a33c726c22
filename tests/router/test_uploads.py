"""Files of a conversation: read in the background, searched, refused with a reason, and forgotten."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from data.documents import UPLOADED, Reading
from data.documents.process import ReaderProcess
from data.events import Failed, FileRefused, Finished, Queued, SourcesFound
from data.records import Message, Turn
from router.answer import answer
from router.cancel import Cancel
from router.services import Services
from router.uploads import MOST_FILES, ConversationFiles
from tests.data.made_files import pdf, word

KETTLE = "The Zebulon kettle is descaled with citric acid every six weeks. Rinse it twice after that."
PATIENCE_S = 30.0


def read(files: ConversationFiles, *given: tuple[str, bytes]) -> tuple[str, ...]:
    ids = files.add(given)
    assert files.wait(ids, PATIENCE_S) == []
    return ids


def ask(
    services: Services, files: ConversationFiles, text: str, attached: tuple[str, ...] = ()
) -> list[object]:
    turn = Turn(
        session_id="s",
        conversation_id="c",
        messages=(Message(role="user", content=text),),
        attachments=attached,
    )
    return list(answer(turn, services, Cancel(), files=files))


def found_in(events: list[object]) -> SourcesFound:
    return next(event for event in events if isinstance(event, SourcesFound))


def test_an_attached_file_is_read_searched_and_forgotten() -> None:
    files = ConversationFiles()
    (upload_id,) = read(files, ("manual.pdf", pdf([KETTLE, KETTLE])))
    (upload,) = files.listed()
    assert (upload.name, upload.state, upload.pages, upload.passages) == ("manual.pdf", "ready", 2, 2)
    assert files.index is not None
    document = files.index.document(upload_id)
    (passage,) = files.index.search("Zebulon", limit=1)
    assert passage.source_title == "manual.pdf"
    assert "manual" not in passage.passage_id  # ids are logged, names of files are not
    assert document.text[passage.start : passage.end] == passage.text
    files.remove(upload_id)
    assert files.listed() == []
    assert files.index.search("Zebulon") == []
    with pytest.raises(KeyError):
        files.index.document(upload_id)


def test_what_cannot_be_added_is_said_before_anything_is_read() -> None:
    files = ConversationFiles()
    assert files.refusal([("a.pdf", 1000)]) is None
    assert "a.pdf is empty: it has 0 bytes" in str(files.refusal([("a.pdf", 0)]))
    assert "a.pdf has 11.0 MB; at most 10 MB" in str(files.refusal([("a.pdf", 11_000_000)]))
    many = [(f"{n}.md", 10) for n in range(MOST_FILES + 1)]
    assert f"can have {MOST_FILES} files" in str(files.refusal(many))
    read(files, ("a.md", b"# Tea\n\nGreen."))
    assert "1 is there already" in str(files.refusal(many[:MOST_FILES]))


def test_a_question_with_a_file_is_answered_from_it(services: Services) -> None:
    files = ConversationFiles()
    ids = files.add([("manual.docx", word([("Heading1", "Care"), ("Normal", KETTLE)]))])
    events = ask(services, files, "How often should I descale it?", ids)
    found = found_in(events)
    assert [passage.source_title for passage in found.passages] == ["manual.docx"]
    assert "every six weeks" in found.passages[0].text
    assert (found.searched_documents, found.searched_passages) == (1, 1)
    assert isinstance(events[-1], Finished)
    # The next message searches the file together with the documents.
    both = found_in(ask(services, files, "What does the Zebulon kettle need?"))
    assert both.searched_documents > 1
    assert both.passages[0].source_id == ids[0]


def test_a_question_about_the_whole_file_gets_its_beginning(services: Services) -> None:
    files = ConversationFiles()
    ids = read(files, ("notes.md", f"# Notes\n\n{KETTLE}\n\n## More\n\nTea is green.".encode()))
    found = found_in(ask(services, files, "Sum it up for me, please.", ids))
    assert [passage.heading for passage in found.passages] == [("Notes",), ("Notes", "More")]


def test_a_file_that_cannot_be_read_ends_the_turn_with_a_word_and_retry_does_without(
    services: Services,
) -> None:
    files = ConversationFiles()
    ids = files.add([("secret.pdf", pdf([KETTLE], password="x"))])
    events = ask(services, files, "What does it say?", ids)
    end = events[-1]
    assert isinstance(end, Failed)
    assert end.message.startswith("secret.pdf is protected by a password.")
    assert "Your message is kept" in end.message
    assert files.listed() == []


def test_a_file_that_cannot_be_read_does_not_hold_up_another_one(services: Services) -> None:
    files = ConversationFiles()
    ids = files.add([("scan.pdf", pdf([""])), ("notes.txt", KETTLE.encode())])
    events = ask(services, files, "How often should I descale it?", ids)
    (refused,) = [event for event in events if isinstance(event, FileRefused)]
    assert refused.message.startswith("scan.pdf has next to no text")
    assert [passage.source_title for passage in found_in(events).passages] == ["notes.txt"]
    waits = [event for event in events if isinstance(event, Queued) and event.reason == "files"]
    assert [wait.files for wait in waits] == [("scan.pdf", "notes.txt")]


def test_a_mistake_of_ours_over_one_file_does_not_hold_up_the_next_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    true_read = ReaderProcess.read

    def mistaken(reader: ReaderProcess, name: str, *rest: object) -> Reading:
        if name == "one.txt":
            raise ValueError("a mistake")
        return true_read(reader, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ReaderProcess, "read", mistaken)
    files = ConversationFiles()
    one, two = files.get(read(files, ("one.txt", KETTLE.encode()), ("two.txt", KETTLE.encode())))
    assert (one.state, one.message) == ("refused", "could not be read. Save it again and add that.")
    assert two.state == "ready"
    assert "ValueError: a mistake" in caplog.text
    assert "one.txt" not in caplog.text  # names of files are not logged


def test_where_no_thread_can_be_had_nobody_waits_for_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    files = ConversationFiles()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        ids = files.add([("one.txt", b"tea"), ("two.txt", b"tea")])
    assert files.wait(ids, 0) == []
    assert [upload.state for upload in files.refused(ids)] == ["refused"] * 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("locked.pdf", pdf([KETTLE], password="secret"), "is protected by a password. Save it without one"),
        ("broken.pdf", pdf([KETTLE])[:200], "is damaged"),
        ("blank.txt", b" \n ", "is empty: there is no text in it"),
        ("nothing.txt", b"", "is empty: it has 0 bytes"),
        ("scan.pdf", pdf(["", ""]), "is probably scanned"),
        ("photo.md", b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture, not a document"),
        ("long.pdf", pdf([KETTLE] * 4), "has 4 pages; at most 3 are read"),
        ("large.txt", b"tea " * 30_000, "has 0.1 MB; at most 0 MB are read"),
    ],
)
def test_each_file_that_cannot_be_used_says_why_after_it_was_added(
    name: str, content: bytes, says: str
) -> None:
    files = ConversationFiles(replace(UPLOADED, most_pages=3, largest_bytes=100_000))
    (upload,) = files.get(read(files, (name, content)))
    assert upload.state == "refused"
    assert says in upload.message
    assert files.listed() == []


def test_a_file_with_the_wrong_ending_is_read_as_what_it_is_and_that_is_said() -> None:
    files = ConversationFiles()
    (upload,) = files.get(read(files, ("manual.txt", pdf([KETTLE]))))
    assert (upload.state, upload.passages) == ("ready", 1)
    assert "holds a PDF, so it was read as that" in upload.note
