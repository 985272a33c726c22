"""Two small routes for studies: `/api/marker` takes a facilitator's marker, `/api/researcher` the key.

Like the probe's routes they trust nothing: a marker needs the participant's own signed link, and only
this page's own origin may send it. A refusal says nothing but its status.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from components.marks_route import _body, _content_type, _same_origin
from components.participant_visit import today
from components.study_researcher import COOKIE
from data.enrolment import Enrolment
from data.records import new_id, now_iso
from data.store import LogUnavailable
from data.studies import load_study
from data.study_admission import StudyClosed
from data.study_links import Links
from router import runtime

COOKIE_S = 30 * 24 * 3600
STUDIES = "/studies"


class Marker(BaseModel):
    """What the browser sends: the query of its address, which holds the signed link."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    query: str = Field(max_length=1500)


def routes() -> list[Route]:
    """`POST /api/marker` and `GET /api/researcher?key=…`, for `st.App(routes=...)`."""
    return [
        Route("/api/marker", marker, methods=["POST"]),
        Route("/api/researcher", researcher, methods=["GET"]),
    ]


async def marker(request: Request) -> Response:
    """Put a marker into the log, at this moment."""
    at = now_iso()
    if not _same_origin(request) or _content_type(request) != "application/json":
        return Response(status_code=400)
    body = await _body(request)
    if body is None:
        return Response(status_code=413)
    try:
        query = dict(parse_qsl(Marker.model_validate_json(body).query))
    except ValidationError:
        return Response(status_code=400)
    return Response(status_code=await run_in_threadpool(_keep, query, at))


def _keep(query: dict[str, str], at: str) -> int:
    """The status: 204 kept, 403 not by this link, 503 no database."""
    current = runtime.current(begin=False)
    try:
        admission = Links(current.log.path).admission(query)
        enrolment = Enrolment(current.log.path)
        person = enrolment.admit(admission) if admission else None
        if admission is None or person is None:
            return 403
        study = load_study(admission.study)
        place = enrolment.place(study, person, today().isoformat())
        conversation_id = enrolment.conversation(person, place) if place else None
    except StudyClosed:
        return 403
    except (LogUnavailable, OSError, ValueError):
        return 503
    conversation = current.conversations.get(conversation_id)
    last = conversation.turns[-1] if conversation and conversation.turns else None
    current.log.put(
        "markers",
        {
            "marker_id": new_id(),
            "study": person.study,
            "participant": person.participant,
            "turn_id": last.turn.turn_id if last else None,
            "turn_ms": last.elapsed_ms() if last else None,
            "study_task": place.task if place else None,
            "at": at,
        },
    )
    return 204


async def researcher(request: Request) -> Response:
    """With the right key: a cookie that keeps it, and on to the studies."""
    key = request.query_params.get("key")
    current = await run_in_threadpool(runtime.current, False)
    if not await run_in_threadpool(Links(current.log.path).is_researcher, key):
        return Response("That is not the key.", status_code=403, media_type="text/plain")
    response = RedirectResponse(STUDIES, status_code=303)
    response.headers["Cache-Control"] = "no-store"
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, key or "", max_age=COOKIE_S, httponly=True, secure=secure, samesite="strict", path="/"
    )
    return response
