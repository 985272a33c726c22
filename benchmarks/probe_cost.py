"""What the probe takes of the page's main thread in one turn, by Chromium's own trace of it.

Every call from the browser into the probe's code is in the trace, with the processor time of the thread.
Its two callbacks, which note that something was painted, run when a frame is done and nobody waits; what
counts is the rest: key and click listeners, the observer of changes, timers. Style and layout that a
listener asks for are told apart: the frame needs them anyway, and does not do them a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# What Streamlit calls the code of the component `upshift_probe` in traces and stack traces.
PROBE = "st-bidi-upshift_probe"
CALLBACKS = ("FireAnimationFrame", "RunPostTaskCallback")
_LAYOUT = ("Layout", "UpdateLayoutTree")
Event = dict[str, Any]


def cost_ms(events: Iterable[Event]) -> dict[str, float]:
    """Milliseconds of processor time: `outside` the callbacks without layout, `layout`, `callbacks`; `calls`.

    Raises ValueError when the trace has no call of the probe at all: then nothing was measured.
    """
    whole = [event for event in events if event.get("ph") == "X" and "dur" in event]
    calls = [event for event in whole if _is_probes(event)]
    if not calls:
        raise ValueError("the trace has no call of the probe")
    around = [event for event in whole if event["name"] in CALLBACKS]
    layouts = [event for event in whole if event["name"] in _LAYOUT]
    found = {"outside": 0.0, "layout": 0.0, "callbacks": 0.0, "calls": float(len(calls))}
    for call in calls:
        if any(_within(call, other) for other in calls if other is not call):
            continue
        if any(_within(call, other) for other in around):
            found["callbacks"] += _cpu_ms(call)
            continue
        layout_ms = sum(_cpu_ms(one) for one in layouts if _within(one, call))
        found["layout"] += layout_ms
        found["outside"] += _cpu_ms(call) - layout_ms
    return found


def _is_probes(event: Event) -> bool:
    data = event.get("args", {}).get("data", {})
    return event["name"] == "FunctionCall" and str(data.get("url", "")).startswith(PROBE)


def _within(inner: Event, outer: Event) -> bool:
    same_thread = inner["pid"] == outer["pid"] and inner["tid"] == outer["tid"]
    return (
        same_thread
        and outer["ts"] <= inner["ts"]
        and (inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"])
    )


def _cpu_ms(event: Event) -> float:
    return float(event.get("tdur", event["dur"])) / 1000
