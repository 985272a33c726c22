"""A person at the page, without a browser: what they do, and the words that they see."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

# The page itself: on app.py, which only builds the server, AppTest would see nothing at all.
MAIN = Path(__file__).resolve().parents[2] / "components" / "main.py"
PATIENCE_S = 60
# How the line of the doubt cue begins.
DOUBT = ":material/help:"


class Person:
    """One visit to the page, with words for what a person does and sees."""

    def __init__(self, conversation_id: str | None = None) -> None:
        self.at = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
        if conversation_id is not None:
            self.at.query_params["c"] = conversation_id
        self.look()

    def look(self) -> Person:
        """Let the page run to its end, which is the answer's, and see that it did not break."""
        self.at.run()
        assert not self.at.exception, self.at.exception[0].value
        return self

    def types(self, text: str) -> Person:
        self.at.chat_input(key="chat").set_value(text)
        return self.look()

    def presses(self, key: str) -> Person:
        self.at.button(key=key).click()
        return self.look()

    def picks(self, suggestion_id: str) -> Person:
        return self.presses(f"suggestion-{suggestion_id}")

    def has(self, key: str) -> bool:
        """Whether something with this key is on the page."""
        try:
            self.at.get_by_key(key)
        except KeyError:
            return False
        return True

    @property
    def conversation_id(self) -> str:
        return str(self.at.query_params["c"])

    @property
    def turn_ids(self) -> list[str]:
        """The turns that are on the page, from top to bottom."""
        answers = [message for message in self.at.chat_message if message.name == "assistant"]
        return [str(answer.children[0].key).removeprefix("answer-") for answer in answers]

    def said(self, turn_id: str | None = None) -> str:
        """The person's own message as the page shows it."""
        messages = [message for message in self.at.chat_message if message.name == "user"]
        return everything(messages[self.turn_ids.index(turn_id) if turn_id else -1])

    def rates(self, turn_id: str, thumb: int) -> Person:
        self.at.feedback(key=f"thumbs-{turn_id}").set_value(thumb)
        return self.look()

    def chooses(self, key: str, value: str | None) -> Person:
        """Press one of several answers to a question of the page; None takes it back."""
        self.at.pills(key=key).set_value(value)
        return self.look()

    def writes(self, key: str, text: str) -> Person:
        self.at.text_input(key=key).set_value(text)
        return self.look()

    def answered(self, turn_id: str | None = None) -> str:
        """The answer's text, without what is around it."""
        return self._in(f"text-{turn_id or self.turn_ids[-1]}")

    def ended(self, turn_id: str) -> str:
        """How an answer that is not whole ended, in the page's words."""
        return self._in(f"failed-{turn_id}" if self.has(f"failed-{turn_id}") else f"stopped-{turn_id}")

    def under(self, turn_id: str | None = None) -> str:
        """The row below an ended answer: the cues with what is behind them, and the buttons."""
        return "\n".join(line for line in self._below(turn_id) if not line.startswith(DOUBT))

    def doubted(self, turn_id: str | None = None) -> str:
        """What the page says where the answer may be wrong; nothing where it has no doubt."""
        return "\n".join(line for line in self._below(turn_id) if line.startswith(DOUBT))

    def _below(self, turn_id: str | None) -> list[str]:
        return everything(self.at.container(key=f"done-{turn_id or self.turn_ids[-1]}")).splitlines()

    @property
    def follow_ups(self) -> list[str]:
        """The labels of the follow-ups on offer."""
        return self._in("followups").splitlines() if self.has("followups") else []

    @property
    def footer(self) -> str:
        return self._in("footer")

    @property
    def errors(self) -> list[str]:
        return [everything(error) for error in self.at.error]

    @property
    def notices(self) -> list[str]:
        return [everything(warning) for warning in self.at.warning]

    @property
    def box(self) -> str | None:
        """What the page puts back into the input; None if it leaves the input alone."""
        proto = self.at.chat_input(key="chat").proto
        return str(proto.value) if proto.set_value else None

    @property
    def page(self) -> str:
        """All words on the page."""
        return everything(self.at.main)

    def _in(self, key: str) -> str:
        return everything(self.at.container(key=key))


def everything(block: Any) -> str:
    """All words in a part of the page, as a reader sees them: texts, and labels of what can be pressed."""
    return readable("\n".join(_words(block)))


def readable(markdown: str) -> str:
    """Without the links at marks, and the backslashes that keep a text from being taken for Markdown."""
    markdown = re.sub(r"\[(\\\[\d+\\\]|\(\d+\))\]\(#(?:source|matched)-\w+-\d+\)", r"\1", markdown)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


def _words(block: Any) -> list[str]:
    if hasattr(block, "children"):
        # An expander's proto is its own; a popover's is that of any block.
        labels = [getattr(getattr(block.proto, "popover", block.proto), "label", "")]
        return [*filter(None, labels), *(word for child in block.children.values() for word in _words(child))]
    words = (getattr(block, "label", ""), getattr(block, "value", ""))
    return [word for word in words if isinstance(word, str) and word]
