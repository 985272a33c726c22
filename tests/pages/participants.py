"""A participant of a study at the page, without a browser."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from streamlit.testing.v1 import AppTest

from tests.pages.person import MAIN, PATIENCE_S, Person


class Guest(Person):
    """Somebody who opens an address: a study's link, or what they made of it."""

    def __init__(self, address: str, cookies: dict[str, str] | None = None) -> None:
        self.at = AppTest.from_file(str(MAIN), default_timeout=PATIENCE_S)
        self.goes_to(address)

    def goes_to(self, address: str) -> Guest:
        """Another address in the same tab."""
        self.at.query_params.clear()
        for name, value in parse_qsl(urlsplit(address).query):
            self.at.query_params[name] = value
        self.look()
        return self

    def agrees(self) -> Guest:
        self.presses("agree-study")
        return self

    def rates(self, scale: str, about: str, value: int) -> Guest:
        self.at.button_group(key=f"rate-{scale}-{about}").set_value(value)
        self.look()
        return self

    @property
    def everything(self) -> str:
        """All words on the page, wherever they stand."""
        return "\n".join([self.page, *self.errors, *self.notices, *[info.value for info in self.at.info]])


def contents(folder: Path) -> bytes:
    """Every byte of every file in a folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
