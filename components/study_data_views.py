"""A study's people on the researcher's page: how it goes, their links, export, deletion."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from components.safe_markdown import plain
from components.study_deleting import delete_here, forget_conversation
from data import study_belongings, study_deletion
from data.export import FORMATS, ExportError
from data.studies import Study
from data.study_data import Person, read_study
from data.study_export import export_zip
from data.study_links import Links
from router.runtime import Runtime

LOOK_S = 5.0


def status(runtime: Runtime, study: Study) -> None:
    """Who has begun and how far they are; looks again by itself."""

    @st.fragment(run_every=LOOK_S)
    def live() -> None:
        data = read_study(runtime.log.path, study.name)
        done = sum(person.completed_at is not None for person in data.dealt)
        with st.container(key="study-status"):
            st.markdown(
                f"**{done} of {study.participants} done**; {len(data.people)} agreed to take part; "
                f"{len(data.turns):,} messages, {len(data.ratings):,} ratings, {data.markers:,} markers."
            )
            if data.people:
                lines = ["| person | variants | how far |", "| --- | --- | --- |"]
                lines += [
                    f"| {plain(person.participant)} | {plain(person.arm_name)} | {_how_far(person, study)} |"
                    for person in data.people
                ]
                st.markdown("\n".join(lines))

    live()


def _how_far(person: Person, study: Study) -> str:
    forced = " (variant fixed by the link)" if person.forced else ""
    if person.completed_at:
        return f"done{forced}"
    if person.withdrawn_at:
        return f"stopped{forced}"
    if study.tasks:
        return f"{person.tasks_done} of {len(study.tasks)} tasks{forced}"
    return f"{'using it' if person.used else 'agreed'}{forced}"


def links(runtime: Runtime, study: Study) -> None:
    """Links to copy: one for each person, and one for a recruiting platform."""
    made = Links(runtime.log.path)
    base = _address()
    ids = st.text_area(
        "People, one id a line (no names: ids stand in the log)",
        "\n".join(f"p{number:02d}" for number in range(1, min(study.participants, 60) + 1)),
        key="link-ids",
    )
    forced = st.selectbox(
        "Variant",
        ["dealt", *study.variant_names],
        key="link-force",
        help="Fixed ones are left out.",
    )
    lines = []
    for name in dict.fromkeys(line.strip() for line in ids.splitlines() if line.strip()):
        try:
            lines.append(made.personal(base, study.name, name, None if forced == "dealt" else forced))
        except ValueError as error:
            st.error(plain(str(error)))
    st.caption("One for each person; each opens this study for that person only, on any device.")
    st.code("\n".join(lines), language=None)
    st.caption("One for Prolific, which fills in who comes:")
    st.code(made.open(base, study.name), language=None)


def _address() -> str:
    """Where this page is, without its path and query."""
    from urllib.parse import urlsplit

    parts = urlsplit(str(st.context.url or ""))
    return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else "http://127.0.0.1:8501/"


def export(runtime: Runtime, study: Study) -> None:
    """A zip with every table and the codebook."""
    runtime.log.flush(1.0)
    form = st.segmented_control("Format", FORMATS, default="csv", required=True, key="export-format")
    with_text = study.text == "full" and st.checkbox("With what people wrote", key="export-text")
    st.caption("codebook.csv says for each column what it is, its unit, and when it is null.")
    try:
        packed = export_zip(runtime.log.path, study, form or "csv", with_text=bool(with_text))
    except ExportError as error:
        st.error(plain(str(error)))
        return
    st.download_button(
        "Download",
        packed,
        file_name=f"{study.name}-{form}.zip",
        mime="application/zip",
        key="export-download",
    )


def delete(runtime: Runtime, study: Study) -> None:
    """One participant, or what has passed its time: first what it is, then the button."""
    runtime.log.flush(1.0)
    log = runtime.log.path
    people = [person.participant for person in read_study(log, study.name).people]
    chosen = st.selectbox("Delete one participant", people, index=None, key="delete-person")
    if chosen:
        doomed = study_belongings.of_participant(log, study.name, chosen)
        with st.container(key="delete-dry-run"):
            st.caption(f"This would delete {doomed.total:,} rows, in the log and its side files:")
            st.code(doomed.as_text(), language=None)
        st.button("Delete for good", key="delete-now", on_click=_delete, args=(runtime, study, chosen))
    st.divider()
    now = datetime.now(UTC)
    text = study_deletion.expired_text(log, now)
    due = study_deletion.is_due(study, now)
    st.caption(
        f"Past its time: text of {text:,} turns"
        + (
            f", and all {study_belongings.of_study(log, study.name).total:,} rows of this study."
            if due
            else "."
        )
    )
    if text or due:
        st.button("Purge", key="purge-now", on_click=_purge, args=(runtime, study, due))
    if said := st.session_state.pop("deleted-said", None):
        st.success(said)
    for path in study_deletion.left_elsewhere(log):
        st.warning(
            f"{plain(path.name)} is a damaged log that cannot be searched; it is removed after 30 days."
        )


def _delete(runtime: Runtime, study: Study, participant: str) -> None:
    gone = delete_here(runtime, study.name, participant)
    st.session_state["deleted-said"] = f"{plain(participant)}: {gone:,} rows deleted."
    st.session_state["delete-person"] = None


def _purge(runtime: Runtime, study: Study, due: bool) -> None:
    log = runtime.log.path
    gone = study_deletion.delete_expired_text(log, datetime.now(UTC))
    if due:
        doomed = study_belongings.of_study(log, study.name)
        for conversation_id in doomed.conversations:
            forget_conversation(runtime, conversation_id)
        gone += study_deletion.delete(log, doomed)
    st.session_state["deleted-said"] = f"{gone:,} rows deleted."
