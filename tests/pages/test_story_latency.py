"""Somebody looks at the latency page: what it says, from which turns, and how its address keeps a view."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks import latency_log
from components import latency_snapshot
from data.latency_turns import DIMENSIONS
from data.log import Log
from data.reports import make_report
from router import runtime
from tests.pages.person import PATIENCE_S, everything

Provider = Callable[[], object]


def page() -> None:
    from components import latency_page
    from router import runtime

    latency_page.draw(runtime.current())


class Reader:
    """Somebody at the page."""

    def __init__(self, **query: str | list[str]) -> None:
        self.at = AppTest.from_function(page, default_timeout=PATIENCE_S)
        for name, value in query.items():
            self.at.query_params[name] = value
        self.look()

    def look(self) -> Reader:
        self.at.run()
        assert not self.at.exception, self.at.exception[0].value
        return self

    @property
    def charts(self) -> dict[str, dict[str, Any]]:
        """Everything that is drawn, by its id."""
        drawn = [json.loads(found.proto.json) for found in self.at.get("bidi_component")]
        return {chart["id"]: chart for part in drawn for chart in part["charts"]}

    @property
    def words(self) -> str:
        return everything(self.at.main)

    @property
    def address(self) -> dict[str, list[str]]:
        given = self.at.query_params.items()
        return {name: [value] if isinstance(value, str) else list(value) for name, value in given}

    def rows(self, chart: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.charts[chart]["csv"])))


@pytest.fixture
def opened(provider: Provider) -> Iterator[Callable[..., Reader]]:
    """Opens the page; options are the address's parameters."""
    latency_snapshot.forget()

    def open_page(**query: str | list[str]) -> Reader:
        provider()
        return Reader(**query)

    yield open_page
    latency_snapshot.forget()


def fill(path: Path, *turns: dict[str, Any]) -> None:
    log = Log(path)
    for number, turn in enumerate(turns):
        at = f"2026-11-{1 + number % 28:02d}T12:00:00.000+00:00"
        base = {"turn_id": f"{number:032x}", "submitted_at": at, "tier": "fast", "status": "ok"}
        log.put("turns", base | turn)
    assert log.flush()
    log.close()


def test_an_empty_log_is_said_in_a_sentence(opened: Callable[..., Reader]) -> None:
    reader = opened()
    assert "No turns in the log yet" in reader.words
    assert reader.charts == {}


def test_one_turn_is_shown_with_its_n_and_without_a_p95(
    opened: Callable[..., Reader], temporary_log: Path
) -> None:
    fill(temporary_log, {"first_content_ms": 321, "client_first_content_ms": 345, "ended_ms": 900})
    reader = opened()
    assert "Times are from 1 turn." in reader.words
    felt, server, *_ = reader.charts["figures"]["figures"]
    assert (felt["value"], felt["about"]) == ("345 ms", "no p95 below 60 · n 1")
    assert server["value"] == "321 ms"
    assert "takes 20 complete turns" in reader.charts["routed"]["says"]
    assert reader.charts["doubt"]["empty"]
    assert "waterfall" in reader.charts


def test_every_chart_has_its_figures_as_a_table_and_as_a_file(
    opened: Callable[..., Reader], temporary_log: Path
) -> None:
    latency_log.write(temporary_log, 1500)
    charts = opened().charts
    assert set(charts) == {
        *(
            "figures",
            "compared",
            "cumulative",
            "distribution",
            "days",
            "routed",
            "doubt",
            "endings",
            "useful",
        ),
        "waterfall",
    }
    for name in set(charts) - {"figures"}:
        table = list(csv.reader(io.StringIO(charts[name]["csv"])))
        assert table[0] == charts[name]["table"]["head"]
        assert len(table) == len(charts[name]["table"]["rows"]) + 1 > 1
        assert any(
            character.isdigit() for character in charts[name]["says"] + str(charts[name].get("series"))
        )


def test_what_a_spreadsheet_would_run_stays_text(opened: Callable[..., Reader], temporary_log: Path) -> None:
    fill(temporary_log, {"tier": "=HYPERLINK(1)", "task": "@SUM(A1)", "done_ms": 5}, {"done_ms": 6})
    reader = opened(measure="done")
    assert [row[0] for row in reader.rows("compared")] == ["tier", "'=HYPERLINK(1)", "fast"]
    assert "'@SUM(A1)" in {row[0] for row in reader.rows("routed")}


