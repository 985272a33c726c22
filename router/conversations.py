"""Conversations of this process: kept outside any page, so that a reload or second tab finds them."""

from __future__ import annotations

import threading
from collections import OrderedDict

from data.records import InputOrigin, Message, StudyTerms, Turn, new_id, now_iso
from router.exchanges import Exchange, Vote, answer_text, exchanges
from router.running import Running, RunningTurn
from router.steering import split_command
from router.uploads import ConversationFiles

__all__ = ["Conversation", "Conversations", "answer_text"]

# Old conversations are let go from memory beyond this number; the log keeps what it may keep.
KEPT_CONVERSATIONS = 500
TITLE_CHARACTERS = 60


class Conversation:
    """One person's turns in order. Its id is 128 random bits and admits to it."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.started_at = now_iso()
        self.turns: list[RunningTurn] = []
        self.votes: dict[tuple[str, str], Vote] = {}
        # What the person said of a turn, by kind: a reload shows it again.
        self.feedback: dict[tuple[str, str], str | None] = {}
        # What a study sets for its participant's conversation.
        self.study: StudyTerms | None = None
        self.files = ConversationFiles()
        self._lock = threading.Lock()

    @property
    def under_way(self) -> RunningTurn | None:
        """The turn that is being answered, if any."""
        return next((running for running in reversed(self.turns) if not running.ended), None)

    @property
    def title(self) -> str:
        """The beginning of the first message."""
        text = " ".join(self.turns[0].turn.text.split()) if self.turns else ""
        return text if len(text) <= TITLE_CHARACTERS else text[: TITLE_CHARACTERS - 1] + "…"

    def history(self) -> tuple[Message, ...]:
        """What a model may read of the turns so far: each message with the answer that it goes on from.

        Failed turns and replaced ones are left out, and of answers side by side all but one.
        """
        return self._messages(self.exchanges())

    def history_before(self, turn_index: int) -> tuple[Message, ...]:
        """The same for what came before the message with this index."""
        earlier = [running for running in self.turns if running.turn.turn_index < turn_index]
        return self._messages(exchanges(earlier))

    def _messages(self, shown: list[Exchange]) -> tuple[Message, ...]:
        messages: list[Message] = []
        for exchange in shown:
            running = exchange.preferred(self.votes)
            if running is not None:
                text = answer_text(running)
                messages += [running.turn.messages[-1], Message(role="assistant", content=text)]
        return tuple(messages)

    def exchanges(self) -> list[Exchange]:
        """What to show, message by message: what a retry or an edit replaced is left out."""
        return exchanges(self.turns)

    def visible(self) -> list[RunningTurn]:
        """All turns of `exchanges`."""
        return [running for exchange in self.exchanges() for running in exchange.turns]

    def find(self, turn_id: str) -> RunningTurn | None:
        """The turn with this id, also one that was replaced."""
        return next((running for running in self.turns if running.turn.turn_id == turn_id), None)

    def vote(self, first: str, other: str, vote: Vote | None) -> None:
        """Keep which of two answers side by side was better (None: taken back); it goes on from that one."""
        if vote is None:
            self.votes.pop((first, other), None)
        else:
            self.votes[first, other] = vote

    def ask(
        self,
        running: Running,
        text: str,
        session_id: str,
        *,
        origin: InputOrigin = "typed",
        suggestion_id: str | None = None,
        replaces: str | None = None,
        beside: str | None = None,
        choice: str | None = None,
        attachments: tuple[str, ...] = (),
    ) -> RunningTurn:
        """Add a turn and begin to answer it. An answer still under way is stopped and kept.

        It takes the place of turn `replaces`, or stands beside turn `beside`, which another tier
        (`choice`) answered. A tier typed before the text (`/heavy …`) is a choice, too.
        """
        tiers = running.services.preset.tier_names
        command, question = split_command(text, tiers)
        if not question.strip():
            command, question = None, text  # nothing behind the command: refused with a word on that
        with self._lock:
            if self.under_way is not None:
                running.stop(self.under_way.turn.turn_id, "new_message")
            found = self.find(replaces or beside or "")
            old = found.turn if found is not None else None
            turn = Turn(
                session_id=session_id,
                conversation_id=self.conversation_id,
                messages=(*self._before(old), Message(role="user", content=question)),
                turn_index=self._index(old),
                parent_turn_id=beside or self._parent(old),
                replaces_turn_id=replaces,
                choice=choice or command,
                command=command,
                compares=beside is not None or (origin == "retry" and old is not None and old.compares),
                beside=found.ending.text if beside and found is not None and found.ending else "",
                input_origin=origin,
                suggestion_id=suggestion_id,
                study=self.study,
                attachments=self._readable(old.attachments) if old is not None else attachments,
            )
            started = running.start(turn, self.files)
            self.turns.append(started)
        return started

    def _readable(self, attachments: tuple[str, ...]) -> tuple[str, ...]:
        """Those files that are still there and can be read: a retry does without the others."""
        there = self.files.get(attachments)
        return tuple(upload.upload_id for upload in there if upload.state != "refused")

    def _index(self, old: Turn | None) -> int:
        """The place in the conversation: that of the turn that is replaced or compared, else the next."""
        if old is not None:
            return old.turn_index
        return max((item.turn.turn_index for item in self.turns), default=-1) + 1

    def _parent(self, old: Turn | None) -> str | None:
        """The turn that this one goes on from; one that replaces another goes on from the same."""
        if old is not None:
            return old.parent_turn_id
        shown = self.exchanges()
        before = (shown[-1].preferred(self.votes) or shown[-1].turns[-1]) if shown else None
        return before.turn.turn_id if before else None

    def _before(self, old: Turn | None) -> tuple[Message, ...]:
        """The history that a new turn sees; one that replaces or stands beside another sees the same."""
        return self.history() if old is None else old.messages[:-1]


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

    def forget(self, conversation_id: str) -> None:
        """Let go of a conversation; whoever still has it open keeps what is on their screen."""
        with self._lock:
            self._kept.pop(conversation_id, None)

    def new(self, conversation_id: str | None = None) -> Conversation:
        """A new, empty conversation under a new random id, or the one under this id."""
        return self.add(Conversation(conversation_id or new_id()))

    def add(self, conversation: Conversation) -> Conversation:
        """Keep a conversation; the one that is kept under its id already, if another was first."""
        with self._lock:
            kept = self._kept.setdefault(conversation.conversation_id, conversation)
            while len(self._kept) > KEPT_CONVERSATIONS:
                others = (item for item in self._kept.values() if item is not kept)
                idle = next((item.conversation_id for item in others if item.under_way is None), None)
                if idle is None:
                    break
                del self._kept[idle]
        return kept
