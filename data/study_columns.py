"""What a column and a table of a study's export are, and the columns that several tables share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["TEXT", "INTEGER", "REAL"]


@dataclass(frozen=True)
class Column:
    """One column: `sql` is where it comes from, `null` says when it is empty (`never` if it is not)."""

    name: str
    kind: SqlType
    sql: str
    what: str
    unit: str = ""
    null: str = "never"


@dataclass(frozen=True)
class Table:
    """One file of an export: a row for each `row`; `source` has one parameter, the study's name."""

    row: str
    source: str
    columns: tuple[Column, ...]
    has_text: bool = False

    @property
    def sql(self) -> str:
        """The query that gives its rows."""
        names = ", ".join(f"{column.sql} AS {column.name}" for column in self.columns)
        return f"SELECT {names} {self.source}"


WHO = (
    Column("study", "TEXT", "people.study", "the study's name"),
    Column("participant", "TEXT", "people.participant", "the participant's id, as in their link"),
)
DEALT = (
    Column("arm", "TEXT", "people.arm", "the variants dealt to this person, in order"),
    Column(
        "forced",
        "INTEGER",
        "people.forced",
        "whether a link fixed the variant; left out of the review",
        "1 yes, 0 no",
    ),
)
AT = "ISO 8601, UTC"
