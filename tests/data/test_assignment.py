"""Who gets which variant: balanced, counterbalanced, the same at every visit, two at once included."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.assignment import arm_of_slot, arms_of, free_slot, variant_for_day, variant_for_task
from data.enrolment import Enrolment
from data.study_admission import NotAdmitted, StudyClosed
from data.study_links import Admission
from tests.data.studies import made

SIZES = (8, 12, 20, 60)


@pytest.mark.parametrize("design", ["within", "between"])
@pytest.mark.parametrize("people", SIZES)
def test_groups_are_equal_at_every_planned_size_under_every_secret(design: str, people: int) -> None:
    arms = arms_of(("a", "b"), design)
    for study in range(50):
        dealt = Counter(arm_of_slot(arms, slot, b"secret", f"s{study}") for slot in range(people))
        assert set(dealt.values()) == {people // 2}


def test_at_no_moment_do_groups_differ_by_more_than_one() -> None:
    for count in (2, 3, 4):
        arms = arms_of(tuple("abcd"[:count]), "between")
        dealt: Counter[tuple[str, ...]] = Counter(dict.fromkeys(arms, 0))
        for slot in range(100):
            dealt[arm_of_slot(arms, slot, b"secret", "s")] += 1
            assert max(dealt.values()) - min(dealt.values()) <= 1


def test_the_order_within_a_block_is_not_always_the_same() -> None:
    arms = arms_of(("a", "b"), "within")
    firsts = {arm_of_slot(arms, slot, b"secret", "s") for slot in range(0, 40, 2)}
    assert firsts == set(arms)
    one = [arm_of_slot(arms, slot, b"secret", "s") for slot in range(40)]
    assert one != [arm_of_slot(arms, slot, b"another", "s") for slot in range(40)]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_within_people_each_variant_stands_in_each_place_and_follows_each_other_equally(count: int) -> None:
    arms = arms_of(tuple("abcd"[:count]), "within")
    places = Counter((place, name) for arm in arms for place, name in enumerate(arm))
    followers = Counter((arm[i], arm[i + 1]) for arm in arms for i in range(count - 1))
    assert len(set(places.values())) == 1
    assert len(places) == count * count
    assert len(set(followers.values())) == 1
    assert len(followers) == count * (count - 1)


def test_tasks_are_shared_out_evenly_and_days_take_turns() -> None:
    assert [variant_for_task(("a", "b"), index, 6)[1] for index in range(6)] == list("aaabbb")
    assert [variant_for_task(("a",), index, 3)[1] for index in range(3)] == list("aaa")
    assert [variant_for_day(("a", "b"), day)[1] for day in range(4)] == list("abab")
    assert free_slot([0, 1, 3]) == 2


JOIN = """
import sys
from pathlib import Path
from data.enrolment import Enrolment
from data.studies import load_study
from data.study_links import Admission
study = load_study("cues")
enrolment = Enrolment(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(6):
    enrolment.join(study, Admission("cues", f"{sys.argv[2]}-{number}"))
    enrolment.join(study, Admission("cues", "the-same-person"))
"""


def test_people_who_arrive_at_once_in_several_processes_stay_balanced(temporary_log: Path) -> None:
    made(participants=60, design="between")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    doors = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN, str(temporary_log), f"door{number}"],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
        )
        for number in range(3)
    ]  # fmt: skip
    for door in doors:
        assert door.stdin is not None
        door.stdin.write("now\n")
        door.stdin.flush()
    for door in doors:
        assert door.communicate()[1] == ""
    with sqlite3.connect(temporary_log) as connection:
        rows = connection.execute("SELECT participant, slot, arm FROM participants").fetchall()
    connection.close()
    assert len(rows) == 3 * 6 + 1
    assert sorted(slot for _, slot, _ in rows) == list(range(19))
    sizes = Counter(arm for *_, arm in rows)
    assert abs(sizes["with"] - sizes["without"]) == 1


def test_a_person_stays_what_they_are_at_every_visit(temporary_log: Path) -> None:
    study = made()
    first = Enrolment(temporary_log).join(study, Admission("cues", "ada"))
    Enrolment(temporary_log).join(study, Admission("cues", "bob"))
    again = Enrolment(temporary_log).join(study, Admission("cues", "ada"))
    assert again == first
    assert Enrolment(temporary_log).find("cues", "ada") == first


def test_a_forced_variant_is_marked_and_takes_nobodys_slot(temporary_log: Path) -> None:
    study, enrolment = made(), Enrolment(temporary_log)
    forced = enrolment.join(study, Admission("cues", "pilot", forced="without"))
    assert (forced.forced, forced.arm) == (True, ("without",))
    dealt = [enrolment.join(study, Admission("cues", f"p{number}")) for number in range(8)]
    assert Counter(person.arm for person in dealt) == {("with", "without"): 4, ("without", "with"): 4}
    assert not any(person.forced for person in dealt)
    with pytest.raises(NotAdmitted):
        enrolment.join(study, Admission("cues", "other", forced="no-such-variant"))


def test_nobody_joins_before_after_or_beyond_the_planned_number(temporary_log: Path) -> None:
    study, enrolment = made(participants=2), Enrolment(temporary_log)
    noon = datetime.now(UTC)
    with pytest.raises(StudyClosed, match="not begun"):
        enrolment.join(study, Admission("cues", "early"), noon - timedelta(days=3))
    with pytest.raises(StudyClosed, match="ended"):
        enrolment.join(study, Admission("cues", "late"), noon + timedelta(days=30))
    for name in ("one", "two"):
        person = enrolment.join(study, Admission("cues", name))
        enrolment.task_done(study, person, 1)
        enrolment.task_done(study, person, 2)
    with pytest.raises(StudyClosed, match="all the people"):
        enrolment.join(study, Admission("cues", "three"))
    done = enrolment.find("cues", "two")
    assert done is not None
    assert done.completed_at
    assert enrolment.place(study, done, "2026-11-24") is None


def test_a_hole_that_a_deleted_person_left_is_filled(temporary_log: Path) -> None:
    study, enrolment = made(), Enrolment(temporary_log)
    people = [enrolment.join(study, Admission("cues", f"p{number}")) for number in range(4)]
    with sqlite3.connect(temporary_log) as connection:
        connection.execute("DELETE FROM participants WHERE participant = 'p1'")
    connection.close()
    assert enrolment.join(study, Admission("cues", "new")).arm == people[1].arm
