"""The researcher's page: studies, their links, how they go, what they say, export and deletion."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from components import study_data_views, study_form, study_researcher, study_review_view
from components.participant_visit import today
from components.safe_markdown import plain
from data.config import ConfigError
from data.paths import studies_folder
from data.store import LogUnavailable
from data.studies import Study, load_study, study_names
from router.runtime import Runtime

View = Callable[[Runtime, Study], None]
VIEWS: dict[str, View] = {
    "Review": study_review_view.draw,
    "Status": study_data_views.status,
    "Links": study_data_views.links,
    "Export": study_data_views.export,
    "Delete": study_data_views.delete,
    "Plan": study_form.change,
}
NEW = "New study"


def draw(runtime: Runtime) -> None:
    """The whole page, for whoever has the researcher's key."""
    st.markdown("### Studies")
    if not study_researcher.is_known(runtime):
        study_researcher.ask(runtime, "Studies are for the researcher who runs them.")
        return
    names = study_names()
    _purpose(runtime)
    chosen = st.selectbox("Study", [*names, NEW], key="study-chosen", index=_wanted(names))
    if chosen == NEW:
        study_form.new(runtime)
        return
    st.query_params["s"] = chosen
    try:
        study = load_study(chosen)
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    st.markdown(f"**{plain(study.question)}**")
    for line in study.advice():
        st.caption(f":material/info: {plain(line)}")
    view = st.segmented_control("View", list(VIEWS), key="study-view", default="Review", required=True)
    try:
        VIEWS[view or "Review"](runtime, study)
    except LogUnavailable as error:
        st.warning(plain(str(error)))


def _wanted(names: list[str]) -> int:
    """The study that the address names, else the first."""
    name = st.query_params.get("s")
    return names.index(name) if name in names else 0


def _purpose(runtime: Runtime) -> None:
    st.caption(f"{plain(str(studies_folder()))} · {today():%d %B %Y} (UTC)")
    if not runtime.preset.stays_here():
        st.warning(
            "Nobody can take part now: the models that answer are not on this machine, and in a study "
            "nothing that people write leaves it."
        )
    if runtime.purpose != "research":
        st.caption(
            ":material/lock_open: A participant's link opens that study and nothing else, but whoever leaves "
            "it out of the address has the ordinary chat. `UPSHIFT_PURPOSE=research` closes that."
        )
