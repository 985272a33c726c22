"""Conversations of this process: kept outside any page, so that a reload or second tab finds them."""

from __future__ import annotations

import threading
from collections import OrderedDict

from data.events import Failed, Finished, Stopped, TextDelta
from data.records import InputOrigin, Message, Turn, new_id, now_iso
from router.running import Running, RunningTurn

# Old conversations are let go from memory beyond this number; the log keeps what it may keep.
KEPT_CONVERSATIONS = 500
TITLE_CHARACTERS = 60


class Conversation:
    """One person's turns in order. Its id is 128 random bits and admits to it."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.started_at = now_iso()
        self.turns: list[RunningTurn] = []
        self._lock = threading.Lock()

    @property
    def under_way(self) -> RunningTurn | None:
        """The turn that is being answered, if any."""
        last = self.turns[-1] if self.turns else None
        return last if last is not None and not last.ended else None

    @property
    def title(self) -> str:
        """The beginning of the first message."""
        text = " ".join(self.turns[0].turn.text.split()) if self.turns else ""
        return text if len(text) <= TITLE_CHARACTERS else text[: TITLE_CHARACTERS - 1] + "…"

    def history(self) -> tuple[Message, ...]:
        """What a model may read of the turns so far. Failed turns and replaced ones are left out."""
        replaced = {running.turn.replaces_turn_id for running in self.turns}
        messages: list[Message] = []
        for running in self.turns:
            text = answer_text(running)
            left_out = running.turn.turn_id in replaced or isinstance(running.ending, Failed)
            if not left_out and text.strip():
                messages += [running.turn.messages[-1], Message(role="assistant", content=text)]
        return tuple(messages)

    def visible(self) -> list[RunningTurn]:
        """The turns to show: those that a retry or an edit replaced are left out."""
        replaced = {running.turn.replaces_turn_id for running in self.turns}
        return [running for running in self.turns if running.turn.turn_id not in replaced]

    def ask(
        self,
        running: Running,
        text: str,
        session_id: str,
        *,
        origin: InputOrigin = "typed",
        suggestion_id: str | None = None,
        replaces: str | None = None,
        choice: str | None = None,
    ) -> RunningTurn:
        """Add a turn and begin to answer it. An answer still under way is stopped and kept."""
        with self._lock:
            if self.under_way is not None:
                running.stop(self.under_way.turn.turn_id, "new_message")
            turn_index, parent = self._place(replaces)
            turn = Turn(
                session_id=session_id,
                conversation_id=self.conversation_id,
                messages=(*self._before(replaces), Message(role="user", content=text)),
                turn_index=turn_index,
                parent_turn_id=parent,
                replaces_turn_id=replaces,
                choice=choice,
                input_origin=origin,
                suggestion_id=suggestion_id,
            )
            started = running.start(turn)
            self.turns.append(started)
        return started

    def _place(self, replaces: str | None) -> tuple[int, str | None]:
        """Index and parent of a new turn; one that replaces another takes that one's place."""
        for item in self.turns:
            if item.turn.turn_id == replaces:
                return item.turn.turn_index, item.turn.parent_turn_id
        before = self.visible()
        return len(before), before[-1].turn.turn_id if before else None

    def _before(self, replaces: str | None) -> tuple[Message, ...]:
        """The history that a new turn sees; one that replaces another sees what that one saw."""
        for item in self.turns:
            if item.turn.turn_id == replaces:
                return item.turn.messages[:-1]
        return self.history()


def answer_text(running: RunningTurn) -> str:
    """The answer's text so far, as the person received it."""
    ending = running.ending
    if isinstance(ending, Finished | Stopped | Failed):
        return ending.text
    # Only deltas: the turn may have ended since, and an ending carries the whole text again.
    return "".join(event.text for event in running.events() if isinstance(event, TextDelta))


class Conversations:
    """The conversations by id; the least recently used are let go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Conversation] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, conversation_id: str | None) -> Conversation | None:
        """The conversation with this id, if this process has it."""
        with self._lock:
            found = self._kept.get(conversation_id or "")
            if found is not None:
                self._kept.move_to_end(found.conversation_id)
            return found

    def new(self, conversation_id: str | None = None) -> Conversation:
        """A new, empty conversation under a new random id, or one of an earlier run under its own."""
        conversation = Conversation(conversation_id or new_id())
        with self._lock:
            self._kept[conversation.conversation_id] = conversation
            while len(self._kept) > KEPT_CONVERSATIONS:
                others = (item for item in self._kept.values() if item is not conversation)
                idle = next((item.conversation_id for item in others if item.under_way is None), None)
                if idle is None:
                    break
                del self._kept[idle]
        return conversation
