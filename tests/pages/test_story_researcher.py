"""A researcher plans a study, hands out links, watches, reads the review, exports and deletes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from components import study_routes
from components.study_form import tasks_of
from data.studies import load_study
from data.study_links import Links
from tests.data.studies import made, took_part
from tests.pages.participants import Guest, contents
from tests.pages.person import PATIENCE_S, everything
from tests.pages.test_marks_route import Client

Come = Callable[..., "Researcher"]


def page() -> None:
    """Drawn by AppTest, which runs this function's source on its own."""
    from components import study_page
    from router import runtime as running

    study_page.draw(running.current())


class Researcher:
    """Somebody at the page of studies."""

    def __init__(self, key: str | None) -> None:
        self.at = AppTest.from_function(page, default_timeout=PATIENCE_S)
        if key is not None:
            self.at.session_state["researcher_key"] = key
        self.look()

    def look(self) -> Researcher:
        self.at.run()
        assert not self.at.exception, self.at.exception[0].value
        return self

    def opens(self, view: str) -> Researcher:
        self.at.button_group(key="study-view").set_value(view)
        return self.look()

    @property
    def page(self) -> str:
        return everything(self.at.main)

    @property
    def codes(self) -> list[str]:
        return [code.value for code in self.at.code]


@pytest.fixture
def researcher(provider: Any, temporary_log: Path) -> Come:
    def come(key: str | None = "the right one") -> Researcher:
        provider()
        return Researcher(Links(temporary_log).researcher_key() if key == "the right one" else key)

    return come


def said(number: int, variant: str) -> list[dict[str, Any]]:
    gain = (2 + number % 2) if variant == "without" else 0
    return [{"rating": min(7, 3 + number % 3 + gain), "client_first_content_ms": 900.0 + number}]


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_the_key_there_is_nothing_to_see(researcher: Come, key: str | None) -> None:
    made()
    shut = researcher(key)
    assert "Researcher's key" in shut.page
    assert "progress cue" not in shut.page
    assert not shut.at.selectbox


def test_a_study_is_written_with_the_form_and_its_links_open_it(
    researcher: Come, temporary_log: Path
) -> None:
    ada = researcher()
    ada.at.text_input(key="sf-name").set_value("first")
    ada.at.text_input(key="sf-question").set_value("Is it quicker?")
    ada.at.number_input(key="sf-people").set_value(8)
    ada.at.selectbox(key="sf-metric").set_value("satisfaction_time")
    ada.at.multiselect(key="sf-guardrails").set_value(["stopped"])
    ada.at.text_input(key="sf-variant-1").set_value("fill-in")
    ada.at.radio(key="sf-click-1").set_value("fill")
    ada.at.multiselect(key="sf-cues-1").set_value(["tier"])
    ada.at.button(key="sf-save").click()
    ada.look()
    assert "Written" in ada.page, ada.page
    study = load_study("first")
    assert (study.participants, study.design, study.guardrails) == (8, "within", ("stopped",))
    assert study.variants[1].name == "fill-in"
    assert study.variants[1].change.suggestion_click == "fill"
    assert study.variants[1].change.cues_off == ("tier",)
    assert study.variants[1].change.suggestions is None
    assert [task.title for task in study.tasks] == ["Find something out", "Have something written"]

    again = researcher().opens("Links")
    own, shared = again.codes
    assert len(own.splitlines()) == 8
    assert "{{%PROLIFIC_PID%}}" in shared
    assert "has not begun yet" in Guest(own.splitlines()[0]).everything, "it opens tomorrow"


def test_a_mistake_in_the_form_is_named_and_nothing_is_written(researcher: Come) -> None:
    ada = researcher()
    ada.at.text_input(key="sf-name").set_value("No Name")
    ada.at.button(key="sf-save").click()
    ada.look()
    assert "key 'name'" in ada.page.replace("\\", "")
    from data.studies import study_names

    assert study_names() == []


def test_the_review_says_the_verdict_and_shows_each_of_few_people(
    researcher: Come, temporary_log: Path
) -> None:
    took_part(temporary_log, made(), 8, said)
    told = researcher().page
    assert "Keep “without”" in told
    assert "8 of 8 planned came to the end" in told
    assert "Sample ratio: the groups are as dealt" in told
    assert "| answers stopped or abandoned (guardrail) | 0 % | 0 % |" in told
    assert "With 8 people and if people differ as much as they did so far" in told
    assert "Each line is a person" in told
    assert "| p00 | 3.0 of 7 |" in told
    assert len(told.split("| person |")[1].split("**Power**")[0].splitlines()) - 2 == 8
    assert "p95" not in told


