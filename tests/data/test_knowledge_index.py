"""The index over a product's documents: passages, search in any script, and damaged documents."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data.knowledge_index import KnowledgeIndex
from data.passages import MOST_WORDS, count_words, split
from data.words import terms

KETTLE = """# The kettle

An opening paragraph about the kettle.

## Cleaning

Use vinegar once a month.

```sh
# not a heading
clean --now
```

### Hard water

Where the water is hard, clean it every week.

## Guarantee

The guarantee lasts two years.
"""


def write(folder: Path, **documents: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in documents.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def test_passages_are_exact_ranges_under_their_headings(tmp_path: Path) -> None:
    index = KnowledgeIndex.build(write(tmp_path / "docs", kettle=KETTLE))
    document = index.document("kettle.md")
    assert document.title == "The kettle"
    found = {passage.heading: passage for passage in index.search("kettle clean guarantee hard", limit=50)}
    assert set(found) == {(), ("Cleaning",), ("Cleaning", "Hard water"), ("Guarantee",)}
    for passage in found.values():
        assert document.text[passage.start : passage.end] == passage.text
    assert "clean --now" in found[("Cleaning",)].text
    assert index.passages == 4
    assert index.documents == 1


def test_long_paragraphs_are_cut_at_sentences_and_nothing_is_lost() -> None:
    sentence = "The quick kettle boils water for nine cups of tea. "
    text = "# Long\n\n" + sentence * 60
    pieces = split(text, "long.md", "Long")
    assert len(pieces) > 3
    assert all(count_words(piece.text) <= MOST_WORDS for piece in pieces)
    assert all(piece.text.endswith("tea.") for piece in pieces)
    assert " ".join(piece.text for piece in pieces) == (sentence * 60).strip()


def test_short_paragraphs_of_a_section_are_put_together() -> None:
    text = "# A\n\n" + "\n\n".join(f"Paragraph {n} has exactly seven words here." for n in range(12))
    pieces = split(text, "a.md", "A")
    assert [count_words(piece.text) >= 60 for piece in pieces[:-1]] == [True] * (len(pieces) - 1)
    assert len(pieces) == 2


def test_a_page_in_a_script_without_spaces_is_cut_too() -> None:
    text = "# 日志\n\n" + "日志保存三十天。" * 100
    pieces = split(text, "log.md", "日志")
    assert len(pieces) > 1
    assert all(count_words(piece.text) <= MOST_WORDS for piece in pieces)
    assert "".join(piece.text for piece in pieces) == "日志保存三十天。" * 100


def test_the_heading_counts_more_than_a_mention(tmp_path: Path) -> None:
    docs = write(
        tmp_path / "docs",
        a="# A\n\n## Guarantee\n\nTwo years from the day of purchase.",
        b="# B\n\n## Cleaning\n\nCleaning does not end the guarantee of the kettle.",
    )
    assert KnowledgeIndex.build(docs).search("guarantee")[0].source_id == "a.md"


def test_other_forms_of_a_word_are_found(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", a="# A\n\nThe router chose a model and logged it.", b="# B\n\nTea.")
    index = KnowledgeIndex.build(docs)
    for query in ("routing", "choose", "logging", "logs", "MODELS"):
        assert [passage.source_id for passage in index.search(query)] == ["a.md"], query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("日志文件保存三十天，然后删除。", "保存多久"),
        ("ログは三十日間保存されます。", "ログの保存期間"),
        ("로그는 삼십일 동안 보관됩니다.", "보관 기간"),
        ("บันทึกจะถูกเก็บไว้สามสิบวัน", "เก็บไว้กี่วัน"),
        ("Журнал хранится тридцать дней.", "где ЖУРНАЛ?"),
        ("बातचीत तीस दिन तक रखी जाती है।", "बातचीत"),
        ("يُحفظ السجل ثلاثين يومًا", "السجل"),
        ("Das Protokoll wird für dreißig Tage aufbewahrt.", "dreissig Tage"),
        ("Le café est gardé trente jours.", "CAFE"),
    ],
)
def test_other_scripts_and_accents_are_found(tmp_path: Path, text: str, query: str) -> None:
    docs = write(tmp_path / "docs", a=f"# A\n\n{text}", b="# B\n\nSomething else altogether.")
    assert [passage.source_id for passage in KnowledgeIndex.build(docs).search(query)] == ["a.md"]


@pytest.mark.parametrize(
    "query",
    [
        "", "   ", "\0", '"', '""" OR 1', "kettle AND", "NEAR(kettle", "title:kettle", "kettle*", "^kettle",
        "(((", "kettle'; drop table passages; --", "-kettle", "😀", "\ud83d", "a" * 100_000,
        "kettle " * 20_000, "{a b}: c",
    ],
)  # fmt: skip
def test_any_text_is_a_safe_query(tmp_path: Path, query: str) -> None:
    index = KnowledgeIndex.build(write(tmp_path / "docs", kettle=KETTLE))
    found = index.search(query)
    assert bool(found) == ("kettle" in query)
    assert index.passages == 4


