"""Properties of the cleaner that hold for any text, looked for by hypothesis."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from components.safe_markdown import CUT_NOTE, MAX_CHARS, clean, plain
from tests.pages import hostile_texts

PARSER = MarkdownIt("gfm-like", {"linkify": False})
# What Markdown, Streamlit's additions to it and HTML are made of, so that random texts mean something.
PIECES = st.sampled_from(
    [
        *"![](){}<>*_~`#|$\\:&;\"'+-=.0123 \n\t",
        "![a](http://e.example/x.png)",
        "[l](http://e.example)",
        "[l](javascript:alert(1))",
        "[r]: http://e.example/x.png\n",
        "![r]",
        "<img src=x onerror=hurt()>",
        "<script>",
        "<!--",
        "-->",
        "```",
        "~~~",
        "$$",
        "\\[",
        "\\]",
        "\\(",
        "> ",
        "- ",
        "1. ",
        "    ",
        "|---|---|\n",
        ":red[",
        ":material/home:",
        ":smile:",
        "&#33;",
        "&lt;",
        "data:image/png;base64,AAAA",
        "http://e.example",
        "http://bank.example@e.example/",
        "www.e.example",
        "mailto:a@e.example",
        "http://аррle.example",
        "\u202e",
        "\u200b",
        "\x1b[31m",
        "\x00",
        "\ud800",
        "\ue000",
        "\r\n",
        "word",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(PIECES, max_size=40).map("".join),
    st.lists(st.sampled_from(hostile_texts.ALL), min_size=1, max_size=3).map("\n".join),
)
MANY = settings(max_examples=250, deadline=None, derandomize=True, database=None)


def all_tokens(text: str) -> list[Token]:
    tokens = PARSER.parse(text)
    return [inner for token in tokens for inner in (token, *(token.children or []))]


@MANY
@given(TEXTS, st.booleans())
def test_nothing_is_fetched_run_or_linked_in_disguise(text: str, finished: bool) -> None:
    cleaned = clean(text, finished=finished)

    links: list[str] = []
    for token in all_tokens(cleaned):
        assert token.type != "image"
        assert not token.type.startswith("html")
        if token.type == "link_open":
            links.append(str(token.attrs["href"]))
    for href in links:
        parts = urlsplit(href)
        assert parts.scheme in ("http", "https", "mailto")
        assert "@" not in parts.netloc
        assert href.isascii()
        assert (parts.hostname or parts.path) in cleaned.replace("\\", "").replace("\u2060", "")


@MANY
@given(TEXTS)
def test_every_beginning_of_an_answer_is_as_harmless_as_the_whole(text: str) -> None:
    """While an answer is written, its text so far can be cut anywhere."""
    for end in range(0, len(text), max(1, len(text) // 12)):
        kinds = {token.type for token in all_tokens(clean(text[:end], finished=False))}
        assert "image" not in kinds
        assert not any(kind.startswith("html") for kind in kinds)


@MANY
@given(TEXTS, st.booleans())
def test_what_is_drawn_can_be_sent_and_has_no_hidden_characters(text: str, finished: bool) -> None:
    cleaned = clean(text, finished=finished)
    cleaned.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ue000\ue001]", cleaned)


@MANY
@given(TEXTS)
def test_a_label_is_one_line_of_plain_text(text: str) -> None:
    assert "\n" not in plain(text)
    kinds = {token.type for token in all_tokens(plain(text))}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@MANY
@given(st.lists(st.sampled_from(["word", "two words", "a, b", "3 of 4", "Größe", "日本語"]), max_size=12))
def test_plain_words_are_left_as_they_are(words: list[str]) -> None:
    text = "\n\n".join(words)
    assert clean(text) == text


@MANY
@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"], exclude_characters="`~"), max_size=80))
def test_code_in_a_fence_keeps_its_characters(code: str) -> None:
    fences = [token for token in all_tokens(clean(f"```text\nx{code}\n```")) if token.type == "fence"]
    assert [token.content for token in fences] == [f"x{code}\n"]


@pytest.mark.parametrize(
    "unit", ["![a](http://e.example/x.png) ", "- a\n" * 3, "> " * 40 + "x\n", "[", "**a", "`", "$x$ "]
)
def test_a_megabyte_is_cut_and_says_so(unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    cleaned = clean(text)
    assert cleaned.endswith(CUT_NOTE)
    assert len(cleaned) < 4 * MAX_CHARS
