"""The example of docs/add-a-cue.md, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from components import cues
from components.cues.cue import Cue
from data import schema

PAGE = Path(__file__).parents[2] / "docs" / "add-a-cue.md"


def example() -> ModuleType:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    module = ModuleType("reading_time")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return module


def draw_cues() -> None:
    from components import cues
    from data.answers import Answer

    for cue in cues.shown():
        cue.draw(Answer(status="ok", text="word " * 119))


@pytest.fixture
def with_example(monkeypatch: pytest.MonkeyPatch) -> Cue:
    cue = example().CUE
    assert isinstance(cue, Cue)
    monkeypatch.setattr(cues, "CUES", (*cues.CUES, cue))
    return cue


def test_the_example_is_drawn(with_example: Cue) -> None:
    page = AppTest.from_function(draw_cues).run()
    assert not page.exception
    assert "30 s to read" in [caption.value for caption in page.caption]


def test_its_switch_hides_it(with_example: Cue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSHIFT_CUES_OFF", f"sources, {with_example.name}")
    page = AppTest.from_function(draw_cues).run()
    assert [caption.value for caption in page.caption] == []


def test_every_cue_names_columns_of_the_log(with_example: Cue) -> None:
    for cue in cues.CUES:
        for field in cue.log_field.split(", "):
            table, column = field.split(".")
            assert column in schema.TABLES[table].kinds, f"{cue.name}: {field} is not in the log"
