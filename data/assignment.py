"""Which variant a participant gets, and in which order: dealt in balanced blocks, by slot.

Every block holds each arm once, in a random order of its own, so that the groups never differ by more
than one person. (By hashing, eight people fall four and four only 27 times in 100.) The number of a
person's slot is given out in the database, in one transaction, so two who arrive at once stay balanced.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterable, Sequence
from itertools import permutations

Arm = tuple[str, ...]


def arms_of(variants: Sequence[str], design: str) -> tuple[Arm, ...]:
    """The arms of a study: one variant each (`between`), or orders of all of them (`within`).

    Two and three variants are ordered in every way. Four are ordered by a Williams square, in which
    each variant stands in each place once and follows each other variant once (E. J. Williams,
    Australian Journal of Scientific Research A 2, 1949, 149-168).
    """
    if design == "between":
        return tuple((name,) for name in variants)
    if len(variants) <= 3:
        return tuple(permutations(variants))
    count = len(variants)
    zigzag = [0, *(step // 2 + 1 if step % 2 == 0 else count - step // 2 - 1 for step in range(count - 1))]
    return tuple(tuple(variants[(place + row) % count] for place in zigzag) for row in range(count))


def arm_of_slot(arms: Sequence[Arm], slot: int, secret: bytes, study: str) -> Arm:
    """The arm of the slot with this number (0, 1, 2 …): the same whenever it is asked for."""
    block, place = divmod(slot, len(arms))
    seed = hmac.new(secret, f"{study}\0{block}".encode(), hashlib.sha256).digest()
    order = list(range(len(arms)))
    random.Random(seed).shuffle(order)
    return arms[order[place]]


def free_slot(taken: Iterable[int]) -> int:
    """The lowest number that is free: a person who was deleted leaves a hole, which the next one fills."""
    known, slot = set(taken), 0
    while slot in known:
        slot += 1
    return slot


def arm_name(arm: Arm) -> str:
    """An arm as the log and the page name it."""
    return " > ".join(arm)


def variant_for_task(arm: Arm, task_index: int, task_count: int) -> tuple[int, str]:
    """Period (0, 1, …) and variant of a task: as many tasks, one after the other, for each variant."""
    period = min(task_index * len(arm) // max(1, task_count), len(arm) - 1)
    return period, arm[period]


def variant_for_day(arm: Arm, day_index: int) -> tuple[int, str]:
    """Period and variant on somebody's n-th day of use (0, 1, …), where there are no tasks to divide."""
    return day_index, arm[day_index % len(arm)]
