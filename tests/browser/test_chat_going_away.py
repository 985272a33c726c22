"""Stop, reload, a second tab, another person, a closed tab: an answer outlives the page, not its readers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.chat import Chat, Site, wait_for

Open = Callable[..., Chat]


def numbers(text: str, name: str) -> list[int]:
    return [int(number) for number in re.findall(rf"{name}(\d+)", text)]


def test_stop_keeps_the_text_frees_the_model_and_is_logged(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    chat.types("Tell a story-endless.")
    turn_id = chat.began([])
    chat.shows(turn_id, "endless3")

    chat.stop_button.click()
    chat.part("stopped", turn_id).wait_for()

    kept = numbers(chat.text(turn_id), "endless")
    assert kept == list(range(1, len(kept) + 1)), "no word lost"
    assert 3 <= len(kept) < 1200
    expect(chat.stop_button).to_have_count(0)
    assert "The text so far is kept." in chat.part("stopped", turn_id).inner_text()
    row = site.turn(turn_id, lambda found: found["client_done_ms"] is not None)
    assert row["status"] == "stopped"
    assert row["done_ms"] is None
    assert row["output_chars"] >= len("endless1 endless2 endless3")
    _no_more_is_sent(site, "endless")
    assert chat.asks("Tell a story-short.") != turn_id, "the page goes on"


def _no_more_is_sent(site: Site, name: str) -> None:
    """The provider noticed that the connection is closed: it stops writing long before its end."""
    time.sleep(1)  # a word or two may be on their way
    before = len(numbers(" ".join(site.words_sent()), name))
    time.sleep(1.5)
    assert len(numbers(" ".join(site.words_sent()), name)) == before


def test_stop_by_keyboard_before_the_first_word(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    chat.types("Tell a story-silent.")
    chat.stop_button.wait_for()

    chat.stop_button.focus()
    chat.page.keyboard.press("Enter")
    turn_id = chat.ended()

    assert chat.part("stopped", turn_id).is_visible()
    assert chat.text(turn_id) == "" if chat.part("text", turn_id).count() else True
    assert site.turn(turn_id, lambda found: found["status"] != "open")["status"] == "stopped"


def test_a_reload_in_mid_answer_finds_it_and_it_goes_on(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    chat.types("Tell a story-slow.")
    turn_id = chat.began([])
    chat.shows(turn_id, "slow3")
    wait_for(lambda: "?c=" in chat.page.url, lambda: chat.page.url)

    chat.reload()

    chat.shows(turn_id, "slow3")
    expect(chat.stop_button).to_be_visible()
    chat.part("done", turn_id).wait_for()
    words = numbers(chat.text(turn_id), "slow")
    assert words == list(range(1, 81)), "whole, in order, nothing twice"
    row = site.turn(turn_id, lambda found: found["status"] != "open")
    assert row["status"] == "ok"
    assert len(site.rows("SELECT 1 FROM turns WHERE conversation_id = ?", row["conversation_id"])) == 1


def test_a_second_tab_follows_along(open_chat: Open) -> None:
    first = open_chat()
    first.types("Tell a story-slow.")
    turn_id = first.began([])
    first.shows(turn_id, "slow2")
    wait_for(lambda: "?c=" in first.page.url, lambda: first.page.url)

    second = open_chat(first.page.url.split("/")[-1])

    second.shows(turn_id, "slow2")
    assert second.stop_button.is_visible(), "it follows the answer while it is written"
    for tab in (first, second):
        tab.part("done", turn_id).wait_for()
    assert second.text(turn_id) == first.text(turn_id)
    assert "slow80" in second.text(turn_id)


def test_two_people_at_once_never_see_each_others_text(
    site: Site, new_context: Callable[..., BrowserContext]
) -> None:
    ada, bob = (Chat(new_context().new_page(), site) for _ in range(2))

    ada.types("Tell a story-slow. I am Ada.")
    bob.types("Tell a story-other. I am Bob.")
    hers, his = ada.began([]), bob.began([])
    ada.part("done", hers).wait_for()
    bob.part("done", his).wait_for()

    assert "slow80" in ada.text(hers)
    assert "other40" in bob.text(his)
    for chat, foreign in ((ada, ("Bob", "other")), (bob, ("Ada", "slow"))):
        assert not [word for word in foreign if word in chat.page_text]
    assert ada.turn_ids == [hers]
    assert bob.turn_ids == [his]


def test_an_answer_that_nobody_watches_is_stopped_and_logged_as_abandoned(
    open_chat: Open, site: Site
) -> None:
    """Each page that looks at an answer does so in a loop of its own script run. One that stayed behind
    after a reload would count as a watcher for ever, and the answer would run on to its end."""
    chat = open_chat()
    chat.types("Tell a story-unwatched.")
    turn_id = chat.began([])
    chat.shows(turn_id, "unwatched2")
    wait_for(lambda: "?c=" in chat.page.url, lambda: chat.page.url)
    for _ in range(2):
        chat.reload()
        chat.shows(turn_id, "unwatched2")

    chat.page.close()

    row = site.turn(turn_id, lambda found: found["status"] != "open")
    assert row["status"] == "abandoned"
    [mark] = site.rows("SELECT attrs FROM marks WHERE turn_id = ? AND name = 'Stopped'", turn_id)
    assert "abandoned" in mark["attrs"]
    assert row["client_first_content_ms"] is not None, "what was measured until then is not lost"
    assert row["client_done_ms"] is None
    assert row["left_ms"] < row["ended_ms"] - 5000, "from the leaving on, nobody was there for six seconds"
    _no_more_is_sent(site, "unwatched")


def test_a_new_message_in_mid_answer_stops_the_old_one(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    chat.types("Tell a story-endless.")
    first = chat.began([])
    chat.shows(first, "endless3")

    second = chat.asks("Tell a story-short.")

    assert chat.part("stopped", first).is_visible()
    assert "endless3" in chat.text(first)
    assert "short" in chat.text(second)
    assert site.turn(first, lambda found: found["status"] != "open")["status"] == "stopped"
    assert chat.turn_ids == [first, second]
