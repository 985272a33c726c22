"""The checkers: is an answer right? Each is a record that a task carries, and none asks a model."""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import Field

from benchmarks.routing.final_answer import code_of, final_number, final_part, normal
from benchmarks.routing.run_code import passes, rows_of
from data.records import Record


class Number(Record):
    """The answer comes to this number, give or take `within`."""

    kind: Literal["number"]
    value: float
    within: float = 1e-6

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        found = final_number(answer)
        return found is not None and abs(found - self.value) <= self.within


class Label(Record):
    """The final part of the answer (after "Answer:", else its last line) names this of `options` alone."""

    kind: Literal["label"]
    value: str
    options: tuple[str, ...]

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        part, marked = final_part(answer)
        lines = [line for line in part.splitlines() if line.strip(" *`")]
        part = normal(part if marked or not lines else lines[-1])
        named = set()
        for option in sorted(self.options, key=len, reverse=True):  # "not urgent" before "urgent"
            pattern = rf"(?<!\w){re.escape(normal(option))}(?!\w)"
            if re.search(pattern, part):
                named.add(option)
                part = re.sub(pattern, " ", part)
        return named == {self.value}


class Words(Record):
    """Of each group in `all` at least one stands in the answer, and nothing of `none`."""

    kind: Literal["words"]
    all: tuple[tuple[str, ...], ...]
    none: tuple[str, ...] = ()

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        said = normal(answer)
        return all(any(_said(word, said) for word in group) for group in self.all) and not any(
            _said(word, said) for word in self.none
        )


class Sequence(Record):
    """The items stand in this order after "Answer:", else in the last line, else in the whole answer.

    The first of these that has all of them counts; nothing of `none` may stand there.
    """

    kind: Literal["sequence"]
    value: tuple[str, ...]
    none: tuple[str, ...] = ()

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        part, marked = final_part(answer)
        lines = [line for line in answer.splitlines() if line.strip(" *`")]
        for text in [part] if marked else [*lines[-1:], answer]:
            said = normal(text)
            places = [place for item in self.value if (place := _place(item, said)) is not None]
            if len(places) == len(self.value):
                in_order = places == sorted(places) and len(set(places)) == len(places)
                return in_order and not any(_said(item, said) for item in self.none)
        return False


class Json(Record):
    """The answer holds this JSON value; text is compared without regard to case and spaces."""

    kind: Literal["json"]
    value: Any

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        found = _first_json(code_of(answer)) or _first_json(answer)
        return found is not None and _same(found[0], self.value)


class Output(Record):
    """The last line (or the whole) of the answer's final part is this text, letter by letter."""

    kind: Literal["output"]
    value: str

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        part, marked = final_part(answer)
        text = part if marked else code_of(answer)
        lines = [line.strip(" *`\"'.").rstrip() for line in text.strip().splitlines() if line.strip(" *`")]
        wanted = self.value.strip(" \"'.")
        return bool(lines) and (lines[-1] == wanted or "\n".join(lines) == wanted)


class Python(Record):
    """The code in the answer passes these tests (Python statements)."""

    kind: Literal["python"]
    tests: str

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        return passes(code_of(answer), self.tests)


class Sql(Record):
    """The query in the answer gives these rows, in this order if `ordered`, on each of the databases."""

    kind: Literal["sql"]
    tables: str
    rows: tuple[tuple[Any, ...], ...]
    ordered: bool = False

    def accepts(self, answer: str) -> bool:
        """Whether the answer is right."""
        query = re.split(r";\s*(?:\n|$)", code_of(answer).strip())[0]
        found = rows_of(query, self.tables)
        if found is None:
            return False
        wanted = [tuple(row) for row in self.rows]
        if self.ordered:
            return _rows_same(found, wanted)
        return _rows_same(sorted(found, key=repr), sorted(wanted, key=repr))


Checker = Annotated[
    Number | Label | Words | Sequence | Json | Output | Python | Sql, Field(discriminator="kind")
]


def _said(word: str, said: str) -> bool:
    return _place(word, said) is not None


def _place(word: str, said: str) -> int | None:
    """Where the word stands as a word of its own; a digit before or after makes it another number."""
    found = re.search(rf"(?<![\w]){re.escape(normal(word))}(?![\w])", said)
    return found.start() if found else None


def _first_json(text: str) -> tuple[Any] | None:
    """The first JSON object or list in the text, in a tuple so that null can be told from nothing."""
    for place in re.finditer(r"[{\[]", text):
        try:
            return (json.JSONDecoder().raw_decode(text, place.start())[0],)
        except json.JSONDecodeError:
            continue
    return None


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(_same(found[key], value) for key, value in wanted.items())
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list | tuple)
            and len(found) == len(wanted)
            and all(_same(one, other) for one, other in zip(found, wanted, strict=True))
        )
    if isinstance(wanted, str):
        return isinstance(found, str) and normal(found) == normal(wanted)
    if isinstance(wanted, bool) or wanted is None:
        return found is wanted
    return (
        isinstance(found, int | float)
        and not isinstance(found, bool)
        and math.isclose(found, wanted, abs_tol=1e-6)
    )


def _rows_same(found: list[tuple[object, ...]], wanted: list[tuple[Any, ...]]) -> bool:
    return _same([list(row) for row in found], [list(row) for row in wanted])
