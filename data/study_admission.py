"""Who may take part in a study: the person whom a link admits, and when nobody is let in."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from data.assignment import Arm
from data.studies import Study
from data.study_links import Admission


class StudyClosed(Exception):
    """Nobody (or not this person) can take part now. The text tells the participant why."""


class NotAdmitted(StudyClosed):
    """The link does not admit to what was asked for; why is nobody's business."""


@dataclass(frozen=True)
class Participant:
    """One person in one study: `arm` is their variants in order."""

    study: str
    participant: str
    unit_hash: str
    arm: Arm
    forced: bool
    tasks_done: int
    consent_at: str
    completed_at: str | None
    withdrawn_at: str | None


def find(connection: sqlite3.Connection, study: str, participant: str) -> Participant | None:
    """The person as the log has them, if they have agreed to take part."""
    row = connection.execute(
        "SELECT * FROM participants WHERE study = ? AND participant = ? AND consent_at IS NOT NULL",
        [study, participant],
    ).fetchone()
    if row is None:
        return None
    return Participant(
        study=row["study"],
        participant=row["participant"],
        unit_hash=row["unit_hash"],
        arm=tuple(json.loads(row["variants"])),
        forced=bool(row["forced"]),
        tasks_done=row["tasks_done"],
        consent_at=row["consent_at"],
        completed_at=row["completed_at"],
        withdrawn_at=row["withdrawn_at"],
    )


def refuse_another(connection: sqlite3.Connection, admission: Admission) -> None:
    """Who comes by the link that many have, as a person who began, must come in that person's session."""
    if not admission.open_link:
        return
    began_in = connection.execute(
        "SELECT platform_session FROM participants WHERE study = ? AND participant = ?",
        [admission.study, admission.participant],
    ).fetchone()[0]
    if not began_in or began_in != admission.platform_session:
        raise NotAdmitted("This link does not open a study.")


def refuse_if_closed(
    connection: sqlite3.Connection, study: Study, admission: Admission, now: datetime
) -> None:
    """Raises StudyClosed if nobody new can take part now."""
    if admission.forced is not None and admission.forced not in study.variant_names:
        raise NotAdmitted("This link does not open a study.")
    today = now.astimezone(UTC).date()
    if today < study.starts:
        raise StudyClosed(f"This study has not begun yet. It opens on {study.starts:%d %B %Y}.")
    if today > study.ends:
        raise StudyClosed("This study has ended. Thank you for wanting to take part.")
    finished = connection.execute(
        "SELECT COUNT(*) FROM participants WHERE study = ? AND completed_at IS NOT NULL"
        " AND COALESCE(forced, 0) = 0",
        [study.name],
    ).fetchone()[0]
    if admission.forced is None and finished >= study.participants:
        raise StudyClosed("This study has all the people that it needs. Thank you for wanting to take part.")
