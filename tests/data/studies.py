"""A study to test with, and its file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from data.enrolment import Enrolment
from data.log import Log
from data.studies import Study, load_study
from data.study_admission import Participant
from data.study_links import Admission
from data.study_toml import save_study

TODAY = datetime.now(UTC).date()


def plan(**changes: Any) -> dict[str, Any]:
    """The keys of a small study that is open today."""
    return {
        "name": "cues",
        "question": "Does the progress cue make the wait feel shorter?",
        "starts": (TODAY - timedelta(days=1)).isoformat(),
        "ends": (TODAY + timedelta(days=8)).isoformat(),
        "participants": 8,
        "metric": "satisfaction_time",
        "guardrails": ["stopped"],
        "variants": [{"name": "with"}, {"name": "without", "change": {"cues_off": ["progress"]}}],
        "tasks": [
            {"id": "first", "title": "Find a rule", "instructions": "Find out how long text is kept."},
            {"id": "second", "title": "Write a note", "instructions": "Have a short note written."},
        ],
        "consent": "We measure how long you wait and ask how it felt.",
        "completion_code": "C0DE-77",
        **changes,
    }


def made(folder: Path | None = None, **changes: Any) -> Study:
    """The study, written to its file and read back."""
    raw = plan(**changes)
    save_study(raw, folder)
    return load_study(raw["name"], folder)


Turns = Callable[[int, str], list[dict[str, Any]]]


def took_part(path: Path, study: Study, people: int, turns: Turns, *, finish: int | None = None) -> None:
    """Fill the log as if so many people had done the study; the first `finish` of them to its end.

    `turns(number, variant)` gives the turns of one person in one task: columns of the log, and as
    `rating` what they said about each.
    """
    enrolment = Enrolment(path)
    log = Log(path)
    for number in range(people):
        person = enrolment.join(study, Admission(study.name, f"p{number:02d}"))
        session = {"session_id": f"s-{person.participant}", "study": study.name, "purpose": "research"}
        log.put("sessions", {**session, "participant": person.participant, "text_mode": study.text})
        for done in range(len(study.tasks) if finish is None or number < finish else 1):
            _one_task(enrolment, log, study, person, number, turns)
            if finish is None or number < finish:
                enrolment.task_done(study, person, done + 1)
                person = enrolment.find(study.name, person.participant) or person
    log.close()


def _one_task(
    enrolment: Enrolment, log: Log, study: Study, person: Participant, number: int, turns: Turns
) -> None:
    place = enrolment.place(study, person, TODAY.isoformat())
    assert place is not None
    session_id = f"s-{person.participant}"
    conversation = enrolment.begin_conversation(person, place, session_id)
    exposure = {
        "session_id": session_id,
        "experiment": f"{study.name}/{place.period}",
        "forced": person.forced,
    }
    log.put("exposures", {**exposure, "variant": place.variant, "unit_hash": person.unit_hash})
    log.put("conversations", {"conversation_id": conversation, "session_id": session_id})
    for index, turn in enumerate(turns(number, place.variant)):
        turn_id = f"{conversation[:20]}{index:012d}"
        rating, text = turn.pop("rating", None), turn.pop("text", None)
        row = {
            "turn_id": turn_id,
            "conversation_id": conversation,
            "session_id": session_id,
            "turn_index": index,
        }
        usual = {"status": "ok", "input_origin": "typed", "output_chars": 40, "variant": place.variant}
        at = f"{TODAY.isoformat()}T10:00:{index:02d}.000+00:00"
        row |= {"submitted_at": at, "study_task": place.task, "turn_index": index}
        log.put("turns", {**row, **usual, **turn})
        log.put("generations", {"generation_id": f"g-{turn_id}", "turn_id": turn_id, "attempt": 0})
        log.put("marks", {"turn_id": turn_id, "seq": 0, "name": "queued", "t_ms": 0.0})
        if text:
            log.put("turn_text", {"turn_id": turn_id, "prompt": text, "answer": text})
        if rating is not None:
            said = {"rating_id": f"{turn_id}-r", "study": study.name, "participant": person.participant}
            said |= {"session_id": session_id, "conversation_id": conversation, "turn_id": turn_id, "at": at}
            scale = {"scale": "satisfaction_time", "variant": place.variant, "study_task": place.task}
            log.put("ratings", {**said, **scale, "value": rating})