def test_until_the_planned_number_it_is_not_decided(researcher: Come, temporary_log: Path) -> None:
    took_part(temporary_log, made(), 6, said)
    assert "Not decided yet. Missing: 2 more people" in researcher().page


def test_from_20_people_on_waits_are_summed_up_instead(researcher: Come, temporary_log: Path) -> None:
    took_part(temporary_log, made(participants=20), 20, lambda n, v: said(n, v) * 3)
    told = researcher().page
    assert "Each line is a person" not in told
    assert "p95" in told


def test_status_shows_who_is_where(researcher: Come, temporary_log: Path) -> None:
    took_part(temporary_log, made(), 3, said, finish=2)
    told = researcher().opens("Status").page
    assert "**2 of 8 done**; 3 agreed to take part" in told
    assert "1 of 2 tasks" in told or "0 of 2 tasks" in told


def test_the_export_is_a_zip_with_its_codebook(researcher: Come, temporary_log: Path) -> None:
    took_part(temporary_log, made(), 2, said)
    ada = researcher().opens("Export")
    [button] = ada.at.get("download_button")
    assert "Download" in button.proto.label
    from data.study_export import export_zip

    packed = zipfile.ZipFile(io.BytesIO(export_zip(temporary_log, load_study("cues"), "csv")))
    assert "cues/codebook.csv" in packed.namelist()


def test_deleting_shows_first_what_would_go(researcher: Come, temporary_log: Path) -> None:
    took_part(temporary_log, made(text="full", text_days=9), 2, lambda n, _: [{"text": f"words-of-p{n:02d}"}])
    ada = researcher().opens("Delete")
    ada.at.selectbox(key="delete-person").set_value("p01")
    ada.look()
    assert "This would delete" in ada.page
    assert b"words-of-p01" in contents(temporary_log.parent), "it was only said"
    ada.at.button(key="delete-now").click()
    ada.look()
    assert "rows deleted" in ada.page
    assert b"words-of-p01" not in contents(temporary_log.parent)
    assert b"words-of-p00" in contents(temporary_log.parent)


def test_a_plan_is_fixed_once_people_take_part(researcher: Come, temporary_log: Path) -> None:
    made()
    ada = researcher().opens("Plan")
    ada.at.text_input(key="sf-question").set_value("Something else?")
    ada.at.button(key="sf-save").click()
    ada.look()
    assert load_study("cues").question == "Something else?"
    took_part(temporary_log, load_study("cues"), 1, said)
    fixed = researcher().opens("Plan")
    assert "the plan stays as it is" in fixed.page
    assert not [field for field in fixed.at.text_input if field.key == "sf-question"]


def test_a_key_in_the_address_becomes_a_cookie(temporary_log: Path, provider: Any) -> None:
    provider()
    client = Client(Starlette(routes=study_routes.routes()))
    key = Links(temporary_log).researcher_key()
    assert client.get("/api/researcher?key=wrong").status_code == 403
    assert client.get("/api/researcher").status_code == 403
    taken = client.get(f"/api/researcher?key={key}")
    assert (taken.status_code, taken.headers["location"]) == (303, "/studies")
    cookie = taken.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_marker_needs_a_participants_link_and_this_pages_own_origin(
    temporary_log: Path, provider: Any, logged: Callable[[str], list[Any]]
) -> None:
    provider()
    made()
    link = Links(temporary_log).personal("http://127.0.0.1/", "cues", "ada")
    Guest(link).agrees().types("How long is text kept?")
    client = Client(Starlette(routes=study_routes.routes()))
    own = {"origin": "http://testserver", "content-type": "application/json"}

    def drop(query: str, headers: dict[str, str] = own) -> int:
        return client.post("/api/marker", json={"query": query}, headers=headers).status_code

    query = link.split("?")[1]
    assert drop(query) == 204
    assert drop(query.replace("p=ada", "p=bob")) == 403
    assert drop("") == 403
    assert drop(query, own | {"origin": "http://elsewhere.test"}) == 400
    assert client.post("/api/marker", content="x" * 5000, headers=own).status_code == 413
    [marker] = logged("SELECT * FROM markers")
    [turn] = logged("SELECT turn_id FROM turns")
    assert (marker["participant"], marker["turn_id"], marker["study_task"]) == (
        "ada",
        turn["turn_id"],
        "first",
    )
    assert marker["turn_ms"] > 0


def test_tasks_are_read_from_paragraphs() -> None:
    assert tasks_of("One\nDo this.\nAnd that.\n\n\nTwo") == [
        {"id": "task-1", "title": "One", "instructions": "Do this.\nAnd that."},
        {"id": "task-2", "title": "Two", "instructions": "Two"},
    ]
    assert tasks_of(" \n ") == []
