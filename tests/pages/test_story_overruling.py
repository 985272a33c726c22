"""Somebody doubts the choice of the model: asks another one, compares, and says which was better."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router import runtime
from tests.pages.person import Person

Visit = Callable[..., Person]
EASY = "Translate into Spanish: good morning."
TWO_ANSWERS = (
    {"match": "good morning", "model": "fast", "text": "Buenos dias."},
    {"match": "good morning", "model": "heavy", "text": "Buenos días, con acento."},
)


@pytest.fixture
def compared(visit: Visit, script) -> tuple[Person, str, str]:
    """A person with two answers before them, and the ids of both."""
    script(*TWO_ANSWERS)
    person = visit().types(EASY)
    [first] = person.turn_ids
    person.presses(f"send-beside-heavy-{first}")
    return person, first, person.turn_ids[-1]


def test_the_other_tier_is_offered_under_every_ended_answer(visit: Visit) -> None:
    person = visit().types(EASY)
    person.types("Prove step by step that the square root of two is irrational.")

    fast, heavy = person.turn_ids
    assert "Ask the heavy model" in person.under(fast)
    assert "Ask the fast model" not in person.under(fast), "that one answered"
    assert "Ask the fast model" in person.under(heavy)
    assert "Which was better?" not in person.page, "there is nothing to compare"


def test_asking_the_heavy_model_keeps_both_answers_side_by_side_each_with_its_tier(
    compared, provider
) -> None:
    person, first, other = compared

    assert person.turn_ids == [first, other]
    assert [person.answered(turn) for turn in (first, other)] == ["Buenos dias.", "Buenos días, con acento."]
    assert person.under(first).startswith("Fast · Scripted fast")
    assert person.under(other).startswith("Heavy · Scripted heavy")
    assert "you chose heavy" in person.under(other).lower()
    assert [message.name for message in person.at.chat_message] == ["user", "assistant", "assistant"], (
        "the question stands there once"
    )
    columns = [block for block in person.at.columns if len(block.chat_message)]
    assert len(columns) == 2
    assert [request["model"] for request in provider().asked] == ["scripted-fast", "scripted-heavy"]
    first_read, other_read = (request["messages"][-1] for request in provider().asked)
    assert first_read == other_read, "the same question"
    assert not person.has(f"send-beside-heavy-{other}"), "both tiers have answered"
    assert not person.has(f"send-beside-fast-{other}")


def test_the_override_is_logged_on_both_turns(compared, logged) -> None:
    _, first, other = compared

    turns = {row["turn_id"]: row for row in logged("SELECT * FROM turns")}
    assert (turns[first]["overridden"], turns[first]["tier"]) == (0, "fast")
    assert (turns[other]["overridden"], turns[other]["tier"]) == (1, "heavy")
    assert turns[other]["parent_turn_id"] == first
    assert turns[other]["turn_index"] == turns[first]["turn_index"]
    assert turns[other]["replaces_turn_id"] is None, "nothing was replaced"
    [said] = logged("SELECT * FROM feedback")
    assert (said["turn_id"], said["kind"], said["value"], said["note"]) == (first, "override", "heavy", other)
    [role] = logged(f"SELECT role FROM generations WHERE turn_id = '{other}'")
    assert role["role"] == "compare"


@pytest.mark.parametrize(
    ("vote", "words", "goes_on_from"),
    [
        ("this", "The fast one", "Buenos dias."),
        ("other", "The heavy one", "Buenos días, con acento."),
        ("same", "No difference", "Buenos días, con acento."),
    ],
)
def test_a_vote_is_asked_for_logged_and_decides_what_the_conversation_goes_on_from(
    compared, provider, logged, vote: str, words: str, goes_on_from: str
) -> None:
    person, first, other = compared
    question = person.at.pills(key=f"vote-{other}")
    assert question.label == "Which was better?"
    assert words in question.options

    person.chooses(f"vote-{other}", vote)
    person.types("And good night?")

    [said] = logged("SELECT * FROM feedback WHERE kind = 'vote'")
    assert (said["turn_id"], said["value"], said["note"]) == (first, vote, other)
    read = [message["content"] for message in provider().asked[-1]["messages"]]
    answers = [text for text in ("Buenos dias.", "Buenos días, con acento.") if text in read]
    assert answers == [goes_on_from], "one of both, never both"
    assert sum(EASY in text for text in read) == 1


def test_without_a_vote_the_conversation_goes_on_from_the_later_answer(compared, provider) -> None:
    person, _, other = compared

    person.types("And good night?")

    read = [message["content"] for message in provider().asked[-1]["messages"]]
    assert "Buenos días, con acento." in read
    assert "Buenos dias." not in read
    turn = runtime.current().conversations.get(person.conversation_id).turns[-1].turn
    assert (turn.parent_turn_id, turn.turn_index) == (other, 1)


def test_a_vote_can_be_changed_and_taken_back(compared, logged) -> None:
    person, _, other = compared
    for vote in ("this", "same", None):
        person.chooses(f"vote-{other}", vote)
        assert [row["value"] for row in logged("SELECT value FROM feedback WHERE kind = 'vote'")] == [vote]


def test_both_answers_and_the_vote_are_there_after_a_reload_and_after_a_new_start(
    compared, visit: Visit
) -> None:
    person, first, other = compared
    person.chooses(f"vote-{other}", "this")

    again = visit(person.conversation_id)

    assert again.turn_ids == [first, other]
    assert again.at.pills(key=f"vote-{other}").value == "this"

    current = runtime.current()
    current.log.flush()
    current.conversations._kept.clear()  # as a server that was started again knows nothing of it
    restored = visit(person.conversation_id)

    assert restored.turn_ids == [first, other]
    assert restored.at.pills(key=f"vote-{other}").value == "this"
    kept = current.conversations.get(person.conversation_id)
    assert [message.content for message in kept.history()] == [EASY, "Buenos dias."]


def test_an_older_answer_can_be_asked_of_another_tier_without_moving_what_followed(
    visit: Visit, script, provider
) -> None:
    script(*TWO_ANSWERS)
    person = visit().types(EASY)
    [first] = person.turn_ids
    person.types("My name is Ada.")
    later = person.turn_ids[-1]

    person.presses(f"send-beside-heavy-{first}")

    assert person.turn_ids[0] == first
    assert person.turn_ids[2] == later
    assert person.answered(person.turn_ids[1]) == "Buenos días, con acento."
    assert "Ada" not in str(provider().asked[-1]["messages"]), "it saw what the first one saw"


def test_when_the_other_tier_fails_the_first_answer_stays_and_it_can_be_tried_again(
    visit: Visit, script, provider, logged
) -> None:
    script({"match": "good morning", "model": "heavy", "status": 503})
    person = visit().types(EASY)
    [first] = person.turn_ids

    person.presses(f"send-beside-heavy-{first}")

    other = person.turn_ids[-1]
    assert person.answered(first) == "A plain answer from the script."
    assert person.ended(other)
    assert person.has(f"retry-{other}")
    assert "Which was better?" not in person.page
    assert [request["model"] for request in provider().asked] == ["scripted-fast", "scripted-heavy"], (
        "whoever compares wants this model or none"
    )

    provider().server.script = type(provider().server.script)()
    person.presses(f"retry-{other}")

    assert len(person.turn_ids) == 2
    assert person.under(person.turn_ids[-1]).startswith("Heavy")
    assert "Which was better?" in person.page


def test_a_preset_with_three_tiers_offers_the_others_in_order_and_by_label(
    visit: Visit, tmp_path, monkeypatch, provider
) -> None:
    three = tmp_path / "three.toml"
    tier = '[[tiers]]\ntier = "{}"\nlabel = "Model {}"\nmodel = "openai/scripted-{}"\n'
    tier += "context_tokens = 4096\ninput_budget_tokens = 2000\nmax_output_tokens = 500\n"
    three.write_text(
        'name = "three"\ntitle = "Three"\nkind = "scripted"\nwhere = "Nowhere."\n'
        + "".join(tier.format(name, name.upper(), name) for name in ("small", "middle", "large"))
    )
    monkeypatch.setenv("UPSHIFT_PRESET", str(three))
    person = visit().types("/middle Name three fish.")
    [first] = person.turn_ids

    assert person.under().startswith("Middle · Model MIDDLE")
    assert person.said() == "/middle Name three fish.", "what was typed stays to be seen"
    offered = [line for line in person.under().splitlines() if line.startswith("Ask the")]
    assert offered == ["Ask the large model (Model LARGE)", "Ask the small model (Model SMALL)"]

    person.presses(f"send-beside-large-{first}")
    second = person.turn_ids[-1]
    person.presses(f"send-beside-small-{second}")

    assert [request["model"] for request in provider().asked] == [
        "scripted-middle",
        "scripted-large",
        "scripted-small",
    ]
    assert len(person.turn_ids) == 3
    assert all("/middle" not in str(request["messages"]) for request in provider().asked)


def test_a_study_can_take_the_buttons_away(visit: Visit, monkeypatch) -> None:
    from components.page_settings import PageSettings

    without = PageSettings(overruling=False, editing=False)
    monkeypatch.setattr(PageSettings, "from_environment", classmethod(lambda _cls: without))

    person = visit().types(EASY)

    assert "Ask the heavy model" not in person.under()
    assert "Edit" not in person.under().splitlines()
    assert "Copy" in person.under()
