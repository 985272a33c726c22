"""The form that writes a study's file: what is in it is the file's own keys, in words."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from components.participant_visit import today
from components.safe_markdown import plain
from data.config import ConfigError
from data.studies import Study, study_path
from data.study_data import read_study
from data.study_metrics import METRICS, SCALES
from data.study_template import template
from data.study_toml import save_study
from router.runtime import Runtime

_CUES = ("progress", "tier", "sources", "uncertainty")
_ROUTING = ("auto", "fast", "heavy", "threshold")


def new(runtime: Runtime) -> None:
    """The form for a study that does not exist yet, filled in with one that could be run."""
    _form(runtime, template("", today()), replace=False)


def change(runtime: Runtime, study: Study) -> None:
    """The same for one that does, as long as nobody has taken part."""
    st.caption(plain(str(study_path(study.name))))
    if read_study(runtime.log.path, study.name).people:
        st.info("People have taken part: the plan stays as it is. What they agreed to must not change.")
        st.code(study_path(study.name).read_text(encoding="utf-8"), language="toml")
        return
    _form(runtime, study.model_dump(mode="json"), replace=True)


def _form(runtime: Runtime, now: dict[str, Any], *, replace: bool) -> None:
    with st.form("study-form"):
        name = st.text_input("Name (in links and in the log)", now["name"], key="sf-name", disabled=replace)
        raw: dict[str, Any] = {
            "name": name,
            "question": st.text_input("Question", now["question"], key="sf-question"),
            **_plan(now),
            **_measures(now),
        }
        variants = now["variants"]
        raw["variants"] = [_variant(runtime, number, each) for number, each in enumerate(variants)]
        raw["tasks"] = tasks_of(
            st.text_area(
                "Tasks: the title on a line, instructions below, an empty line between two tasks",
                "\n\n".join(f"{task['title']}\n{task['instructions']}" for task in now.get("tasks", ())),
                key="sf-tasks",
                height=180,
            )
        )
        raw |= _consent(now)
        if st.form_submit_button("Save", key="sf-save", type="primary"):
            _save(raw, replace)


def _plan(now: dict[str, Any]) -> dict[str, Any]:
    left, right, third = st.columns(3)
    starts = left.date_input("From", now["starts"], key="sf-starts", help="7 to 14 days are usual")
    ends = right.date_input("To", now["ends"], key="sf-ends")
    people = third.number_input("People planned", 2, 10_000, now["participants"], key="sf-people")
    designs = ("by the number of people", "within", "between")
    design = st.selectbox(
        "Design",
        designs,
        index=designs.index(now.get("design", designs[0])),
        key="sf-design",
        help="within: each person uses every variant, in balanced order; usual below 40 people.",
    )
    found = {"starts": str(starts), "ends": str(ends), "participants": int(people)}
    return found if design == designs[0] else found | {"design": design}


def _measures(now: dict[str, Any]) -> dict[str, Any]:
    names = list(METRICS)
    metric = st.selectbox(
        "What decides", names, index=names.index(now["metric"]), format_func=_label, key="sf-metric"
    )
    guardrails = st.multiselect(
        "What must not get worse", names, list(now["guardrails"]), format_func=_label, key="sf-guardrails"
    )
    ratings = now["ratings"]
    asked = st.multiselect(
        "Ratings, 1 to 7",
        list(SCALES),
        list(ratings["ask"]),
        format_func=lambda name: SCALES[name][0],
        key="sf-ask",
    )
    moments = ("answer", "task")
    after = st.radio("Asked after each", moments, index=moments.index(ratings["after"]), key="sf-after")
    return {
        "metric": metric,
        "guardrails": guardrails,
        "ratings": {"after": after, "ask": asked},
    }


def _variant(runtime: Runtime, number: int, now: dict[str, Any]) -> dict[str, Any]:
    change = now.get("change", {})
    with st.container(border=True):
        label = "First variant (what the other is compared with)" if number == 0 else "Other variant"
        name = st.text_input(label, now["name"], key=f"sf-variant-{number}")
        left, right = st.columns(2)
        routing = left.selectbox(
            "Model", _ROUTING, index=_ROUTING.index(change.get("routing", "auto")), key=f"sf-routing-{number}"
        )
        threshold = right.number_input(
            "Threshold (for threshold)",
            0.01,
            0.99,
            change.get("threshold") or 0.5,
            key=f"sf-threshold-{number}",
        )
        off = st.multiselect(
            "Cues that are off", _CUES, list(change.get("cues_off", ())), key=f"sf-cues-{number}"
        )
        ids = [suggestion.id for suggestion in runtime.services.product.suggestions]
        shown = change.get("suggestions")
        suggestions = st.multiselect(
            "Suggestions",
            ids,
            [item for item in ids if shown is None or item in shown],
            key=f"sf-suggestions-{number}",
        )
        clicks, streams = ("send", "fill"), ("on", "off")
        click = left.radio(
            "A click on a suggestion",
            clicks,
            index=clicks.index(change.get("suggestion_click", "send")),
            key=f"sf-click-{number}",
        )
        streaming = right.radio(
            "Words as they come",
            streams,
            index=streams.index(change.get("streaming", "on")),
            key=f"sf-streaming-{number}",
        )
    made: dict[str, Any] = {
        "routing": routing,
        "cues_off": off,
        "suggestion_click": click,
        "streaming": streaming,
    }
    if routing == "threshold":
        made["threshold"] = threshold
    if suggestions != ids:
        made["suggestions"] = suggestions
    return {"name": name, "change": made}


def _consent(now: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "consent": st.text_area("Consent text", now["consent"], key="sf-consent", height=180),
    }
    keeps = ("none", "full")
    found["text"] = st.radio(
        "What people write and what is answered",
        keeps,
        index=keeps.index(now.get("text", "none")),
        format_func={"none": "is not kept", "full": "is kept"}.get,
        key="sf-text",
    )
    left, right = st.columns(2)
    days = left.number_input("Text kept for (days)", 1, 3650, now.get("text_days") or 30, key="sf-text-days")
    if found["text"] == "full":
        found["text_days"] = int(days)
    records = right.number_input(
        "Figures kept after the end for (days; 0: until deleted)",
        0,
        3650,
        now.get("records_days") or 0,
        key="sf-records-days",
    )
    if records:
        found["records_days"] = int(records)
    code = st.text_input("Completion code", now.get("completion_code") or "", key="sf-code")
    return found | ({"completion_code": code} if code.strip() else {})


def _save(raw: dict[str, Any], replace: bool) -> None:
    try:
        path = save_study(raw, replace=replace)
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    st.query_params["s"] = raw["name"]
    st.success(f"Written: {plain(str(path))}")


def tasks_of(text: str) -> list[dict[str, str]]:
    """Tasks from paragraphs: the first line is the title, the rest the instructions."""
    found = []
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip()), 1):
        title, _, instructions = paragraph.strip().partition("\n")
        if title:
            found.append(
                {"id": f"task-{number}", "title": title, "instructions": instructions.strip() or title}
            )
    return found


def _label(name: str) -> str:
    return METRICS[name].label
