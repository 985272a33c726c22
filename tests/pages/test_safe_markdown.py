"""What the cleaner keeps, what it takes away, and that it stays quick. The browser has its own test."""

from __future__ import annotations

import random
import re
import sys

import pytest
from markdown_it import MarkdownIt

from components.safe_markdown import CUT_NOTE, MAX_CHARS, clean, plain
from tests.pages import hostile_texts

PARSER = MarkdownIt("gfm-like", {"linkify": False})


def tokens(text: str) -> list[str]:
    found = []
    for token in PARSER.parse(text):
        found += [token.type, *(child.type for child in token.children or [])]
    return found


def code_in(text: str) -> list[str]:
    return [token.content for token in PARSER.parse(text) if token.type in ("fence", "code_block")]


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, a **bold** one, an *italic* one, ~~none~~ and `code`.",
        "- a\n- b\n  - c\n  - d\n\n  more of b\n- e",
        "1. one\n2. two\n   - inner\n3. three",
        "- [ ] open\n- [x] done",
        "> a quote\n> over two lines\n>\n> - with a list",
        "| a | b |\n|---|:-:|\n| 1 | `x` |",
        "It costs 3 to 4 times more - really + truly. See section 1.2 (or #4).",
    ],
)
def test_harmless_markdown_is_kept_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("text", hostile_texts.ALL)
@pytest.mark.parametrize("finished", [True, False])
def test_another_parser_finds_no_harm_either(text: str, finished: bool) -> None:
    cleaned = clean(text, finished=finished)
    kinds = tokens(cleaned)
    assert "image" not in kinds
    assert not any(kind.startswith("html") for kind in kinds)
    cleaned.encode("utf-8")  # a lone surrogate would not


@pytest.mark.parametrize("text", hostile_texts.ALL)
def test_a_label_has_no_markdown_at_all(text: str) -> None:
    assert set(tokens(plain(text))) <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


CODE = (
    "def f(a):\n\tx = '![a](https://e.example/x.png)'  # :red[no] $5 \\( \\\n\n"
    "    return `x` <b> &amp; *a* [l](u)\n"
)


@pytest.mark.parametrize("indent", ["", "  ", "   "])
def test_code_in_a_fence_stays_byte_exact(indent: str) -> None:
    before = {"": "", "  ": "- a\n", "   ": "1. a\n"}[indent]
    fenced = "".join(indent + line for line in f"```python\n{CODE}```\n".splitlines(keepends=True))
    assert code_in(clean(before + fenced)) == [CODE]


def test_code_with_fences_in_it_gets_longer_fences() -> None:
    text = "~~~md\n```\ncode\n````\n~~~\nafter"
    assert code_in(clean(text)) == ["```\ncode\n````\n"]
    assert clean(text).endswith("\nafter")


