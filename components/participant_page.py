"""What somebody with a study's link sees: consent, then tasks with the chat and ratings, then the end."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from components import study_cookie, study_marker, study_ratings
from components.participant_chat import ParticipantChat
from components.participant_visit import ParticipantVisit, begin_session, today
from components.safe_markdown import clean, plain
from components.study_deleting import delete_here, forget_conversation
from data.config import ConfigError
from data.enrolment import Enrolment
from data.records import now_iso
from data.store import LogUnavailable
from data.studies import Study, load_study
from data.study_admission import NotAdmitted, Participant, StudyClosed
from data.study_links import Admission, Links
from router.runtime import Runtime

NO_STUDY = "This link does not open a study. Ask whoever sent it to you for a new one."
TROUBLE = (
    "The study cannot go on just now. Nothing that you did is lost: please reload this page in a minute."
)
NOT_HERE = (
    "This study cannot be taken part in now: the models that answer here are not on this machine, and "
    "nothing that you write in a study may leave it. Please tell whoever sent you the link."
)


def draw(runtime: Runtime, query: Mapping[str, str]) -> None:
    """The whole page for a visit by a study's link, right or wrong."""
    try:
        ParticipantPage(runtime, query).draw()
    except NotAdmitted:
        _say(NO_STUDY, "error")
    except StudyClosed as closed:
        _say(str(closed), "info")
    except (LogUnavailable, OSError):
        _say(TROUBLE, "warning")


