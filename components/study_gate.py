"""Before anything else is drawn: is this visit a participant's, the researcher's, or nobody's?

Every page of the app comes through here, at every run. A study's link opens that study and nothing
else, whatever page the address names; a browser that takes part stays in it when the link's parameters
are taken out of the address. With `UPSHIFT_PURPOSE=research` everything else needs the key.
"""

from __future__ import annotations

import streamlit as st

from components import participant_page, study_cookie, study_researcher
from components.participant_visit import end_session
from data.study_links import OF_PARTICIPANTS
from router.runtime import Runtime


def draw(runtime: Runtime) -> bool:
    """Whether this visit is not the ordinary app's; then all of it has been drawn here."""
    query = st.query_params.to_dict()
    if any(name in query for name in OF_PARTICIPANTS):
        participant_page.draw(runtime, query)
        return True
    remembered = study_cookie.remembered(runtime)
    if remembered:
        st.query_params.from_dict(remembered)
        participant_page.draw(runtime, remembered)
        return True
    end_session()
    if runtime.purpose == "research" and not study_researcher.is_known(runtime):
        study_researcher.ask(
            runtime, "This page is for a study. If you take part, open the link that you were sent."
        )
        return True
    return False
