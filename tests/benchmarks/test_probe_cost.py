"""What counts as the probe's cost in a trace: its own calls, not its callbacks, not the frame's layout."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.probe_cost import PROBE, cost_ms


def event(name: str, ts: int, dur: int, *, url: str = "", tid: int = 1, cpu: int | None = None) -> Any:
    found = {
        "ph": "X",
        "name": name,
        "ts": ts,
        "dur": dur,
        "pid": 1,
        "tid": tid,
        "args": {"data": {"url": url}},
    }
    return found | ({"tdur": cpu} if cpu is not None else {})


def test_calls_are_told_apart() -> None:
    ours = f"{PROBE}-1234.js"
    trace = [
        event("EventDispatch", 0, 3000),
        event("FunctionCall", 100, 2000, url=ours, cpu=1500),
        event("Layout", 200, 500, cpu=400),
        event("FunctionCall", 300, 100, url=ours),  # within the first: counted with it
        event("Layout", 5000, 900),  # the page's own
        event("FunctionCall", 5000, 100, url="http://127.0.0.1/static/js/index.js"),
        event("FireAnimationFrame", 6000, 300),
        event("FunctionCall", 6100, 100, url=ours),
        event("RunPostTaskCallback", 7000, 300),
        event("FunctionCall", 7100, 200, url=ours),
        event("FireAnimationFrame", 8000, 900, tid=2),
        event("FunctionCall", 8100, 50, url=ours),  # not in that: it is another thread's
    ]
    found = cost_ms(trace)
    assert found == pytest.approx({"outside": 1.15, "layout": 0.4, "callbacks": 0.3, "calls": 5})


def test_a_trace_without_the_probe_is_no_cost_of_nothing() -> None:
    with pytest.raises(ValueError, match="no call of the probe"):
        cost_ms([event("FunctionCall", 0, 10, url="http://127.0.0.1/app.js")])
