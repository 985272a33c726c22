"""What is found out about an answer's sources once it has ended."""

from __future__ import annotations

import pytest

from router.examine import examine
from router.sentences import sentences
from router.support import share
from tests.passages import a_passage

KEPT = a_passage(
    "Text is kept for 30 days. Then it is deleted; the figures of a turn stay in the log.", "log"
)
PORT = a_passage("The page listens on port 8501. `PORT` chooses another one.", "settings", "Settings", "Port")
BOTH = (KEPT, PORT)


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


# Sentences.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Kept [1]. Then gone. [2] End", ["Kept [1].", "Then gone. [2]", "End"]),
        ("It is e.g. in ~/.local/a.db, 0.5 GB.", ["It is e.g. in ~/.local/a.db, 0.5 GB."]),
        ("- one thing\n2. **another**\n\n| a | b |", ["one thing", "**another**", "a | b |"]),
        ("Do this:\n\n```sh\nmake run. Now.\n```\nDone.", ["Do this:", "Done."]),
        ("```\nnever closed. Still code", []),
        ("# Heading\ntext", ["text"]),
        ("保存三十天。然后删除。", ["保存三十天。", "然后删除。"]),
        ("", []),
    ],
)
def test_sentences_are_cut_where_they_end(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


# Support.


@pytest.mark.parametrize(
    ("sentence", "least", "most"),
    [
        ("Text is kept for 30 days [1].", 1, 1),
        ("The text is deleted after 30 days.", 1, 1),
        ("Text is kept for 14 days.", 0, 0),
        ("It runs on `/etc/upshift.conf`.", 0, 0),
        ("The administrator archives invoices.", 0, 0.01),
        ("The figures of a turn stay in the cloud.", 0.5, 0.9),
    ],
)
def test_a_passage_holds_up_what_it_says(sentence: str, least: float, most: float) -> None:
    assert least <= share(sentence, KEPT) <= most


def test_figures_are_the_same_with_commas_between_the_thousands() -> None:
    passage = a_passage("The file has 491,400,064 bytes.")
    assert share("The file has 491400064 bytes.", passage) == 1
    assert share("The file has 491,400,065 bytes.", passage) == 0


# Marks.


def test_each_word_of_a_command_has_to_stand_in_the_passage() -> None:
    passage = a_passage("`python -m router check` asks each model; `--preset posthog` chooses which.")
    assert share("Run `python -m router check --preset posthog`.", passage) > 0.8
    assert share("Run `python -m router check --preset openai`.", passage) == 0


def test_marks_of_the_model_have_their_place() -> None:
    found = examine("Kept for 30 days [1, 7]. On port 8501 [2].", BOTH)
    assert found.text == "Kept for 30 days [1]. On port 8501 [2]."
    assert [(found.text[m.start : m.end], m.number, m.by) for m in found.marks] == [
        ("[1]", 1, "model"),
        ("[2]", 2, "model"),
    ]
    assert (found.cited, found.removed) == ((1, 2), 1)


def test_places_are_right_after_a_mark_was_removed() -> None:
    found = examine("Never [9] . Kept [8], for 30 days [1].", (KEPT,))
    [mark] = [mark for mark in found.marks if mark.by == "model"]
    assert found.text[mark.start : mark.end] == "[1]"


def test_a_sentence_without_a_mark_gets_one_of_ours_where_one_passage_has_its_words() -> None:
    found = examine("Text is kept for 30 days. The page listens on port 8501 [2]. I like tea.", BOTH)
    [own] = [mark for mark in found.marks if mark.by == "upshift"]
    assert found.text[: own.start] == "Text is kept for 30 days."
    assert (own.start, own.number) == (own.end, 1)
    assert found.cited == (2,), "what we matched is not what the model cited"
    assert "[1]" not in found.text, "its text is not touched"


@pytest.mark.parametrize(("more", "named"), [("cheaply", True), ("cheaply somewhere nowadays", False)])
def test_a_source_is_named_where_it_has_seven_words_in_ten(more: str, named: bool) -> None:
    passage = a_passage("Harbour pilots repair wooden masts.")
    examined = examine(f"Harbour pilots repair wooden masts {more}, friends.", (passage,))
    assert bool(examined.marks) is named


def test_a_bare_no_with_a_mark_is_not_called_unsupported() -> None:
    assert examine("No [1].", (KEPT,)).unsupported == ()
    assert len(examine("No penguins live there [1].", (KEPT,)).unsupported) == 1


def test_of_two_passages_that_both_say_it_the_more_relevant_is_named() -> None:
    twice = (KEPT, a_passage("Text is kept for 30 days, too.", "privacy"))
    assert [mark.number for mark in examine("Text is kept for 30 days.", twice).marks] == [1]


def test_words_of_the_question_say_nothing_of_a_source_but_what_is_new_does() -> None:
    locked = a_passage("`UPSHIFT_PRESET_LOCKED=1` keeps people from changing them.", "presets", "Presets")
    asked = "Which variable forbids switching the models on the page?"
    said = "The variable that forbids switching the models on the page is UPSHIFT_PRESET_LOCKED=1."
    assert [mark.number for mark in examine(said, (locked,), asked).marks] == [1]
    assert examine(said.replace("LOCKED", "CLOSED"), (locked,), asked).marks == (), "another name"
    assert examine("The variable forbids switching the models.", (locked,), asked).marks == ()
    assert examine("The variable is for people.", (locked,), asked).marks == (), "one plain word"


def test_a_cited_sentence_whose_source_does_not_say_it_is_told() -> None:
    found = examine("Text is kept for 14 days [1]. It is deleted then [1].", (KEPT,))
    assert [found.text[span.start : span.end] for span in found.unsupported] == [
        "Text is kept for 14 days [1]."
    ]


# Quotes.


@pytest.mark.parametrize(
    ("text", "number", "found"),
    [
        ('It says "Text is kept for 30 days" there.', 1, True),
        ("It says “text is KEPT for 30 days.”", 1, True),
        ("It says «the page listens … chooses another one»", 2, True),
        ('It says "text is kept for 14 days" there.', None, False),
        ('It says "Text is kept … chooses another one".', None, False),
    ],
)
def test_a_quote_is_looked_for_in_the_passages(text: str, number: int | None, found: bool) -> None:
    [quote] = examine(text, BOTH).quotes
    assert (quote.number, quote.found) == (number, found)
    assert text[quote.start] in '"“«'


def test_names_code_and_the_persons_own_words_are_no_quotes() -> None:
    question = 'What does "the answer was cut off" mean?'
    text = 'Press "Show earlier". Run `echo "a b c d e"`. "The answer was cut off" means that it stopped.'
    assert examine(text, BOTH, question).quotes == ()


def test_without_passages_nothing_is_matched_or_missing() -> None:
    found = examine('Text is kept "for a very long time". See [1].', ())
    assert (found.marks, found.quotes, found.unsupported) == ((), (), ())