class ParticipantPage:
    """One run of a participant's page. Raises StudyClosed, LogUnavailable or OSError."""

    def __init__(self, runtime: Runtime, query: Mapping[str, str]) -> None:
        self.runtime = runtime
        self.links = Links(runtime.log.path)
        self.enrolment = Enrolment(runtime.log.path)
        self.admission, self.study = self._admitted(query)

    def _admitted(self, query: Mapping[str, str]) -> tuple[Admission, Study]:
        admission = self.links.admission(query)
        if admission is None:
            raise NotAdmitted(NO_STUDY)
        try:
            return admission, load_study(admission.study)
        except ConfigError:
            raise NotAdmitted(NO_STUDY) from None

    def draw(self) -> None:
        """Whatever comes next for this person."""
        person = self.enrolment.admit(self.admission)
        begin_session(self.runtime, self.study, self.admission.participant)
        if self.admission.open_link and (person is not None or self.admission.anonymous):
            self._own_link()
        if person is None:
            if st.session_state.pop("had_joined", False):
                self._forget()
                raise StudyClosed("Your data were deleted. You no longer take part in this study.")
            self._consent()
            return
        st.session_state["had_joined"] = True
        if person.withdrawn_at:
            raise StudyClosed("You have stopped taking part. Thank you for the time that you gave.")
        if person.completed_at:
            self._end()
            return
        if not self.study.is_open(today()):
            raise StudyClosed("This study has ended. Thank you for taking part.")
        if not self.runtime.preset.stays_here():
            raise StudyClosed(NOT_HERE)
        self._take_part(person)

    def _take_part(self, person: Participant) -> None:
        place = self.enrolment.place(self.study, person, today().isoformat())
        if place is None:
            self.enrolment.complete(person)
            st.rerun()
        assert place is not None
        visit = ParticipantVisit(self.runtime, self.study, person, place)
        study_marker.mount(self.study.marker_key, study_cookie.link_of(self.links, person))
        if st.session_state.get("task_to_rate") == (place.task or ""):
            self._rate_task(visit)
            return
        ParticipantChat(self.runtime, visit, lambda: self._done(visit), lambda: self._leave(visit)).draw()

    def _forget(self) -> None:
        """Deleted elsewhere (from the shell, say): what this process still holds goes, too."""
        for conversation_id in st.session_state.pop("own_conversations", ()):
            forget_conversation(self.runtime, conversation_id)

    def _own_link(self) -> None:
        """Put the person's own token into the address in place of the one that many have.

        Only for somebody who has just begun, or whose id is random: else whoever has the shared link
        could fetch the token of a person who begins later, by naming them.
        """
        if self.admission.open_link:
            study, participant = self.study.name, self.admission.participant
            token = self.links.token(study, participant)
            st.query_params.from_dict({"study": study, "p": participant, "t": token})

    def _consent(self) -> None:
        if not self.runtime.preset.stays_here():
            raise StudyClosed(NOT_HERE)
        self.enrolment.refuse_if_closed(self.study, self.admission)
        if st.session_state.get("declined"):
            raise StudyClosed("You do not take part. Nothing was recorded. You may close this page.")
        with st.container(key="consent"):
            st.markdown("### Taking part in a study")
            st.markdown(clean(self.study.consent))
            st.markdown("\n".join(f"- {line}" for line in facts(self.study)))
            with st.container(horizontal=True):
                st.button("I agree and take part", key="agree-study", type="primary", on_click=self._agree)
                st.button("I do not take part", key="decline-study", on_click=_decline)
        if "refused" in st.session_state:
            st.warning(plain(st.session_state.pop("refused")), icon=":material/info:")

    def _agree(self) -> None:
        try:
            self.enrolment.join(self.study, self.admission)
            self._own_link()
        except StudyClosed as closed:
            st.session_state["refused"] = str(closed)
        except (LogUnavailable, OSError):
            st.session_state["refused"] = TROUBLE

    def _done(self, visit: ParticipantVisit) -> None:
        under_way = visit.conversation.under_way if visit.conversation else None
        if under_way is not None:
            self.runtime.running.stop(under_way.turn.turn_id)
        if self.study.ratings.after == "task" and self.study.ratings.ask:
            st.session_state["task_to_rate"] = visit.place.task or ""
        else:
            self._next(visit)

    def _rate_task(self, visit: ParticipantVisit) -> None:
        with st.container(key="task-ratings"):
            st.markdown("**How was this task?**")
            complete = study_ratings.of_task(self.runtime, visit)
            st.button(
                "Go on",
                key="rated",
                type="primary",
                disabled=not complete,
                on_click=self._next,
                args=(visit,),
            )

    def _next(self, visit: ParticipantVisit) -> None:
        """The task is done (without tasks, the study)."""
        st.session_state.pop("task_to_rate", None)
        try:
            if visit.place.task is None:
                self.enrolment.complete(visit.person)
                return
            index = [task.id for task in self.study.tasks].index(visit.place.task)
            self.enrolment.task_done(self.study, visit.person, index + 1)
        except LogUnavailable:
            st.session_state["notice"] = TROUBLE
            return
        task = {"session_id": visit.session_id, "task_id": visit.place.task}
        self.runtime.log.put("tasks", {**task, "ended_at": now_iso(), "outcome": "done"})

    def _end(self) -> None:
        with st.container(key="study-end"):
            st.markdown("### That was all. Thank you for taking part!")
            if self.study.completion_code:
                st.markdown("Your completion code:")
                with st.container(key="completion-code"):
                    st.code(self.study.completion_code, language=None)

    def _leave(self, visit: ParticipantVisit) -> None:
        with st.popover("Stop taking part", type="tertiary", key="leave"):
            st.markdown("You can stop at any time, without giving a reason.")
            st.button("Stop taking part", key="withdraw", on_click=self._withdraw, args=(visit, False))
            st.button(
                "Stop, and delete what was recorded",
                key="withdraw-delete",
                on_click=self._withdraw,
                args=(visit, True),
            )

    def _withdraw(self, visit: ParticipantVisit, delete: bool) -> None:
        try:
            self.enrolment.withdraw(visit.person)
            if delete:
                delete_here(self.runtime, self.study.name, visit.person.participant)
        except LogUnavailable:
            st.session_state["notice"] = TROUBLE


def facts(study: Study) -> list[str]:
    """What is so whatever the consent text says: taken from how the study is set."""
    text = (
        f"What you write and what is answered is kept for {study.text_days} days and then deleted."
        if study.text == "full"
        else "What you write and what is answered is not kept."
    )
    return [
        text,
        "It does not leave the computer that this page runs on.",
        "Kept are times, counts, which version of the app you used, and your ratings.",
        "You can stop at any time, and have deleted what was recorded.",
    ]


def _decline() -> None:
    st.session_state["declined"] = True


def _say(words: str, how: str) -> None:
    with st.container(key="study-notice"):
        {"error": st.error, "info": st.info, "warning": st.warning}[how](plain(words))
