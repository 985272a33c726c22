"""That this browser takes part in a study: its link, kept in a cookie until the browser is closed.

Somebody who takes the link's parameters out of the address, or opens the bare one, would otherwise come
into the ordinary chat, where nothing of the study holds. The cookie is a help and no lock: who removes
it, or takes another browser, cannot be told from a visitor who was never in the study.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode

import streamlit as st

from components import study_researcher
from components.participant_visit import today
from data.config import ConfigError
from data.enrolment import Enrolment
from data.store import LogUnavailable
from data.studies import load_study
from data.study_admission import Participant, StudyClosed
from data.study_links import Links
from router.runtime import Runtime

COOKIE = "upshift_study"


def link_of(links: Links, person: Participant) -> str:
    """What the browser is to remember; nothing for a forced variant, which is somebody trying it out."""
    if person.forced:
        return ""
    token = links.token(person.study, person.participant)
    return urlencode({"study": person.study, "p": person.participant, "t": token})


def remembered(runtime: Runtime) -> dict[str, str]:
    """The link's parameters, if this browser takes part in a study that goes on; else nothing.

    A browser with the researcher's key is never held: whoever runs studies also tries them.
    """
    query = dict(parse_qsl(unquote(st.context.cookies.get(COOKIE) or "")))
    if not query or study_researcher.is_known(runtime) or not _goes_on(runtime, query):
        return {}
    return query


def _goes_on(runtime: Runtime, query: dict[str, str]) -> bool:
    try:
        admission = Links(runtime.log.path).admission(query)
        person = Enrolment(runtime.log.path).admit(admission) if admission else None
        if person is None or person.completed_at or person.withdrawn_at:
            return False
        return load_study(person.study).is_open(today())
    except (StudyClosed, ConfigError):
        return False
    except (LogUnavailable, OSError):
        return True  # they took part a moment ago: the study's page says that there is trouble
