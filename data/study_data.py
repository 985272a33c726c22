"""What the log knows of a study: its people, and for each of them one value per variant and measure."""

from __future__ import annotations

import json
import sqlite3
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.assignment import Arm
from data.statistics import PersonValues
from data.store import LogMissing, reading
from data.study_metrics import SCALES

# Turns whose times say nothing about the app as people usually meet it: the report's rule.
_UNUSUAL = ("cold", "cache_hit", "warmed", "joined", "client_hidden")
_PRESSED = ("suggestion", "follow_up")
_OF_THEIR_OWN = ("typed", *_PRESSED)
_KEPT = ("copy", "export")
# An answer that the server died over says nothing about the person.
_APP_ENDED = "app_ended"

Row = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """One participant as the log has them. `used`: whether they came to see the app."""

    participant: str
    arm: Arm
    arm_name: str
    forced: bool
    used: bool
    tasks_done: int
    completed_at: str | None
    withdrawn_at: str | None


@dataclass(frozen=True)
class StudyData:
    """Rows of one study: people, turns (with their variant) and ratings, in the order of time."""

    people: tuple[Person, ...] = ()
    turns: tuple[Row, ...] = ()
    ratings: tuple[Row, ...] = ()
    markers: int = 0

    @property
    def dealt(self) -> tuple[Person, ...]:
        """The people whose variant was dealt; those with a forced one answer another question."""
        return tuple(person for person in self.people if not person.forced)

    def values(self, measure: str) -> list[PersonValues]:
        """One value for each person (forced ones left out) and variant, where there is one."""
        of = _rating_values(self.ratings, measure) if measure in SCALES else _MEASURES[measure](self.turns)
        return [
            PersonValues(person.participant, person.arm, found)
            for person in self.dealt
            if (found := {v: of[person.participant, v] for v in person.arm if (person.participant, v) in of})
        ]

    def felt_ms(self, variant: str) -> list[float]:
        """Every felt time to the first words under a variant, in milliseconds."""
        forced = {person.participant for person in self.people if person.forced}
        return [
            turn["client_first_content_ms"]
            for turn in self.turns
            if turn["variant"] == variant and turn["participant"] not in forced and _is_usual(turn)
        ]


def read_study(log: Path, study: str) -> StudyData:
    """Everything about one study; empty if nobody took part yet. Raises LogUnavailable."""
    try:
        with reading(log) as connection:
            return StudyData(
                people=tuple(_people(connection, study)),
                turns=tuple(_turns(connection, study)),
                ratings=_rows(connection, "SELECT * FROM ratings WHERE study = ? ORDER BY at", study),
                markers=connection.execute(
                    "SELECT COUNT(*) FROM markers WHERE study = ?", [study]
                ).fetchone()[0],
            )
    except LogMissing:
        return StudyData()


def _people(connection: sqlite3.Connection, study: str) -> list[Person]:
    rows = _rows(
        connection,
        "SELECT participants.*, EXISTS (SELECT 1 FROM study_conversations AS had"
        " WHERE had.study = participants.study AND had.participant = participants.participant) AS used"
        " FROM participants WHERE study = ? AND consent_at IS NOT NULL ORDER BY joined_at",
        study,
    )
    return [
        Person(
            participant=row["participant"],
            arm=tuple(json.loads(row["variants"])),
            arm_name=row["arm"],
            forced=bool(row["forced"]),
            used=bool(row["used"]),
            tasks_done=row["tasks_done"] or 0,
            completed_at=row["completed_at"],
            withdrawn_at=row["withdrawn_at"],
        )
        for row in rows
    ]


