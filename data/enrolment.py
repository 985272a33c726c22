"""Who takes part in which study, with which variant, and how far they are.

Written at once and not through the log's writer: the next person's variant depends on it, and nobody
begins before it is on disk. Every change is one `BEGIN IMMEDIATE` transaction, so that two people who
arrive in the same moment, in two processes even, are dealt one after the other.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data import study_admission
from data.assignment import arm_name, arm_of_slot, arms_of, free_slot, variant_for_day, variant_for_task
from data.log_file import LogFile, connect
from data.records import new_id
from data.store import LogUnavailable
from data.studies import Study
from data.study_admission import Participant, StudyClosed
from data.study_links import Admission, Links, read_secret, secret_path


@dataclass(frozen=True)
class Place:
    """Where a person is in a study: the period, its variant, and the task (None where there are none)."""

    period: int
    variant: str
    task: str | None


class Enrolment:
    """The participants in the log at `path`. Every method raises LogUnavailable when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._links = Links(path)

    def find(self, study: str, participant: str) -> Participant | None:
        """The person, if they have agreed to take part."""
        with self._connection() as connection:
            return study_admission.find(connection, study, participant)

    def admit(self, admission: Admission) -> Participant | None:
        """The person whom a link admits, if they have begun.

        Raises NotAdmitted for somebody who comes by the open link under the name of a person who began in
        another of the platform's sessions: that link is in many hands, and names are no secret.
        """
        with self._connection() as connection:
            found = study_admission.find(connection, admission.study, admission.participant)
            if found is not None:
                study_admission.refuse_another(connection, admission)
            return found

    def refuse_if_closed(self, study: Study, admission: Admission, now: datetime | None = None) -> None:
        """Raises StudyClosed if nobody new can take part now."""
        with self._connection() as connection:
            study_admission.refuse_if_closed(connection, study, admission, now or datetime.now(UTC))

    def join(self, study: Study, admission: Admission, now: datetime | None = None) -> Participant:
        """Take part: whoever agreed already stays as they are, anybody else is dealt an arm.

        Raises StudyClosed if it is not open, has all its people, or for another who gives this person's id.
        """
        at = now or datetime.now(UTC)
        secret = read_secret(secret_path(self.path))
        with self._changing() as connection:
            found = study_admission.find(connection, study.name, admission.participant)
            if found is not None:
                study_admission.refuse_another(connection, admission)
                return found
            study_admission.refuse_if_closed(connection, study, admission, at)
            arms = arms_of(study.variant_names, study.design)
            slot: int | None = None
            if admission.forced is None:
                taken = connection.execute(
                    "SELECT slot FROM participants WHERE study = ? AND slot IS NOT NULL", [study.name]
                ).fetchall()
                slot = free_slot(row[0] for row in taken)
                arm = arm_of_slot(arms, slot, secret, study.name)
            else:
                arm = (admission.forced,)
            stamp = at.astimezone(UTC).isoformat(timespec="milliseconds")
            connection.execute(
                "INSERT INTO participants (study, participant, unit_hash, slot, arm, arm_count, variants,"
                " forced, joined_at, consent_at, tasks_done, platform_study, platform_session)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                [
                    study.name,
                    admission.participant,
                    self._links.digest(study.name, admission.participant),
                    slot,
                    arm_name(arm),
                    len(arms),
                    json.dumps(arm),
                    int(admission.forced is not None),
                    stamp,
                    stamp,
                    admission.platform_study,
                    admission.platform_session,
                ],
            )
            joined = study_admission.find(connection, study.name, admission.participant)
        assert joined is not None
        return joined

    def place(self, study: Study, person: Participant, today: str) -> Place | None:
        """Where the person is now; None when all tasks are done. `today` is an ISO date (UTC)."""
        if study.tasks:
            if person.tasks_done >= len(study.tasks):
                return None
            period, variant = variant_for_task(person.arm, person.tasks_done, len(study.tasks))
            return Place(period, variant, study.tasks[person.tasks_done].id)
        with self._connection() as connection:
            before = connection.execute(
                "SELECT COUNT(DISTINCT substr(started_at, 1, 10)) FROM study_conversations"
                " WHERE study = ? AND participant = ? AND substr(started_at, 1, 10) < ?",
                [person.study, person.participant, today],
            ).fetchone()[0]
        period, variant = variant_for_day(person.arm, before)
        return Place(period, variant, None)

    def conversation(self, person: Participant, place: Place) -> str | None:
        """The conversation that the person last had at this place."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT conversation_id FROM study_conversations WHERE study = ? AND participant = ?"
                " AND period = ? AND study_task IS ? ORDER BY started_at DESC, rowid DESC LIMIT 1",
                [person.study, person.participant, place.period, place.task],
            ).fetchone()
        return str(row[0]) if row else None

    def begin_conversation(self, person: Participant, place: Place, session_id: str) -> str:
        """A conversation that belongs to this person; gives its id. Raises StudyClosed for one who left."""
        conversation_id = new_id()
        with self._changing() as connection:
            current = study_admission.find(connection, person.study, person.participant)
            if current is None or current.withdrawn_at:
                raise StudyClosed("You no longer take part in this study.")
            connection.execute(
                "INSERT INTO study_conversations (conversation_id, study, participant, session_id, period,"
                " variant, study_task, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    conversation_id,
                    person.study,
                    person.participant,
                    session_id,
                    place.period,
                    place.variant,
                    place.task,
                    _now(),
                ],
            )
        return conversation_id

    def belongs_to_a_study(self, conversation_id: str) -> bool:
        """Whether a conversation is a participant's, and so nobody else's to open."""
        with self._connection() as connection:
            return (
                connection.execute(
                    "SELECT 1 FROM study_conversations WHERE conversation_id = ?", [conversation_id]
                ).fetchone()
                is not None
            )

    def task_done(self, study: Study, person: Participant, done: int) -> None:
        """The person has done `done` tasks; the last one completes the study. Pressing twice is once."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE participants SET tasks_done = max(tasks_done, ?) WHERE study = ? AND participant = ?",
                [done, person.study, person.participant],
            )
        if study.tasks and done >= len(study.tasks):
            self.complete(person)

    def complete(self, person: Participant) -> None:
        """The person has come to the end."""
        self._stamp("completed_at", person)

    def withdraw(self, person: Participant) -> None:
        """The person takes part no longer; what they did stays until it is deleted."""
        self._stamp("withdrawn_at", person)

    def _stamp(self, column: str, person: Participant) -> None:
        with self._changing() as connection:
            connection.execute(
                f"UPDATE participants SET {column} = COALESCE({column}, ?)"
                " WHERE study = ? AND participant = ?",
                [_now(), person.study, person.participant],
            )

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(self._opened()) as connection:
                connection.row_factory = sqlite3.Row
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"The log at {self.path} cannot be used: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        """A connection to a log that has its tables: links may be used before the app ever wrote a row."""
        if self.path.exists():
            connection = connect(self.path)
            with contextlib.ExitStack() as unless_it_has_them:
                unless_it_has_them.callback(connection.close)
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'forgotten'").fetchone():
                    unless_it_has_them.pop_all()
                    return connection
        file = LogFile(self.path)
        try:
            file.ready()
        finally:
            file.close()
            file.end_run()
        return connect(self.path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
