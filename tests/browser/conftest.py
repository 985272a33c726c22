"""A real Chromium for the tests in this folder, and a server for it to look at.

The page's security policy forbids `eval`, so Playwright's `wait_for_function` fails on it: wait for
locators instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, Route, sync_playwright

from tests.browser import chromium
from tests.browser.chat import Chat, Site

Serve = Callable[..., str]
FOLDER = Path(__file__).parent
STORIES = FOLDER / "pages" / "stories.toml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright_api() -> Iterator[Playwright]:
    with sync_playwright() as api:
        yield api


@pytest.fixture(scope="session")
def browser(playwright_api: Playwright) -> Iterator[Browser]:
    instance = playwright_api.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
    yield instance
    instance.close()


# Only what would leave this machine is stopped here: a request that this process must let through waits until
# the test asks the browser something, and hangs as long as a test watches nothing but the log.
ELSEWHERE = re.compile(r"^(https?|wss?|ftp)://(?!(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$))")


class Outside:
    """The requests that wanted to leave this machine, none of which got through."""

    def __init__(self) -> None:
        self.wanted: list[str] = []

    def watch(self, context: BrowserContext) -> None:
        context.route(ELSEWHERE, self._refuse)

    def _refuse(self, route: Route, request: Request) -> None:
        self.wanted.append(request.url)
        route.abort()


@pytest.fixture
def outside() -> Outside:
    """What was asked of other hosts; a test that expects some empties `wanted` itself."""
    return Outside()


@pytest.fixture
def new_context(browser: Browser, outside: Outside) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser contexts (options as for Playwright's `new_context`) that cannot leave loopback.

    The test fails at its end if anything in them tried to.
    """
    with ExitStack() as opened:

        def make(**options: object) -> BrowserContext:
            context = browser.new_context(**options)  # type: ignore[arg-type]
            opened.callback(context.close)
            outside.watch(context)
            return context

        yield make
    assert outside.wanted == [], "the page asked another host"


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """A tab of 1280 × 800."""
    return new_context(viewport={"width": 1280, "height": 800}).new_page()


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`serve(path, env={...}, shared=True)` starts a Streamlit server and gives its address.

    It has a temporary log (`UPSHIFT_DB`) and ends with the session. Asked again for the same page
    with the same environment it gives the same server, unless `shared=False`.
    """
    running: dict[object, str] = {}
    with ExitStack() as servers:

        def start(page: Path | str, env: Mapping[str, str] | None = None, *, shared: bool = True) -> str:
            wanted = (str(page), tuple(sorted((env or {}).items())))
            if shared and wanted in running:
                return running[wanted]
            folder = tmp_path_factory.mktemp("server")
            full = {"UPSHIFT_DB": str(folder / "upshift.db"), "HOME": str(folder), **(env or {})}
            serving = chromium.serving(chromium.ROOT / page, full, folder / "server.log")
            address = servers.enter_context(serving)
            if shared:
                running[wanted] = address
            return address

        yield start


@pytest.fixture(scope="session")
def site(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The app itself with the scripted provider: one server for all tests, each in a context of its own."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "script.toml").write_text(STORIES.read_text(encoding="utf-8"), encoding="utf-8")
    found = Site("", folder / "upshift.db", folder / "sent.jsonl")
    environment = {
        "UPSHIFT_PRESET": "scripted",
        "UPSHIFT_SCRIPT": str(folder / "script.toml"),
        "UPSHIFT_SCRIPT_SENT": str(found.sent),
        "UPSHIFT_DB": str(found.log),
        "UPSHIFT_UNWATCHED_S": "6",
    }
    return replace(found, address=serve("app.py", environment))


@pytest.fixture
def open_chat(new_context: Callable[..., BrowserContext], site: Site) -> Callable[..., Chat]:
    """Opens the page in a new context; options as for Playwright's `new_context`, and the path first."""

    def opened(path: str = "", **options: object) -> Chat:
        window = {"viewport": {"width": 1280, "height": 800}}
        return Chat(new_context(**{**window, **options}).new_page(), site, f"/{path}" if path else "")

    return opened
