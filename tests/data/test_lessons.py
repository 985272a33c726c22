"""What a log teaches about routing: whose word counts for what, and what is left alone."""

from __future__ import annotations

from pathlib import Path

from data.lessons import WEIGHTS, Found, read_lessons
from tests.router.logged import OVER, diary


def learned(found: Found) -> dict[str, tuple[bool, float]]:
    """Message → whether heavy was wanted, and how loudly."""
    return {lesson.messages[-1].content: (lesson.heavy, lesson.weight) for lesson in found.lessons}


def test_each_kind_of_sign_points_its_way(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        log.feedback(log.turn("more please", "fast"), "override", "heavy")
        log.feedback(log.turn("less please", "heavy"), "override", "fast")
        log.turn("/heavy this one", "heavy", overridden=True)
        log.feedback(log.turn("too slow", "heavy"), "reason", "too_slow")
        log.feedback(log.turn("too shallow", "fast"), "reason", "too_shallow")
        log.turn("nobody said anything", "fast")
    assert learned(read_lessons(temporary_log)) == {
        "more please": (True, WEIGHTS["override"]),
        "less please": (False, WEIGHTS["override"]),
        "/heavy this one": (True, WEIGHTS["choice"]),
        "too slow": (False, WEIGHTS["reason"]),
        "too shallow": (True, WEIGHTS["reason"]),
    }


def test_reasons_that_say_nothing_about_the_tier_are_counted_and_left(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        log.feedback(log.turn("a", "fast"), "reason", "too_slow")
        log.feedback(log.turn("b", "heavy"), "reason", "too_shallow")
        log.feedback(log.turn("c", "fast"), "reason", "wrong")
        log.feedback(log.turn("d", "fast"), "override", "middle")
        log.feedback(log.turn("e", "fast"), "thumbs", "down")
    found = read_lessons(temporary_log)
    assert found.lessons == ()
    assert found.unused == {"between two tiers, or about neither": 4}


def test_a_vote_between_two_answers_outweighs_having_asked(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        for text, vote in (("kept", "this"), ("better", "other"), ("alike", "same")):
            first = log.turn(text, "fast")
            second = log.turn(text, "heavy", beside=first, overridden=True)
            log.feedback(first, "override", "heavy", second)
            log.feedback(first, "vote", vote, second)
        asked = log.turn("only asked", "fast")
        log.turn("only asked", "heavy", beside=asked, overridden=True)
        log.feedback(asked, "override", "heavy")
        twice = log.turn("same tier", "fast")
        log.feedback(twice, "vote", "other", log.turn("same tier again", "fast"))
    found = read_lessons(temporary_log)
    assert learned(found) == {
        "kept": (False, WEIGHTS["vote"]),
        "better": (True, WEIGHTS["vote"]),
        "alike": (False, WEIGHTS["vote"] / 2),
        "only asked": (True, WEIGHTS["override"]),
    }
    assert found.unused == {"between two tiers, or about neither": 1}


def test_people_who_disagree_teach_nothing(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        log.feedback(log.turn("same text", "fast"), "override", "heavy")
        log.feedback(log.turn("same text", "heavy"), "override", "fast")
    found = read_lessons(temporary_log)
    assert (found.lessons, found.unused) == ((), {"people disagree": 2})


def test_only_kept_text_of_everyday_use_is_learned_from(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        log.feedback(log.turn(None, "fast"), "override", "heavy")
        log.feedback(log.turn("old", "fast", expires=OVER), "override", "heavy")
        log._log.put("sessions", {"session_id": "r", "started_at": "2026", "purpose": "research"})
        log.feedback(log.turn("participant", "fast", session_id="r"), "override", "heavy")
    found = read_lessons(temporary_log)
    assert (found.lessons, found.unused) == ((), {"text is gone": 2})


def test_a_lesson_carries_its_conversation(temporary_log: Path) -> None:
    with diary(temporary_log) as log:
        first = log.turn("find the bug in this", "heavy", task="debug", answer="Here.")
        log.feedback(log.turn("why?", "fast", after=first, index=1), "override", "heavy")
    [lesson] = read_lessons(temporary_log).lessons
    assert [message.content for message in lesson.messages] == ["find the bug in this", "Here.", "why?"]