def test_damaged_documents_are_told_and_the_others_are_searched(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", kettle=KETTLE, empty="  \n")
    (docs / "latin.md").write_bytes(b"# Caf\xe9\n\nkettle")
    (docs / "binary.txt").write_bytes(b"kettle\0\1\2")
    (docs / "large.txt").write_bytes(b"kettle " * 1_000_000)
    (docs / "folder.md").mkdir()
    (docs / ".hidden.md").write_text("# Hidden\n\nkettle", encoding="utf-8")
    (docs / "picture.png").write_bytes(b"\x89PNG")
    index = KnowledgeIndex.build(docs)
    assert {passage.source_id for passage in index.search("kettle")} == {"kettle.md"}
    told = {Path(problem.split(": ")[0]).name: problem for problem in index.problems}
    assert set(told) == {"empty.md", "latin.md", "binary.txt", "large.txt", "folder.md"}
    assert "Save it as UTF-8" in told["latin.md"]
    assert "Split it" in told["large.txt"]
    assert "is empty" in told["empty.md"]


def test_a_missing_folder_is_an_empty_index_with_a_problem(tmp_path: Path) -> None:
    index = KnowledgeIndex.build(tmp_path / "nowhere")
    assert (index.passages, index.documents, index.search("kettle")) == (0, 0, [])
    assert "there is no such folder" in index.problems[0]


def test_windows_files_and_text_files_are_read(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "sub" / "win.md").write_bytes(b"\xef\xbb\xbf# Kettle\r\n\r\n## Care\r\n\r\nUse vinegar.\r\n")
    (docs / "plain_notes.txt").write_text("# no heading in a text file\n\nUse lemon.", encoding="utf-8")
    index = KnowledgeIndex.build(docs)
    vinegar = index.search("vinegar")[0]
    assert (vinegar.source_id, vinegar.source_title, vinegar.heading) == ("sub/win.md", "Kettle", ("Care",))
    lemon = index.search("lemon")[0]
    assert (lemon.source_title, lemon.heading) == ("plain notes", ())
    assert "# no heading" in lemon.text


def test_an_unknown_document_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        KnowledgeIndex.build(write(tmp_path / "docs", kettle=KETTLE)).document("tea.md")


def test_many_threads_can_search_at_once(tmp_path: Path) -> None:
    index = KnowledgeIndex.build(write(tmp_path / "docs", kettle=KETTLE))
    alone = index.search("guarantee kettle")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: index.search("guarantee kettle"), range(200)))
    assert all(result == alone for result in results)


def test_rare_words_weigh_more(tmp_path: Path) -> None:
    index = KnowledgeIndex.build(write(tmp_path / "docs", kettle=KETTLE))
    unknown, rare, common = (index.weight(terms(word)[0]) for word in ("zeppelin", "vinegar", "kettle"))
    assert unknown > rare > common >= 0