def test_a_switch_counts_turns_that_are_left_out(opened: Callable[..., Reader], temporary_log: Path) -> None:
    fill(temporary_log, {"done_ms": 100}, {"done_ms": 300, "cold": True})
    reader = opened(measure="done")
    assert "Times are from 1 turn of 2; left out: 1 cold." in reader.words
    assert reader.rows("compared")[1][1] == "1"
    reader.at.checkbox(key="latency-with-cold").check()
    reader.look()
    assert reader.rows("compared")[1][1] == "2"
    assert reader.address == {"measure": ["done"], "include": ["cold"]}


def test_a_view_that_was_sent_is_the_view_that_is_seen(
    opened: Callable[..., Reader], temporary_log: Path
) -> None:
    latency_log.write(temporary_log, 800)
    first = opened()
    first.at.multiselect(key="latency-of-task").set_value(["code", "lookup"])
    first.at.selectbox(key="latency-by").set_value("task")
    first.look()
    assert first.address == {"by": ["task"], "task": ["code", "lookup"]}
    second = opened(**first.address)
    assert second.charts == first.charts
    assert {row[0] for row in second.rows("compared")[1:]} == {"code", "lookup"}
    assert second.at.multiselect(key="latency-of-task").value == ["code", "lookup"]
    assert "Narrowed down to task: code, lookup" in second.words
    second.at.button(key="latency-all").click()
    second.look()
    assert len(second.rows("compared")) == 1 + 10
    assert second.address == {"by": ["task"]}


def test_an_address_that_asks_for_the_unknown_says_so(
    opened: Callable[..., Reader], temporary_log: Path
) -> None:
    fill(temporary_log, {"done_ms": 100})
    reader = opened(model="![x](http://evil.example/x.png)")
    [said] = [caption.value for caption in reader.at.caption if "left out" in caption.value]
    assert "![x](" not in said  # cleaned: no image, only its words
    assert reader.address == {}


def test_no_turn_fits(opened: Callable[..., Reader], temporary_log: Path) -> None:
    fill(temporary_log, {"done_ms": 100})
    reader = opened(since="2030-01-01")
    assert "No turn fits these filters." in reader.words
    reader.at.button(key="latency-reset").click()
    reader.look()
    assert "Times are from 1 turn." in reader.words


@pytest.mark.parametrize("measure", ["first_feedback", "done"])
def test_everything_can_be_compared_by_everything(
    opened: Callable[..., Reader], temporary_log: Path, measure: str
) -> None:
    latency_log.write(temporary_log, 300)
    counted = make_report(temporary_log).counted
    reader = opened(measure=measure)
    for by in DIMENSIONS:
        reader.at.selectbox(key="latency-by").set_value(by)
        charts = reader.look().charts
        table = charts["days" if by == "day" else "compared"]["table"]
        assert table["head"][0] == by
        assert sum(int(row[1]) for row in table["rows"]) == counted
        assert charts["endings"]["table"]["head"][0] == by


def test_a_turn_that_is_looked_at_is_in_the_address(
    opened: Callable[..., Reader], temporary_log: Path
) -> None:
    fill(temporary_log, *({"done_ms": 100 * number, "ended_ms": 100} for number in range(1, 4)))
    reader = opened(measure="done")
    assert "turn" not in reader.address
    reader.at.selectbox(key="latency-turn").set_value(f"{2:032x}")
    reader.look()
    assert reader.address["turn"] == [f"{2:032x}"]
    assert "not in the log" in opened(turn="f" * 32).words


def test_a_log_in_trouble_says_what_to_do(
    opened: Callable[..., Reader], temporary_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = opened()
    runtime.current().log.close()
    temporary_log.write_bytes(b"garbage" * 1000)
    for ending in ("-wal", "-shm"):
        temporary_log.with_name(temporary_log.name + ending).unlink(missing_ok=True)
    reader.look()
    assert "doctor" in everything(reader.at.error[0])
    assert reader.charts == {}


def test_a_study_on_the_server_closes_the_page_to_everybody_without_the_key(
    opened: Callable[..., Reader], temporary_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(temporary_log, {"done_ms": 100})
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "cues.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("UPSHIFT_STUDIES", str(tmp_path / "studies"))
    reader = opened()
    assert reader.charts == {}
    assert "researcher's key" in reader.words
    assert "Times are from" not in reader.words


def test_the_chat_does_not_load_the_page(
    visit: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("components.latency_", "data.latency_"))]:
        monkeypatch.delitem(sys.modules, name)
    visit()
    assert "components.pages" in sys.modules
    assert not [name for name in sys.modules if name.startswith(("components.latency_", "data.latency_"))]
