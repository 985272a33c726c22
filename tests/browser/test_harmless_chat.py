"""Hostile texts on the real page: from the model, cut anywhere as it arrives, and from the person.

`test_harmless_markdown.py` draws each of them alone; here they come many at once, by the whole way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.chat import Chat, Site, wait_for
from tests.browser.conftest import Outside, Serve
from tests.browser.test_harmless_markdown import assert_honest
from tests.pages import hostile_texts

BATCH = 34
# A fence that one text leaves open would hide the next ones: this closes it, and starts a new paragraph.
BETWEEN = "\n\n~~~\n```\n\nword\n\n"
LONG = {
    "megabyte": "![a](https://evil.example/x.png) <b>x</b> " * 25_000,
    "nested": "".join("  " * depth + "- [ ] ![a](https://evil.example/x.png)\n" for depth in range(400)),
    "quotes": ">" * 5_000 + " ![a](https://evil.example/x.png)",
    "brackets": "[" * 20_000 + "](https://evil.example)" * 200,
    "fences": "```\n~~~\n````x\n" * 2_000 + "![a](https://evil.example/x.png)",
    "maths": "$$\\frac{" * 2_000 + "![a](https://evil.example/x.png)",
}
ALIVE = """() => {
  const turns = document.querySelector('.st-key-turns');
  const anchor = '[data-testid="stHeaderActionElements"]';
  const own = `button, .katex, ${anchor}, [data-testid^="stChatMessageAvatar"],
    [data-testid="stIconMaterial"]`;
  const wanted = `img, svg, image, iframe, video, audio, object, embed, script, style, link, form, base, meta,
    picture, source, h1, h2, h3`;
  return {
    tags: [...turns.querySelectorAll('[class*="st-key-text-"], [data-testid="stChatMessage"]')]
      .flatMap((box) => [...box.querySelectorAll(wanted)]).filter((e) => !e.closest(own))
      .map((e) => e.outerHTML.slice(0, 200)),
    links: [...turns.querySelectorAll('a')].filter((a) => !a.closest(anchor))
      .map((a) => [a.getAttribute('href'), a.textContent]),
    hurt: window.hurt ?? null,
  };
}"""


def batches() -> list[str]:
    texts = hostile_texts.ALL
    return [BETWEEN.join(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]


@pytest.fixture(scope="module")
def hostile_site(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The app, with a provider that says hostile things in pieces of seven characters."""
    folder = tmp_path_factory.mktemp("hostile")
    said = {f"say-{n}.": text for n, text in enumerate(batches())} | {
        f"say-{name}.": text for name, text in LONG.items()
    }
    lines = []
    for name, text in said.items():
        size = 7 if name[4].isdigit() else 20_000
        lines.append(
            f"[[replies]]\nmatch = {json.dumps(name)}\ntext = {toml_string(text)}\n"
            f"first_token_ms = 0\ntoken_ms = 0\npiece_chars = {size}\n"
        )
    lines.append('[[replies]]\nmatch = ""\ntext = "Still here."\nfirst_token_ms = 0\ntoken_ms = 0\n')
    (folder / "script.toml").write_text("\n".join(lines), encoding="utf-8")
    environment = {
        "UPSHIFT_PRESET": "scripted",
        "UPSHIFT_SCRIPT": str(folder / "script.toml"),
        "UPSHIFT_DB": str(folder / "upshift.db"),
    }
    return replace(Site("", folder / "upshift.db"), address=serve("app.py", environment))


def toml_string(text: str) -> str:
    """A TOML basic string: JSON's escapes, but TOML has no lone surrogates and wants DEL escaped."""
    return json.dumps(text.encode("utf-8", "replace").decode()).replace("\x7f", "\\u007f")


def nothing_alive(page: Page, outside: Outside, text: str) -> None:
    found = page.evaluate(ALIVE)
    assert found["hurt"] is None, text
    assert found["tags"] == [], text
    for href, shown in found["links"]:
        assert_honest(href, shown, text)
    assert outside.wanted == [], text


@pytest.fixture
def hostile_chat(new_context: Callable[..., BrowserContext], hostile_site: Site) -> Chat:
    return Chat(new_context(viewport={"width": 1280, "height": 800}).new_page(), hostile_site)


def has_an_answer(chat: Chat, text: str) -> None:
    """Without one there would be nothing that could do harm; what draws maths is fetched at first need."""
    turn_id = chat.asks(text)
    wait_for(lambda: chat.text(turn_id), lambda: f"no answer to {text[:200]}: {chat.page_text[-500:]}")


def answers_still(chat: Chat) -> None:
    chat.shows(chat.asks("Are you there?"), "Still here.")


def test_a_models_text_cut_anywhere_loads_runs_and_links_nothing(
    hostile_chat: Chat, outside: Outside
) -> None:
    for number in range(len(batches())):
        has_an_answer(hostile_chat, f"Please say-{number}.")
        nothing_alive(hostile_chat.page, outside, f"batch {number}")
    answers_still(hostile_chat)


def test_a_persons_own_text_loads_runs_and_links_nothing(hostile_chat: Chat, outside: Outside) -> None:
    for text in batches():
        has_an_answer(hostile_chat, text)
        nothing_alive(hostile_chat.page, outside, text[:200])
    answers_still(hostile_chat)


@pytest.mark.parametrize("name", sorted(LONG))
def test_a_text_that_is_far_too_much_leaves_the_page_alive(
    hostile_chat: Chat, outside: Outside, name: str
) -> None:
    has_an_answer(hostile_chat, f"Please say-{name}.")
    nothing_alive(hostile_chat.page, outside, name)
    answers_still(hostile_chat)
