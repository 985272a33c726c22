"""An eye outside the page: what Chromium's own trace says was on the screen, and when.

The trace has a picture of every frame that was shown and the moment of every key event, both on
Chromium's clock; nothing of it comes from the probe or from any script in the page. To be found in
small pictures whatever the text says, what is looked for is painted in colours by style sheets that
only the measurement adds: the first progress text, an answer's text, its end.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, CDPSession, Page

CATEGORIES = "devtools.timeline,disabled-by-default-devtools.screenshot"
# red, green, blue of what is looked for, far from any colour of the themes
COLOURS = {"cue": (0, 200, 255), "text": (255, 0, 255), "done": (0, 255, 0)}
FAR = 70
"""How far a channel may be from the colour: the pictures are JPEGs."""
ENOUGH = 6
"""So many pixels of a colour are not a trace of its neighbours."""
PAINT = """() => {
  const style = document.createElement('style');
  style.textContent = `
    textarea { caret-color: transparent !important; }
    .measured [class*="st-key-text-"] { border-left: 24px solid rgb(255, 0, 255); }
    .measured [class*="st-key-done-"] { border-top: 24px solid rgb(0, 255, 0); min-height: 24px; }`;
  document.head.append(style);
  const root = document.querySelector('.st-key-probe [data-testid=stBidiComponentIsolated]').shadowRoot;
  const inner = document.createElement('style');
  inner.textContent = `.probe-progress { background: rgb(0, 200, 255) !important; opacity: 1 !important;
    animation: none !important; min-height: 24px; }`;
  root.append(inner);
}"""
# Only a new answer is coloured: those that are there already are wrapped by their own names.
OLD = """() => {
  const names = [...document.querySelectorAll('[class*="st-key-answer-"]')]
    .map((e) => [...e.classList].find((name) => name.startsWith('st-key-answer-')).slice(14));
  let sheet = document.getElementById('measured-only-new');
  if (!sheet) {
    sheet = document.createElement('style');
    sheet.id = 'measured-only-new';
    document.head.append(sheet);
  }
  const old = names.map((id) => `.st-key-text-${id}, .st-key-done-${id}`).join(', ');
  sheet.textContent = old ? `${old} { border: 0 !important; }` : '';
  document.body.classList.add('measured');
}"""


@dataclass
class Trace:
    """The events of one trace, filled when the `recorded` block ends."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def pressed_us(self, key_event: str = "keydown") -> float:
        """When the last such event was made, in microseconds on Chromium's clock. Raises ValueError."""
        times = [
            event["ts"]
            for event in self.events
            if event["name"] == "EventTiming"
            and event["ph"] in ("b", "n")
            and event.get("args", {}).get("data", {}).get("type") == key_event
        ]
        if not times:
            raise ValueError(f"the trace has no {key_event}")
        return float(max(times))

    def frames(self) -> list[tuple[float, NDArray[np.int16]]]:
        """Time in microseconds and picture (height × width × 3) of each frame that was shown."""
        shots = [event for event in self.events if event["name"] == "Screenshot"]
        return sorted(((float(shot["ts"]), _picture(shot)) for shot in shots), key=lambda pair: pair[0])


def _picture(shot: dict[str, Any]) -> NDArray[np.int16]:
    encoded = shot["args"]["snapshot"]
    if isinstance(encoded, dict):
        encoded = encoded.get("data", "")
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    return np.asarray(image, dtype=np.int16)


@contextmanager
def recorded(browser: Browser, page: Page) -> Iterator[Trace]:
    """Chromium traces itself while the block runs; the events are there after it."""
    trace = Trace()
    browser.start_tracing(page=page, categories=CATEGORIES.split(","), screenshots=True)
    try:
        yield trace
    finally:
        trace.events = json.loads(browser.stop_tracing())["traceEvents"]


def prepare(page: Page) -> None:
    """Colour what is looked for, in answers that come from now on."""
    page.evaluate(PAINT)


def only_new(page: Page) -> None:
    """From now on only answers that are not there yet are coloured."""
    page.evaluate(OLD)


def throttle(session: CDPSession, times: float) -> None:
    """Make the page's processor so many times slower."""
    session.send("Emulation.setCPUThrottlingRate", {"rate": times})


def seen(trace: Trace) -> dict[str, float | None]:
    """Milliseconds from the press to the first frame with: any change, the cue, the text, the end."""
    pressed = trace.pressed_us()
    frames = trace.frames()
    before = [picture for at, picture in frames if at <= pressed]
    after = [(at, picture) for at, picture in frames if at > pressed]
    found: dict[str, float | None] = dict.fromkeys(("change", *COLOURS))
    base = before[-1] if before else None
    for at, picture in after:
        since = (at - pressed) / 1000
        if found["change"] is None and base is not None and _differs(base, picture):
            found["change"] = since
        for name, colour in COLOURS.items():
            if found[name] is None and _has(picture, colour):
                found[name] = since
    return found


def _has(picture: NDArray[np.int16], colour: tuple[int, int, int]) -> bool:
    close = (np.abs(picture - np.array(colour, dtype=np.int16)) < FAR).all(axis=2)
    return int(close.sum()) >= ENOUGH


def _differs(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    return one.shape != other.shape or int((np.abs(one - other).max(axis=2) > 40).sum()) >= ENOUGH