def test_indented_code_is_shown_as_code() -> None:
    assert code_in(clean("See:\n\n    if a < b:\n        run(a[1])\n\nDone *now*")) == [
        "if a < b:\n    run(a[1])\n"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("![a cat](https://e.example/c.png)", "\\[image: a cat\\]"),
        ("[docs](https://e.example/a)", "[docs (e\\.example)](https://e.example/a)"),
        ("see https://e.example/a.", "see <https://e.example/a>."),
        ("[mail](mailto:a@e.example)", "[mail (a\\@\u2060e\\.example)](mailto:a@e.example)"),
        ("[x](javascript:alert(1)) y", "x y"),
        ("a <b>bold</b> word", "a \\<b>bold\\</b> word"),
        (":material/check: ok", ":\u2060material/check: ok"),
        (":green-badge[Verified]", "\\:green-badge\\[Verified\\]"),
        ("# Big", "#### Big"),
        ("### Small", "###### Small"),
        ("Title\n===", "Title\n\\==="),
        ("Title\n---", "Title\n\n---"),
        ("a\x1b[31mb\x1b[0m\u202ec\x00d\ufeff", "abcd"),
        ("```mermaid\ngraph\n```", "```text\ngraph\n```"),
        ("https://\u0430pple.com", "<https://xn--pple-43d.com>"),
    ],
)
def test_what_is_changed(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $10",
        "from $5 to 10$ or so",
        "US$5-$10 a month",
        "$1,000 ... $2,000",
        "$HOME and $PATH, or $HOME/$USER/x",
        "costs $20/month vs. $30/month$",
        "a $ b $ c",
    ],
)
def test_money_and_variables_are_no_maths(text: str) -> None:
    assert not re.search(r"(?<!\\)\$", clean(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$x^2$", "$x^2$"),
        ("so $n$ is $O(n)$ and $5$", "so $n$ is $O(n)$ and $5$"),
        ("\\(a + b\\) and \\(x\\)", "$a + b$ and $x$"),
        ("\\[ \\frac{1}{2} \\]", "$$\n\\frac{1}{2}\n$$"),
        ("$$\nx = 1\n$$", "$$\nx = 1\n$$"),
        ("$$x = 1$$", "$$\nx = 1\n$$"),
        ("It is \\$5 where $r_1$", "It is \\$5 where $r_1$"),
        ("\\[1\\] is a source", "\\[1\\] is a source"),
    ],
)
def test_maths_is_kept(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("some **bo", "some **bo**"),
        ("some *it", "some *it*"),
        ("some **", "some"),
        ("- a **b\n- c *d", "- a **b\n- c *d*"),
        ("use `co", "use `co`"),
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("> ```\n> x", "> ```\n> x\n> ```"),
        ("see [the docs](https://e.exa", "see the docs"),
        ("see [the do", "see the do"),
        ("![a cat](https://e", "\\[image: a cat\\]"),
        ("Text\n-", "Text\n"),
        ("Text\n##", "Text\n"),
        ("| a | b |", "| a | b |\n| --- | --- |"),
        ("| a | b |\n|--", "| a | b |\n| --- | --- |"),
        ("| a | b |\n|---|---|\n| 1", "| a | b |\n|---|---|\n| 1"),
        ("$$\n\\frac{1", "…"),
    ],
)
def test_what_is_unfinished_is_closed_for_the_moment(text: str, expected: str) -> None:
    assert clean(text, finished=False) == expected


def test_a_finished_text_gets_no_closing_marks() -> None:
    assert clean("2 ** 3 and a **bo") == "2 ** 3 and a **bo"


def test_a_long_text_is_cut_with_a_note() -> None:
    cleaned = clean("word " * 300_000)
    assert cleaned.endswith(CUT_NOTE)
    assert len(cleaned) < MAX_CHARS + 200
    assert clean("![a](x)" * 200_000).count("](") == 0


@pytest.mark.parametrize(
    "piece",
    ["[", "![", "[a](", "`", "`a``b", "*a _b ", "$a ", "$$", "\\(", "<", "&#", ":a", "> ", "- ", "|", "~",
     "\\", "(", "[![", "https://a", "www.", "```\n", "\n> > ", "  - a\n", "$x\\", "\x1b]", "a\u0301", "1. "],
)  # fmt: skip
def test_a_hostile_megabyte_takes_linear_work(piece: str) -> None:
    """Counts steps through Python code rather than time: for four times the text not 16 times as many."""

    def work(length: int) -> int:
        steps = 0

        def count(*_: object) -> object:
            nonlocal steps
            steps += 1
            return count

        text = (piece * length)[:length]
        sys.settrace(count)
        try:
            clean(text, finished=False)
        finally:
            sys.settrace(None)
        return steps

    assert work(48_000) < 6 * work(12_000) + 5_000


def test_random_mixtures_stay_harmless() -> None:
    rng = random.Random(7)
    pieces = [
        *hostile_texts.ALL,
        "\n",
        "\n\n",
        "  ",
        "    ",
        "> ",
        "- ",
        "1. ",
        "`",
        "```",
        "~~~",
        "$",
        "$$",
        "|",
        "\\",
    ]
    for _ in range(1_500):
        text = "".join(rng.choice(pieces) for _ in range(rng.randint(2, 8)))
        text = text[: rng.randint(1, len(text))]
        for finished in (True, False):
            kinds = tokens(clean(text, finished=finished))
            assert "image" not in kinds, text
            assert "heading_open" not in kinds or "<h1>" not in PARSER.render(clean(text)), text
            assert not any(kind.startswith("html") for kind in kinds), text
