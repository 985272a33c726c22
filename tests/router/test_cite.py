"""[n] marks: which count as citations, which are taken out, and what must stay as it is."""

from __future__ import annotations

import pytest

from data.records import Passage
from router.cite import check


def passages(count: int) -> list[Passage]:
    return [
        Passage(
            passage_id=str(n),
            source_id="log.md",
            source_title="Log",
            text="Kept for 30 days.",
            start=0,
            end=17,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("written", "shown", "cited", "removed"),
    [
        ("Kept for 30 days [1].", "Kept for 30 days [1].", (1,), 0),
        ("Kept for 30 days[1].", "Kept for 30 days[1].", (1,), 0),
        ("Kept for 30 days [7].", "Kept for 30 days.", (), 1),
        ("Kept for 30 days[7].", "Kept for 30 days.", (), 1),
        ("[0] Kept for 30 days.", "Kept for 30 days.", (), 1),
        ("Kept [2], then gone [1] and [2].", "Kept [2], then gone [1] and [2].", (2, 1), 0),
        ("Kept [1][2].", "Kept [1][2].", (1, 2), 0),
        ("Kept [1, 2].", "Kept [1][2].", (1, 2), 0),
        ("Kept [1-3].", "Kept [1][2][3].", (1, 2, 3), 0),
        ("Kept [2–4].", "Kept [2][3].", (2, 3), 1),
        ("Kept [1, 9].", "Kept [1].", (1,), 1),
        ("Kept [8][9] here.", "Kept here.", (), 2),
        ("Kept [3-1].", "Kept [3][1].", (3, 1), 0),
        ("A [1]\n\n- B [2]\n- C [5]", "A [1]\n\n- B [2]\n- C", (1, 2), 1),
        ("日志保存三十天[1]。", "日志保存三十天[1]。", (1,), 0),
    ],
)
def test_marks_are_checked_against_three_passages(
    written: str, shown: str, cited: tuple[int, ...], removed: int
) -> None:
    checked = check(written, passages(3))
    assert (checked.text, checked.cited, checked.removed) == (shown, cited, removed)


@pytest.mark.parametrize(
    "text",
    [
        "Use `row[9]` here.",
        "Use ``a `b` [9]`` here.",
        "```python\nprint(row[9])\n[9]\n```\nafter",
        "~~~\n[9]\n~~~",
        "```\nstill being written [9]",
        "See [the page](https://example.org/[9]).",
        "See [9](https://example.org).",
        "An image ![9](x.png).",
        "A reference [9][page].",
        "[9]: https://example.org",
        "A footnote [^9] and its text.\n\n[^9]: here",
        r"An escaped \[9] bracket.",
        "The values are x = [7, 8, 9].",
        "f([9])",
        "Not a number [a] and [ ] and [x] a task.",
        "A year [2024].",
    ],
)
def test_what_is_no_mark_stays_untouched(text: str) -> None:
    checked = check(text, passages(3))
    assert (checked.text, checked.cited, checked.removed) == (text, (), 0)


def test_marks_after_code_still_count() -> None:
    checked = check("`a[9]` is kept [1].\n\n```\n[9]\n```\nThen gone [2] [9].", passages(2))
    assert checked.text == "`a[9]` is kept [1].\n\n```\n[9]\n```\nThen gone [2]."
    assert (checked.cited, checked.removed) == ((1, 2), 1)


@pytest.mark.parametrize(
    "text", ["[3, 1, 2]", "The sorted list is [1, 2, 3].", "`x` is a[0]", "array[5] = 2"]
)
def test_without_passages_lists_and_subscripts_of_an_answer_stay(text: str) -> None:
    assert check(text, []).text == text


def test_without_passages_an_invented_mark_goes() -> None:
    checked = check("It was founded in 1901 [1].", [])
    assert (checked.text, checked.removed) == ("It was founded in 1901.", 1)


def test_an_unfinished_mark_at_the_end_of_a_stream_waits() -> None:
    answer = "Kept for 30 days [1, 9]. Then gone [7]."
    for length in range(len(answer)):
        shown = check(answer[:length], passages(1)).text
        assert "[9]" not in shown
        if answer[:length].endswith(("[", "[1", "[1,", "[1, ", "[1, 9", "[7")):
            assert shown.endswith(answer[:length].rpartition("[")[2])
    assert check(answer, passages(1)).text == "Kept for 30 days [1]. Then gone."


def test_checking_again_changes_nothing() -> None:
    once = check("A [1-2]. B [9]. C [2, 7].", passages(2))
    again = check(once.text, passages(2))
    assert (again.text, again.cited, again.removed) == (once.text, once.cited, 0)


def test_a_page_can_draw_the_marks_its_own_way() -> None:
    checked = check("Kept [1, 2] `[1]`.", passages(2), draw=lambda number: f"<{number}>")
    assert checked.text == "Kept <1><2> `[1]`."


@pytest.mark.parametrize(
    "text",
    ["`" * 100_000, "[" * 100_000, "`a ``b " * 20_000, "[1](" * 30_000, "```\n" * 30_000, "[1, " * 30_000],
)
def test_hostile_text_is_checked_in_linear_time(text: str) -> None:
    assert isinstance(check(text, passages(2)).text, str)
