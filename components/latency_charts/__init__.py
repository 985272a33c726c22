"""The pictures of the latency page: a Streamlit component (v2, no iframe) that draws them as SVG and HTML.

Streamlit's own charts were tried: they draw under our security policy, but eight of them take as long
again as the whole page (their library is 2 MB, and importing them brings pandas), and what a spreadsheet
would take for a formula could not be guarded in the files that they save. Here every picture has a
sentence that says what is in it and from how many turns, its figures as a table and as CSV, arrow keys
to read values, colours that can be told apart with any colour vision, dashes besides the colours, and
text of its own size on a narrow screen.

What is to be drawn is plain data (components/latency_pictures.py makes it):

- every chart: `id`, `title`, `says`, `kind`, optionally `wide`, `table` {head, rows} with `csv`, or
  `empty` where there is nothing to draw;
- `figures`: `figures` [{name, value, about}];
- `rows`: `x` {domain, log, ticks}, `rows` [{name, says, about, marks}], a mark being {shape, from, to,
  colour, hollow}; `beside` puts names beside the bars where there is room; `legend` like `series`;
- `curves`: `x` {domain, log, ticks, label, days}, `y` {domain, ticks, share}, `series` [{name, colour,
  dash, shape, points}]; an x of days counts them from 0 and `days` names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).parent
Chart = dict[str, Any]


def mount(charts: Sequence[Chart], key: str) -> None:
    """Draw the charts, two beside each other where there is room."""
    _component()(key=key, data={"charts": list(charts)}, height="content")


@cache
def _component() -> ComponentRenderer:
    """Registered at the first mount: importing this module needs no running Streamlit."""
    return st.components.v2.component(
        "upshift_latency_charts",
        html='<div class="charts"></div>',
        css=(_FOLDER / "charts.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "charts.js").read_text(encoding="utf-8"),
    )