def _turns(connection: sqlite3.Connection, study: str) -> tuple[Row, ...]:
    kinds = ", ".join(f"'{kind}'" for kind in _KEPT)
    return _rows(
        connection,
        "SELECT turns.turn_id, turns.submitted_at, turns.status, turns.error_type, turns.input_origin,"
        " turns.output_chars, turns.left_ms, turns.client_left_ms,"
        f" turns.client_first_content_ms, {', '.join(f'turns.{name}' for name in _UNUSUAL)},"
        " had.participant, had.variant, had.conversation_id, had.period, had.study_task,"
        " EXISTS (SELECT 1 FROM feedback WHERE feedback.turn_id = turns.turn_id"
        f" AND feedback.kind IN ({kinds})) AS kept"
        " FROM study_conversations AS had JOIN turns ON turns.conversation_id = had.conversation_id"
        " WHERE had.study = ? AND turns.submitted_at IS NOT NULL ORDER BY turns.submitted_at",
        study,
    )


def _rows(connection: sqlite3.Connection, sql: str, study: str) -> tuple[Row, ...]:
    return tuple(dict(row) for row in connection.execute(sql, [study]))


_Values = dict[tuple[str, str], float]


def _rating_values(ratings: Sequence[Row], scale: str) -> _Values:
    said = defaultdict(list)
    for row in ratings:
        if row["scale"] == scale and row["value"] is not None:
            said[row["participant"], row["variant"]].append(row["value"])
    return {key: float(statistics.median(values)) for key, values in said.items()}


def _is_usual(turn: Row) -> bool:
    return turn["client_first_content_ms"] is not None and not any(turn[name] for name in _UNUSUAL)


def _felt(turns: Sequence[Row]) -> _Values:
    times = defaultdict(list)
    for turn in turns:
        if _is_usual(turn):
            times[turn["participant"], turn["variant"]].append(turn["client_first_content_ms"])
    return {key: float(statistics.median(values)) for key, values in times.items()}


def _share(counts: Callable[[Row], bool], of: Callable[[Row], bool]) -> Callable[[Sequence[Row]], _Values]:
    """The share of a person's turns, among those that `of` takes, that count."""

    def values(turns: Sequence[Row]) -> _Values:
        found = defaultdict(list)
        for turn in turns:
            if of(turn):
                found[turn["participant"], turn["variant"]].append(counts(turn))
        return {key: sum(each) / len(each) for key, each in found.items()}

    return values


def _conversations(counts: Callable[[list[Row]], bool]) -> Callable[[Sequence[Row]], _Values]:
    """The share of a person's conversations that count."""

    def values(turns: Sequence[Row]) -> _Values:
        by_conversation = defaultdict(list)
        for turn in turns:
            by_conversation[turn["participant"], turn["variant"], turn["conversation_id"]].append(turn)
        found = defaultdict(list)
        for (participant, variant, _), own in by_conversation.items():
            found[participant, variant].append(counts(own))
        return {key: sum(each) / len(each) for key, each in found.items()}

    return values


def _was_given_up(turn: Row) -> bool:
    """Stopped, or left before its end with nobody there when it came; a reload comes back to it."""
    gone = turn["left_ms"] is not None and turn["client_left_ms"] is not None
    return turn["status"] in ("stopped", "abandoned") or gone


def _came_back(turns: Sequence[Row]) -> _Values:
    days = defaultdict(set)
    for turn in turns:
        days[turn["participant"], turn["variant"]].add(turn["submitted_at"][:10])
    return {key: float(len(each) > 1) for key, each in days.items()}


_MEASURES: dict[str, Callable[[Sequence[Row]], _Values]] = {
    "felt_first_words": _felt,
    "stopped": _share(_was_given_up, lambda t: t["status"] != "open" and t["error_type"] != _APP_ENDED),
    "suggestion_taken": _conversations(lambda own: any(t["input_origin"] in _PRESSED for t in own)),
    "second_message": _conversations(lambda own: sum(t["input_origin"] in _OF_THEIR_OWN for t in own) > 1),
    "copied": _share(lambda t: bool(t["kept"]), lambda t: bool(t["output_chars"])),
    "came_back": _came_back,
}
