"""What happens while a turn is answered, as typed events in the order in which it happens.

`router.answer` yields them, `router.running` keeps them, pages draw them, the log and the tests
read the same list. `t_ms` is milliseconds since the server received the turn (monotonic clock);
`seq` counts from 0 within the turn. `router.running` stamps both.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data.citations import Mark, Quote, Span
from data.records import Decision, Generation, Passage, Record

StopReason = Literal["person", "new_message", "abandoned", "shutdown"]


class Event(Record):
    """Base of all events; `turn_id`, `seq` and `t_ms` are set when the event is recorded."""

    turn_id: str = ""
    seq: int = -1
    t_ms: float = 0.0

    @property
    def name(self) -> str:
        """The event's name in the log: its class name."""
        return type(self).__name__


class Queued(Event):
    """The turn waits before its model can be asked; repeated when the wait has news.

    `reason`: `received` (the first event of every turn), `download` (weights are still arriving),
    `loading` (the model is being loaded, or the client library), `busy` (all slots are taken),
    `files` (what the person attached is being read: `files` are their names).
    Bytes are for `download`; `remaining_s` is an estimate from the rate so far.
    """

    reason: Literal["received", "download", "loading", "busy", "files"]
    tier: str | None = None
    done_bytes: int | None = None
    total_bytes: int | None = None
    remaining_s: float | None = None
    files: tuple[str, ...] = ()


class Routed(Event):
    """A tier was chosen: the decision with its reasons, and the model that will be asked."""

    decision: Decision
    preset: str
    request_model: str
    model_label: str


class SourcesFound(Event):
    """The documents were searched. `passages` are those the model is given, numbered from 1.

    `relevance` is the best passage's, in 0..1, also where it was too low to be given.
    `nothing_said`: the message asks about what the documents are about, and no passage tells it.
    `differing`: pairs of passages that say the same of something with other figures.
    """

    passages: tuple[Passage, ...]
    searched_passages: int
    searched_documents: int
    search_ms: float
    relevance: float = 0.0
    nothing_said: bool = False
    differing: tuple[tuple[int, int], ...] = ()


class FileRefused(Event):
    """A file that came with the message cannot be read; `message` names it and says what to do."""

    reason: str
    message: str


class Requested(Event):
    """The model was asked. `left_out_turns` old turns did not fit into the tier's token budget."""

    tier: str
    request_model: str
    attempt: int
    left_out_turns: int = 0


class Retrying(Event):
    """The same model is asked again, before any text had arrived."""

    tier: str
    error_type: str
    message: str


class FellBack(Event):
    """The other tier is asked instead, before any text had arrived."""

    from_tier: str
    to_tier: str
    request_model: str
    model_label: str
    error_type: str
    message: str


class FirstChunk(Event):
    """The first chunk of the response arrived; it may carry no text."""


class TextDelta(Event):
    """More text of the answer."""

    text: str


class Doubted(Event):
    """How sure the answer is, from what could be measured of it; comes right before Finished.

    `score` in 0..1 is the estimated probability that the answer is wrong or not supported. `shown`:
    it is high enough that a person is told `words`. `cause` is the signal that weighed most.
    `signals` are the figures that went in; None where the provider gives none.
    """

    score: float
    shown: bool
    cause: str
    words: str = ""
    signals: dict[str, float | None] = Field(default_factory=dict)


class Finished(Event):
    """The answer is complete. `text` is the whole answer with its citations checked.

    `cited` are the numbers of the passages that the answer names, in order of first mention;
    `removed_citations` counts marks that named no passage and were taken out. `marks` are all
    places that name a passage, also those that only Upshift matched; `quotes` what stands in
    quotation marks; `unsupported` the cited sentences whose words are not in their passage.
    `withdrawn` is what the model wrote, where nothing of it stands in the passages that it was given:
    `text` then says that the documents do not tell, in Upshift's words.
    """

    text: str
    cited: tuple[int, ...] = ()
    removed_citations: int = 0
    marks: tuple[Mark, ...] = ()
    quotes: tuple[Quote, ...] = ()
    unsupported: tuple[Span, ...] = ()
    withdrawn: str = ""
    finish_reason: str | None = None
    generations: tuple[Generation, ...] = ()


class Stopped(Event):
    """The person stopped the answer, or nobody was left to read it; the text so far is kept."""

    reason: StopReason
    text: str
    cited: tuple[int, ...] = ()
    marks: tuple[Mark, ...] = ()
    quotes: tuple[Quote, ...] = ()
    unsupported: tuple[Span, ...] = ()
    generations: tuple[Generation, ...] = ()


class Failed(Event):
    """No complete answer. `message` says what happened and what to do next, in plain words."""

    error_type: str
    message: str
    text: str = ""
    http_status: int | None = None
    generations: tuple[Generation, ...] = ()


Ending = Finished | Stopped | Failed
