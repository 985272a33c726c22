"""What a study says: nothing too soon, then keep, drop or no difference found, in plain words."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data.enrolment import Enrolment
from data.study_data import read_study
from data.study_links import Admission
from data.study_review import Review, review, sample_ratio_p
from data.study_text import as_text
from data.study_words import power_words
from tests.data.studies import TODAY, made, took_part

THREE: dict[str, list[str]] = {"with": [], "without": ["progress"], "bare": ["progress", "tier"]}
AFTER = TODAY + timedelta(days=30)


def rated(gain: int, **of_without: Any):
    """Turns of people who say 3 to 5, and `gain` more without the cue."""

    def turns(number: int, variant: str) -> list[dict[str, Any]]:
        own = 3 + number % 3
        changed = variant == "without"
        rating = min(7, max(1, own + (gain + number % 2 if changed else 0)))
        felt = 1000.0 + 40 * number
        return [
            {"rating": rating, "client_first_content_ms": felt, **(of_without if changed else {})},
            {"rating": rating, "client_first_content_ms": felt + 200},
        ]

    return turns


def found(path: Path, study: Any, today: Any = TODAY) -> Review:
    return review(path, study, today)


def test_before_anybody_took_part_there_is_nothing_to_say(temporary_log: Path) -> None:
    said = found(temporary_log, made())
    [result] = said.results
    assert result.state == "not decided yet"
    assert "8 more people of the planned 8" in result.sentence
    assert said.few
    assert [group.people for group in said.groups] == [0, 0]


def test_not_decided_until_the_planned_number_whatever_the_figures_say(temporary_log: Path) -> None:
    study = made()
    took_part(temporary_log, study, 7, rated(gain=2))
    said = found(temporary_log, study)
    [result] = said.results
    assert result.success.difference is not None
    assert result.success.difference.clear, "the figures say a lot already"
    assert result.state == "not decided yet"
    assert "1 more person of the planned 8" in result.sentence


def test_a_variant_that_people_like_better_is_to_be_kept(temporary_log: Path) -> None:
    study = made()
    took_part(temporary_log, study, 8, rated(gain=2))
    said = found(temporary_log, study)
    [result] = said.results
    assert result.state == "keep", result.sentence
    assert "Keep “without”: satisfaction with the time taken is " in result.sentence
    assert "None of the guardrails got clearly worse" in result.sentence
    assert (said.finished, said.dropped_out, said.missing) == (8, 0, ())
    assert [(group.people, group.used) for group in said.groups] == [(4, 4), (4, 4)]


def test_a_variant_that_people_like_less_is_to_be_dropped(temporary_log: Path) -> None:
    study = made()
    took_part(temporary_log, study, 8, rated(gain=-2))
    [result] = found(temporary_log, study).results
    assert result.state == "drop", result.sentence


def test_a_gain_that_a_guardrail_pays_for_is_to_be_dropped(temporary_log: Path) -> None:
    study = made()
    took_part(temporary_log, study, 8, rated(gain=2, status="stopped"))
    [result] = found(temporary_log, study).results
    assert result.success.verdict == "better"
    assert result.state == "drop"
    assert "answers stopped or abandoned is 50 % instead of 0 %" in result.sentence


def test_no_difference_is_not_said_to_be_proven(temporary_log: Path) -> None:
    study = made(metric="felt_first_words", guardrails=["satisfaction_time"])

    def turns(number: int, variant: str) -> list[dict[str, Any]]:
        swing = 1.3 if (number // 2) % 2 == (variant == "with") else 1.0
        return [{"client_first_content_ms": 900.0 * swing + number, "rating": 4}]

    took_part(temporary_log, study, 8, turns)
    [result] = found(temporary_log, study).results
    assert result.state == "no difference found", result.sentence
    assert "does not show that there is none" in result.sentence


def test_after_the_last_day_there_is_a_verdict_on_fewer_people_or_too_few(temporary_log: Path) -> None:
    study = made()
    took_part(temporary_log, study, 7, rated(gain=2), finish=6)
    said = found(temporary_log, study, AFTER)
    [result] = said.results
    assert result.state == "keep"
    assert said.dropped_out == 1, "one agreed, began, and never came to the end"
    few = made(name="few")
    took_part(temporary_log, few, 3, rated(gain=2))
    [result] = found(temporary_log, few, AFTER).results
    assert (result.state, "too few" in result.sentence) == ("not decided yet", True)


def test_groups_that_lost_people_stop_the_verdict(temporary_log: Path) -> None:
    study = made(participants=40, design="between", tasks=[])
    enrolment = Enrolment(temporary_log)
    for number in range(40):
        person = enrolment.join(study, Admission("cues", f"p{number}"))
        place = enrolment.place(study, person, TODAY.isoformat())
        assert place is not None
        if place.variant == "with" or number < 6:  # hardly anybody of the other group ever arrives
            enrolment.begin_conversation(person, place, f"s{number}")
        enrolment.complete(person)
    said = found(temporary_log, study)
    assert said.srm_p < 0.01
    assert "explanation why the groups" in said.results[0].sentence


def test_the_sample_ratio_check_of_the_database_is_that_of_the_review(temporary_log: Path) -> None:
    study = made()
    took_part(temporary_log, study, 8, rated(gain=1))
    with sqlite3.connect(temporary_log) as connection:
        rows = connection.execute("SELECT arm, people, used, finished, expected FROM v_srm").fetchall()
    connection.close()
    assert sorted(rows) == [("with > without", 4, 4, 4, 4.0), ("without > with", 4, 4, 4, 4.0)]
    assert sample_ratio_p([4, 4]) == 1.0
    assert sample_ratio_p([2, 18]) < 0.001
    assert sample_ratio_p([30, 10, 10]) < 0.01
    assert sample_ratio_p([0, 0, 0]) == 1.0


def test_values_are_medians_of_people_and_leave_out_unusual_turns_and_forced_people(
    temporary_log: Path,
) -> None:
    study = made(
        metric="felt_first_words", guardrails=["stopped", "suggestion_taken", "second_message", "copied"]
    )
    times = [1000.0, 2000.0, 9000.0]

    def turns(number: int, variant: str) -> list[dict[str, Any]]:
        usual = [{"client_first_content_ms": time} for time in times]
        usual[0] |= {"input_origin": "suggestion"}
        usual[1] |= {"status": "stopped"}
        return [*usual, {"client_first_content_ms": 99_000.0, "cold": True, "input_origin": "retry"}]

    took_part(temporary_log, study, 2, turns)
    Enrolment(temporary_log).join(study, Admission("cues", "pilot", forced="with"))
    data = read_study(temporary_log, "cues")
    assert [person.values for person in data.values("felt_first_words")] == [
        {"with": 2000.0, "without": 2000.0}
    ] * 2
    assert data.values("stopped")[0].values == {"with": 0.25, "without": 0.25}
    assert data.values("suggestion_taken")[0].values == {"with": 1.0, "without": 1.0}
    assert data.values("second_message")[0].values == {"with": 1.0, "without": 1.0}
    assert data.values("copied")[0].values == {"with": 0.0, "without": 0.0}
    assert (len(data.people), len(data.dealt)) == (3, 2)
    assert len(data.felt_ms("with")) == 6


def test_with_three_variants_each_interval_says_how_wide_it_is(temporary_log: Path) -> None:
    variants = [{"name": name, "change": {"cues_off": off}} for name, off in THREE.items()]
    tasks = [{"id": f"t{n}", "title": "A task", "instructions": "Do it."} for n in range(3)]
    three = made(variants=variants, tasks=tasks)
    took_part(temporary_log, three, 8, rated(gain=2))
    said = found(temporary_log, three)
    assert said.level == pytest.approx(0.975)
    told = as_text(said)
    assert told.count("(97.5 %: ") == 4, "two variants, the metric and a guardrail each"
    assert "95 %:" not in told
    assert "so that all 2 comparisons of a measure hold together at least 95 times in 100" in told
    two = made(name="two")
    took_part(temporary_log, two, 8, rated(gain=2))
    assert as_text(found(temporary_log, two)).count("(95 %: ") == 2
    assert "comparisons" not in as_text(found(temporary_log, two))


def test_coming_back_on_another_day_is_seen(temporary_log: Path) -> None:
    study = made(design="between", tasks=[], metric="came_back", guardrails=["stopped"])
    enrolment = Enrolment(temporary_log)
    took_part(temporary_log, study, 1, lambda *_: [])
    person = enrolment.find("cues", "p00")
    assert person is not None
    place = enrolment.place(study, person, TODAY.isoformat())
    assert place is not None
    conversation = enrolment.begin_conversation(person, place, "s")
    from data.log import Log

    log = Log(temporary_log)
    for day in ("2026-11-22", "2026-11-24"):
        turn = {"turn_id": day, "conversation_id": conversation, "status": "ok"}
        log.put("turns", {**turn, "submitted_at": f"{day}T09:00:00.000+00:00"})
        log.put("feedback", {"feedback_id": f"{day}-copy", "turn_id": day, "kind": "copy", "value": "answer"})
    log.close()
    data = read_study(temporary_log, "cues")
    assert data.values("came_back")[0].values == {place.variant: 1.0}


def test_who_left_before_the_end_gave_up_and_who_reloaded_or_lost_the_server_did_not(
    temporary_log: Path,
) -> None:
    study = made(metric="stopped", guardrails=[])
    left = {"left_ms": 900.0, "client_left_ms": 950.0}

    def turns(number: int, variant: str) -> list[dict[str, Any]]:
        gone = left if variant == "without" else {"left_ms": None, "client_left_ms": 950.0}
        died = {"status": "abandoned", "error_type": "app_ended"}
        return [{**gone}, {}, died, {"status": "abandoned", **gone}]

    took_part(temporary_log, study, 1, turns)
    [values] = [person.values for person in read_study(temporary_log, "cues").values("stopped")]
    assert values == {"with": pytest.approx(1 / 3), "without": pytest.approx(2 / 3)}


def test_power_at_the_planned_size_is_said_in_words(temporary_log: Path) -> None:
    study = made(worth_finding=1)
    before = found(temporary_log, study).power
    assert not before.measured
    assert "With 8 people and if people differ as much as expected" in power_words(before, study)
    took_part(temporary_log, study, 8, rated(gain=2))
    after = found(temporary_log, study).power
    assert after.measured
    assert after.chance > before.chance
    assert "they did so far" in power_words(after, study)


@pytest.mark.parametrize("people", [8, 20])
def test_below_20_people_each_is_shown(temporary_log: Path, people: int) -> None:
    study = made(participants=people)
    took_part(temporary_log, study, people, rated(gain=1))
    assert found(temporary_log, study).few == (people < 20)
