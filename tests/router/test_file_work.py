"""What is routed by the files that came with a message, and what by its text."""

from __future__ import annotations

import pytest

from data.records import Message, StudyTerms, Turn
from router import file_work
from router.file_work import LONG_BYTES
from router.services import Services
from router.uploads import ConversationFiles

SHORT = b"The kettle is descaled every six weeks."
LONG = b"The committee met again and put the matter off until the spring. " * (LONG_BYTES // 60)
PATIENCE_S = 30.0


def decided(
    services: Services,
    text: str,
    content: bytes | None,
    choice: str | None = None,
    study: StudyTerms | None = None,
    wait: bool = True,
) -> tuple[str, str, str]:
    files = ConversationFiles()
    ids = files.add([("minutes.txt", content)]) if content is not None else ()
    if wait:
        files.wait(ids, PATIENCE_S)
    turn = Turn(
        session_id="s",
        conversation_id="c",
        messages=(Message(role="user", content=text),),
        attachments=ids,
        choice=choice,
        study=study,
    )
    decision = file_work.decide(turn, services, files)
    return decision.task, decision.tier, decision.reasons[0]


@pytest.mark.parametrize(
    "text",
    [
        "What are the weaknesses in this?",
        "Thoughts?",
        "compare the positions in the attachment",
        "Was hältst du davon? Bitte bewerten.",
        "请分析一下",
    ],
)
@pytest.mark.parametrize("wait", [True, False])
def test_a_long_file_to_be_analysed_is_heavy_work(services: Services, text: str, wait: bool) -> None:
    assert decided(services, text, LONG, wait=wait) == ("analysis", "heavy", "a long file to analyse")


def test_a_short_file_is_routed_by_the_text(services: Services) -> None:
    for text in ("Compare both ways to do it.", "When is the kettle descaled?"):
        assert decided(services, text, SHORT) == decided(services, text, None)


def test_looking_something_up_in_a_long_file_is_routed_by_the_text(services: Services) -> None:
    task, tier, reason = decided(services, "On which date did the committee meet?", LONG)
    assert task in ("lookup", "extract")
    assert tier == "fast"
    assert reason != "a long file to analyse"


@pytest.mark.parametrize("text", ["hello", "Here you go, thanks!"])
def test_with_next_to_no_text_the_file_is_the_message(services: Services, text: str) -> None:
    assert decided(services, text, SHORT) == ("summarise", "fast", "a file with little text")
    assert decided(services, text, None)[0] == "chitchat"


def test_what_a_person_or_a_study_chose_stays(services: Services) -> None:
    assert decided(services, "Thoughts?", LONG, choice="fast")[1] == "fast"
    assert decided(services, "/fast Thoughts?", LONG)[1] == "fast"
    forced = StudyTerms(study="x", variant="a", routing="fast")
    assert decided(services, "Thoughts?", LONG, study=forced)[1] == "fast"
    auto = StudyTerms(study="x", variant="b")
    assert decided(services, "Thoughts?", LONG, study=auto)[1] == "heavy"
