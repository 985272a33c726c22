"""Sources that contradict each other: both are shown, and the page is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.events import Doubted, SourcesFound
from data.knowledge_index import KnowledgeIndex
from data.records import Message, Passage, Turn
from router.answer import answer
from router.cancel import Cancel
from router.differing import differing, with_the_other_side
from router.retrieve import Retriever
from router.scripted import Reply
from router.services import Services
from tests.router.conftest import Provider


def a_passage(text: str, number: int = 0) -> Passage:
    return Passage(
        passage_id=f"p{number}", source_id="a", source_title="A", text=text, start=0, end=len(text)
    )


WEEK = a_passage("Export links of a shared view work for 7 days.", 1)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("Export links of a shared view work for 14 days.", True),
        ("A shared view's export links work for 14 days, always.", True),
        ("Export links of a shared view work for 7 days.", False),
        ("Export links of a shared view work for 7 days, 10 at a time.", False),
        ("Export links of a shared view work.", False),
        ("The tablet has 14 buttons and a pen.", False),
    ],
)
def test_the_same_with_another_figure_is_a_contradiction(other: str, expected: bool) -> None:
    assert bool(differing((WEEK, a_passage(other, 2)))) is expected


def test_the_other_side_is_added_once_and_nothing_else() -> None:
    other = a_passage("Export links of a shared view work for 14 days.", 2)
    unrelated = a_passage("The tablet has 14 buttons and a pen.", 3)
    assert with_the_other_side((WEEK,), (WEEK, unrelated, other)) == (WEEK, other)
    assert with_the_other_side((WEEK, other), (other, unrelated)) == (WEEK, other)
    assert with_the_other_side((WEEK,), (WEEK, unrelated)) == (WEEK,)
    assert with_the_other_side((), (other,)) == ()


def test_both_are_given_to_the_model_and_the_person_is_told(
    services: Services, provider: Provider, tmp_path: Path
) -> None:
    for name, days in (("manual", 7), ("letter", 14)):
        text = f"# The {name}\n\n## Export links\n\nExport links of a shared view work for {days} days."
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    services.retriever = Retriever(KnowledgeIndex.build(tmp_path))
    provider.say(Reply(text="For 7 days [1] or 14 days [2].", first_token_ms=0, token_ms=0))
    message = Message(role="user", content="For how many days do export links of a shared view work?")
    turn = Turn(session_id="s", conversation_id="c", messages=(message,), choice="fast")

    events = list(answer(turn, services, Cancel()))

    [found] = [event for event in events if isinstance(event, SourcesFound)]
    assert {passage.source_title for passage in found.passages} == {"The manual", "The letter"}
    assert found.differing == ((1, 2),)
    assert "contradict each other" in provider.prompts()[0][-1]["content"]
    [doubt] = [event for event in events if isinstance(event, Doubted)]
    assert (doubt.shown, doubt.cause) == (True, "differing")
    assert "my sources give different figures" in doubt.words
