"""Two moments with the local models: a suggestion that was read in advance, and a stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

from benchmarks.asking import Asked, Person, app, idle, tell, wait_for_text
from benchmarks.goals import FREE_AFTER_STOP_MS, READ_IN_ADVANCE_MS
from benchmarks.tables import print_table, seconds, summary, verdict
from data.events import Requested
from data.records import Message
from router.running import RunningTurn

# Long enough to be well inside the reading of a long prompt, however loaded the machine is.
INTO_READING_S = 2.0
INTO_WRITING_PIECES = 20
NOTE = "Entry {number}: on day {day} the {colour} pump ran for {minutes} minutes and used {litres} litres."
COLOURS = ("red", "blue", "green", "grey", "white")


def suggestions(prompts: dict[str, Any], idle_limit_s: float, quick: bool) -> dict[str, Any]:
    """The product's suggestions in new conversations, read in advance and not; something else in between.

    "Not read" is the same suggestion behind a system prompt that ends in another word, so that only
    its beginning is in the model's cache. Answers are stopped at their first words.
    """
    tell("suggestions")
    with app() as current:
        idle(current, 300)
        person = Person(current)
        between = cycle(prompts["between"])
        rows: dict[str, dict[bool, list[Asked]]] = {"fast": {}, "heavy": {}}
        for tier, runs in (("fast", 3 if quick else 10), ("heavy", 2 if quick else 6)):
            chosen = _suggestions_of(person, tier)
            for read in (True, False):
                rows[tier][read] = []
            for number, text in enumerate(islice(cycle(chosen), runs if chosen else 0)):
                for read in (True, False):
                    person.ask(next(between), tier)
                    idle(current, idle_limit_s)
                    rows[tier][read].append(_suggested(person, text, None if read else number))
    figures = [
        _suggestion_line(tier, read, asked) for tier, ways in rows.items() for read, asked in ways.items()
    ]
    _print_suggestions(figures)
    answers = {
        f"{tier}, {'read' if read else 'not read'}": [one.row() for one in asked]
        for tier, ways in rows.items()
        for read, asked in ways.items()
    }
    return {"lines": figures, "answers": answers}


def _suggestions_of(person: Person, tier: str) -> list[str]:
    """The suggestions that the router gives to a tier."""
    services = person.current.services
    texts = [suggestion.prompt for suggestion in services.product.suggestions]
    chosen = []
    for text in texts:
        messages = (Message(role="user", content=text),)
        if services.decider.decide(messages, tiers=services.preset.tier_names).tier == tier:
            chosen.append(text)
    return chosen


def _suggested(person: Person, text: str, changed: int | None) -> Asked:
    services = person.current.services
    product = services.product
    if changed is not None:
        system = f"{product.system_prompt.rstrip()} Case {changed}."
        services.product = product.model_copy(update={"system_prompt": system})
    try:
        return person.first_words(text)
    finally:
        services.product = product


def _suggestion_line(tier: str, read: bool, asked: Sequence[Asked]) -> dict[str, Any]:
    first = summary(one.first_text_ms for one in asked)
    goal = READ_IN_ADVANCE_MS if read and tier == "fast" else None
    return {
        "tier": tier,
        "read_in_advance": read,
        "first_text": first,
        "goal_p50": goal,
        "verdict": verdict(goal, first["p50"]),
    }


def _print_suggestions(lines: Sequence[dict[str, Any]]) -> None:
    print("\nSuggestions in new conversations, after another question. First words in seconds, p50 (p95).")
    print_table(
        ["tier", "read in advance", "n", "first words", "goal", ""],
        [
            [
                line["tier"],
                "yes" if line["read_in_advance"] else "no",
                line["first_text"]["n"],
                seconds(line["first_text"]),
                f"{line['goal_p50'] / 1000:.2f}" if line["goal_p50"] else "",
                line["verdict"],
            ]
            for line in lines
        ],
    )


def stopping(prompts: dict[str, Any], quick: bool) -> dict[str, Any]:
    """How soon a tier is free again after a stop: a short question asked at once, less what it takes alone.

    Nothing is read while idle here, so that the model has nothing else to do.
    """
    tell("stops")
    repeats = 2 if quick else 5
    lines: list[dict[str, Any]] = []
    with app(read_ahead=False) as current:
        person = Person(current)
        for tier in current.preset.tier_names:
            for _ in range(2):  # each of the two places for an answer has read it once
                person.ask(prompts["after_a_stop"], tier)
            alone = [person.first_words(prompts["after_a_stop"], tier) for _ in range(repeats)]
            for doing in FREE_AFTER_STOP_MS:
                freed = [
                    _stop_then_ask(person, tier, doing, prompts, number + repeats * len(lines))
                    for number in range(repeats)
                ]
                lines.append(_stop_line(tier, doing, alone, freed))
    _print_stops(lines)
    return {"lines": lines}


def _stop_then_ask(
    person: Person, tier: str, doing: str, prompts: dict[str, Any], number: int
) -> tuple[float, float | None]:
    """Milliseconds from the stop to its last event, and to the first words of the next question."""
    text = prompts["long_answer"] if doing == "writing" else _long_prompt(number)
    running = person.send(text, tier)
    if doing == "writing":
        wait_for_text(running, INTO_WRITING_PIECES)
    else:
        _wait_until_asked(running)
        time.sleep(INTO_READING_S)
    if running.ended:
        raise RuntimeError("the answer ended before it could be stopped")
    stopped_s = time.perf_counter()
    person.current.running.stop(running.turn.turn_id)
    following = person.send(prompts["after_a_stop"], tier)
    running.events(after=10**9, timeout_s=60)
    ended_ms = (time.perf_counter() - stopped_s) * 1000
    wait_for_text(following)
    first_ms = (time.perf_counter() - stopped_s) * 1000
    following.events(after=10**9, timeout_s=60)
    return ended_ms, first_ms


def _wait_until_asked(running: RunningTurn) -> None:
    while not any(isinstance(event, Requested) for event in running.events()):
        time.sleep(0.01)


def _long_prompt(number: int) -> str:
    """About 2,500 tokens that no earlier prompt began with."""
    entries = [
        NOTE.format(
            number=entry + 1000 * number,
            day=entry % 28 + 1,
            colour=COLOURS[(entry + number) % 5],
            minutes=entry * 7 % 50 + 5,
            litres=entry * 13 % 90 + 10,
        )
        for entry in range(75)
    ]
    return "\n".join([*entries, "Summarise these entries."])


def _stop_line(
    tier: str, doing: str, alone: Sequence[Asked], freed: Sequence[tuple[float, float | None]]
) -> dict[str, Any]:
    usual = summary(one.first_text_ms for one in alone)
    after = summary(first for _, first in freed)
    over = None if after["p50"] is None or usual["p50"] is None else max(0.0, after["p50"] - usual["p50"])
    goal = FREE_AFTER_STOP_MS[doing]
    return {
        "tier": tier,
        "while": doing,
        "stopped_event": summary(ended for ended, _ in freed),
        "next_first_text": after,
        "first_text_alone": usual,
        "free_after": over,
        "goal": goal,
        "verdict": verdict(goal, over),
    }


def _print_stops(lines: Sequence[dict[str, Any]]) -> None:
    print("\nStop, and the next question at once. Seconds, p50 (p95); free = next question − the same alone.")
    print_table(
        ["tier", "stopped while", "next question's first words", "alone", "free after", "goal", ""],
        [
            [
                line["tier"],
                line["while"],
                seconds(line["next_first_text"]),
                seconds(line["first_text_alone"]),
                f"{line['free_after'] / 1000:.2f}",
                f"{line['goal'] / 1000:.2f}",
                line["verdict"],
            ]
            for line in lines
        ],
    )
