"""A run of the page leaves Python's search path alone: imports in other threads walk it meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path

import app


def test_a_run_of_the_page_does_not_touch_the_search_path() -> None:
    before = list(sys.path)
    with modified_sys_path(str(app.SCRIPT)):
        assert sys.path == before
    assert sys.path == before


def test_nothing_of_the_pages_folder_hides_an_installed_module() -> None:
    installed = str(Path(streamlit.__file__).parents[1])
    assert sys.path.index(str(app.SCRIPT.parent)) > sys.path.index(installed)
