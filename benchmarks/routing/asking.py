"""Asks each task of each tier once (or several times), the app's own way, and keeps the answers in a file.

The answers are what takes long. With them in a file, checkers and routers can change and be measured again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter

from benchmarks.asking import Person, app, figures, tell, watch
from benchmarks.routing.tasks import Task
from data.records import Record, Turn

SEED = 20261123
WARM_UP = "Say hello."


class TierAnswer(Record):
    """One answer of one tier to one task. Times are milliseconds since the turn was received.

    `doubt` (0..1) and its `signals` are what the app made of the answer, if it did.
    """

    task_id: str
    digest: str
    tier: str
    repeat: int
    text: str
    status: str
    first_text_ms: float | None
    done_ms: float | None
    input_tokens: int | None
    cache_read_tokens: int | None
    output_tokens: int | None
    sources: int
    doubt: float | None = None
    signals: dict[str, float | None] = Field(default_factory=dict)


Key = tuple[str, str, str, int]
_ANSWERS = TypeAdapter(list[TierAnswer])


def key_of(answer: TierAnswer) -> Key:
    """Task, what was asked, tier and repeat."""
    return (answer.task_id, answer.digest, answer.tier, answer.repeat)


def read_answers(path: Path | None) -> dict[Key, TierAnswer]:
    """The answers in a file; none if there is no file. Raises ValueError for a file of another kind."""
    if path is None or not path.exists():
        return {}
    return {key_of(answer): answer for answer in _ANSWERS.validate_json(path.read_bytes())}


def write_answers(path: Path, answers: dict[Key, TierAnswer]) -> None:
    """Write them all, a line each. Through a second file, so that an interruption loses none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(answer.model_dump(), ensure_ascii=False) for answer in answers.values()]
    second = path.with_suffix(".part")
    second.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    second.replace(path)


def order_of(tasks: Sequence[Task], tiers: Sequence[str], repeats: int) -> list[tuple[Task, str, int]]:
    """What to ask in which order: tasks shuffled, and the tiers in turns, so that a busy minute hits both.

    Always the same order for the same tasks.
    """
    order: list[tuple[Task, str, int]] = []
    for repeat in range(repeats):
        shuffled = list(tasks)
        random.Random(SEED + repeat).shuffle(shuffled)
        for number, task in enumerate(shuffled):
            turned = tiers if number % 2 else tuple(reversed(tiers))
            order += [(task, tier, repeat) for tier in turned]
    return order


def ask_all(
    tasks: Sequence[Task], tiers: Sequence[str], repeats: int, known: dict[Key, TierAnswer], keep: Path | None
) -> dict[Key, TierAnswer]:
    """The answers to all tasks, asking only for those that are not known; written to `keep` as they come.

    Nothing is read in advance here: the next message comes the moment that an answer ends, so there
    would be no time for it. The system prompt is in the models' cache, as it is for every first message.
    """
    wanted = order_of(tasks, tiers, repeats)
    missing = [item for item in wanted if (item[0].id, item[0].digest, item[1], item[2]) not in known]
    answers = dict(known)
    if missing:
        with app(read_ahead=False) as current:
            person = Person(current)
            for tier in tiers:
                person.ask(WARM_UP, tier)
            for number, (task, tier, repeat) in enumerate(missing, 1):
                answer = _ask(person, task, tier, repeat)
                answers[key_of(answer)] = answer
                if number % 10 == 0 or number == len(missing):
                    tell(f"{number} of {len(missing)} answers")
                    if keep is not None:
                        write_answers(keep, answers)
    return {key: answers[key] for key in _keys(wanted)}


def _keys(wanted: Sequence[tuple[Task, str, int]]) -> list[Key]:
    return [(task.id, task.digest, tier, repeat) for task, tier, repeat in wanted]


def _ask(person: Person, task: Task, tier: str, repeat: int) -> TierAnswer:
    """Answer the task's last message in a conversation that had the ones before it."""
    conversation = person.begin()
    turn = Turn(
        session_id=person.session_id,
        conversation_id=conversation.conversation_id,
        messages=task.messages,
        turn_index=len(task.before) // 2,
        choice=tier,
    )
    answer = watch(person.current.running.start(turn))
    return TierAnswer(
        task_id=task.id,
        digest=task.digest,
        tier=tier,
        repeat=repeat,
        text=answer.text,
        doubt=answer.doubt.score if answer.doubt else None,
        signals=dict(answer.doubt.signals) if answer.doubt else {},
        **figures(answer),
    )


def row(answer: TierAnswer, correct: bool) -> dict[str, Any]:
    """For the JSON file: what was measured, and the beginning and end of what was said."""
    text = answer.text if len(answer.text) <= 200 else f"{answer.text[:80]} … {answer.text[-115:]}"
    return {**answer.model_dump(exclude={"text", "digest", "signals"}), "text": text, "correct": correct}
