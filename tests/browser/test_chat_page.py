"""The page itself: narrow, by keyboard alone, heard, dark, still, quiet, and safe from what a model says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chat import PATIENCE_S, Chat, Site, wait_for
from tests.browser.conftest import Outside

Open = Callable[..., Chat]
NARROW = {"viewport": {"width": 390, "height": 844}}
# Everything that can be pressed and is in view, not behind another thing, with its box in CSS pixels.
TARGETS = """() => [...document.querySelectorAll('button, a[href], textarea, [role=button], input')]
  .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.disabled)
  .map((e) => [e, (e.closest("label, [data-baseweb=textarea]") ?? e).getBoundingClientRect()])
  .filter(([e, box]) => {
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return hit && (e.contains(hit) || hit.contains(e));
  })
  .map(([e, box]) => [e.ariaLabel || e.innerText, box.x, box.y, box.width, box.height])"""
# Text and the colour that it really stands on, after every half-transparent layer, by WCAG 2.2's formula.
CONTRASTS = """(selectors) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  for (const selector of selectors) for (const e of document.querySelectorAll(selector)) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({ visibilityProperty: true })) continue;
    const below = ground(e);
    let opacity = 1;
    for (let at = e; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
    const colour = rgba(getComputedStyle(e).color);
    const text = over([...colour.slice(0, 3), colour[3] * opacity], below);
    const [a, b] = [light(text), light(below)].sort((x, y) => y - x);
    found.push([e.textContent.trim().slice(0, 60), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""
FOCUSED = """() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  const key = e.closest('[class*="st-key-"]')?.className.match(/st-key-[\\w-]+/)?.[0] ?? "";
  return [e.tagName, key, (e.getAttribute("aria-label") || e.innerText || "").trim()];
}"""


def no_sideways_scroll(chat: Chat) -> None:
    widths = chat.page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".map((e) => e.scrollWidth - e.clientWidth)"
    )
    assert widths == [0, 0], f"the page scrolls sideways by {widths} px"


def large_enough(chat: Chat) -> None:
    """WCAG 2.2, 2.5.8: 24 px, or so far from all others that a circle of 24 px touches none of them."""
    targets = chat.page.evaluate(TARGETS)
    small = [found for found in targets if min(found[3:]) < 24]
    crowded = [(a[0], b[0]) for a in small for b in targets if a is not b and _distance(a, b) < 12]
    assert crowded == []
    assert len(targets) > 3, "there was something to measure"
    assert [found for found in small if min(found[3:]) < 16] == []


def _distance(small: list[float], other: list[float]) -> float:
    """From the middle of one target to the nearest point of another, in pixels."""
    middle_x, middle_y = small[1] + small[3] / 2, small[2] + small[4] / 2
    beside = max(other[1] - middle_x, 0, middle_x - other[1] - other[3])
    above = max(other[2] - middle_y, 0, middle_y - other[2] - other[4])
    return float((beside**2 + above**2) ** 0.5)


def in_view(chat: Chat, selector: str) -> None:
    box = chat.page.locator(selector).bounding_box()
    size = chat.page.viewport_size
    assert box
    assert size
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]


def test_on_a_phone_everything_fits_and_can_be_pressed(open_chat: Open) -> None:
    chat = open_chat(**NARROW)
    no_sideways_scroll(chat)
    large_enough(chat)
    in_view(chat, ".st-key-chat textarea")

    chat.types("Tell a story-wide.")
    first = chat.ended()
    no_sideways_scroll(chat)
    large_enough(chat)

    chat.types("Tell a story-endless.")
    turn_id = chat.began([first])
    chat.shows(turn_id, "endless3")
    no_sideways_scroll(chat)
    in_view(chat, ".st-key-chat textarea")
    in_view(chat, ".st-key-stop button")
    large_enough(chat)
    chat.stop_button.click()
    chat.part("stopped", turn_id).wait_for()


def tab_to(chat: Chat, found: Callable[[list[str]], bool], most: int = 40, key: str = "Tab") -> list[str]:
    """Press Tab until what has the focus is what is looked for."""
    passed = []
    for _ in range(most):
        chat.page.keyboard.press(key)
        focused = chat.page.evaluate(FOCUSED)
        passed.append(focused[1:])
        if found(focused):
            return list(focused)
    raise AssertionError(f"Tab never came there; it came to {passed}")


def test_by_keyboard_alone_to_suggestions_input_badge_and_sources(open_chat: Open) -> None:
    chat = open_chat()
    chat.page.evaluate("document.activeElement.blur()")
    tab_to(chat, lambda at: at[1].startswith("st-key-suggestion-"))
    tab_to(chat, lambda at: at[0] == "TEXTAREA")

    chat.page.keyboard.type("How long is the text of my messages kept in the log?")
    chat.page.keyboard.press("Enter")
    turn_id = chat.ended()
    assert chat.page.evaluate(FOCUSED)[0] == "TEXTAREA", "one can type on at once"

    tab_to(chat, lambda at: "· Scripted" in at[2], key="Shift+Tab")
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_text("What happened")).to_be_visible()
    chat.page.keyboard.press("Escape")
    expect(chat.page.get_by_text("What happened")).to_be_hidden()
    tab_to(chat, lambda at: bool(re.search(r"\d sources?( consulted|: \d)", at[2])))
    chat.page.keyboard.press("Enter")
    expect(
        chat.page.get_by_text(re.compile(r"quoted in the answer|only consulted|matched by")).first
    ).to_be_visible()
    assert chat.turn_ids == [turn_id], "nothing was sent by looking"


def test_a_suggestion_hands_the_focus_to_the_input(open_chat: Open) -> None:
    chat = open_chat()
    chat.suggestion("translate").focus()

    chat.page.keyboard.press("Space")
    chat.ended()

    assert chat.page.evaluate(FOCUSED)[0] == "TEXTAREA"


def test_a_screen_reader_hears_the_beginning_and_the_end_and_buttons_have_names(open_chat: Open) -> None:
    chat = open_chat()
    chat.page.evaluate(
        """() => {
          window.said = [];
          const host = document.querySelector(".st-key-probe [data-testid=stBidiComponentIsolated]");
          const line = host.shadowRoot.querySelector("[role=status]");
          const heard = new MutationObserver(() => window.said.push(line.textContent));
          heard.observe(line, {childList: true, subtree: true});
        }"""
    )
    chat.types("Tell a story-endless.")
    turn_id = chat.began([])
    chat.shows(turn_id, "endless3")
    assert chat.page.get_by_role("button", name="Stop").is_visible()
    chat.stop_button.click()
    chat.part("stopped", turn_id).wait_for()
    chat.asks("Tell a story-short.")

    expect(chat.status_line).to_have_text("Answer complete")
    said = [text for text in chat.page.evaluate("window.said") if text]
    assert said == ["Writing an answer", "Answer stopped", "Writing an answer", "Answer complete"]
    assert chat.page.get_by_role("button", name="New conversation").is_visible()
    assert chat.page.get_by_role("textbox", name="Ask about Upshift").is_visible()
    unnamed = chat.page.evaluate(
        "() => [...document.querySelectorAll('button, [role=button], textarea, input, a[href]')]"
        ".filter((e) => e.checkVisibility() && !(e.getAttribute('aria-label') || e.innerText.trim()"
        " || e.getAttribute('aria-labelledby') || e.labels?.length || e.placeholder || e.title))"
        ".map((e) => e.outerHTML.slice(0, 200))"
    )
    assert unnamed == []


def test_an_image_in_the_models_text_is_never_fetched_and_shows_as_a_label(
    open_chat: Open, outside: Outside
) -> None:
    chat = open_chat()
    wanted: list[str] = []

    def note(route: Route) -> None:
        wanted.append(route.request.url)
        route.abort()

    chat.page.route(re.compile("pixel"), note)

    turn_id = chat.asks("Tell a story-images.")
    chat.page.wait_for_timeout(300)

    answer = chat.part("text", turn_id)
    assert "the end of the images" in answer.inner_text()
    assert wanted == []
    assert outside.wanted == []
    assert answer.locator("img, picture, video, audio, iframe, object, embed, svg image").count() == 0
    assert "a dot" in answer.inner_text(), "what the picture was said to show can be read"
    assert "http" not in " ".join(
        answer.locator("[style]").evaluate_all("all => all.map(e => e.style.cssText)")
    )


def test_raw_html_stays_text(open_chat: Open) -> None:
    chat = open_chat()

    turn_id = chat.asks("Tell a story-html.")

    answer = chat.part("text", turn_id)
    assert "<b>bold</b>" in answer.inner_text()
    assert "<script>window.hacked = 1</script>" in answer.inner_text()
    assert answer.locator("b, script, style, form, button, details").count() == 0
    assert chat.page.evaluate("window.hacked") is None
    links = answer.locator("a").evaluate_all("all => all.map(e => e.getAttribute('href'))")
    assert [link for link in links if not re.match(r"https?:|mailto:", link or "")] == []


BODY = [
    ".st-key-turns p",
    ".st-key-turns li",
    ".st-key-empty-state p",
    ".st-key-empty-state h3",
    ".st-key-footer p",
    ".st-key-header h4",
    ".st-key-turns button p",
    ".st-key-followups p",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_themes(open_chat: Open, scheme: str) -> None:
    chat = open_chat(color_scheme=scheme)
    measured = chat.page.evaluate(CONTRASTS, BODY)
    turn_id = chat.asks("How long is the text of my messages kept in the log?")
    chat.part("done", turn_id).locator("button").first.wait_for()
    measured += chat.page.evaluate(CONTRASTS, BODY)
    assert chat.asks("Tell a story-broken.")
    measured += chat.page.evaluate(CONTRASTS, [*BODY, "[role=alert] p"])

    assert len(measured) > 15, "there was something to measure"
    assert [found for found in measured if found[1] < 4.5] == []
    ground = chat.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    red = int(re.findall(r"\d+", ground)[0])
    assert (red < 80) if scheme == "dark" else (red > 180), ground


def test_with_reduced_motion_nothing_of_ours_moves(open_chat: Open) -> None:
    chat = open_chat(reduced_motion="reduce")
    chat.types("Tell a story-endless.")
    turn_id = chat.began([])
    chat.shows(turn_id, "endless3")

    moving = chat.page.evaluate(
        """() => document.getAnimations().filter((a) => a.playState === "running"
             && (a.effect?.getComputedTiming().iterations === Infinity))
             .map((a) => a.animationName + " " + a.effect.target?.outerHTML.slice(0, 160))"""
    )
    chat.stop_button.click()
    chat.part("stopped", turn_id).wait_for()

    assert moving == []


def test_a_megabyte_in_the_input_is_refused_kept_and_harms_nothing(open_chat: Open, site: Site) -> None:
    chat = open_chat()
    text = "word " * 200_000
    chat.input.evaluate(
        """(area, text) => {
          Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
          area.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        text,
    )

    chat.input.press("Enter")

    alert = chat.page.get_by_role("alert")
    expect(alert).to_contain_text("1,000,000 characters", timeout=PATIENCE_S * 1000)
    expect(alert).to_contain_text("It is still in the box")
    wait_for(lambda: len(chat.input.input_value()) >= len(text.rstrip()), lambda: "the text is gone")
    assert chat.turn_ids == []
    chat.input.fill("Tell a story-short.")
    chat.input.press("Enter")
    turn_id = chat.ended()
    assert "short" in chat.text(turn_id)
    assert "characters; at most" not in chat.page_text, "the notice is gone"


def test_the_console_stays_quiet_over_a_whole_conversation(open_chat: Open) -> None:
    chat = open_chat()
    chat.suggestion("translate").click()
    first = chat.ended()
    second = chat.asks("Tell a story-short.")
    chat.reload()
    chat.part("done", second).wait_for()
    chat.page.get_by_role("button", name="New conversation").click()
    chat.page.locator(".st-key-empty-state").wait_for()

    assert first != second
    assert chat.console == []


def test_follow_ups_go_at_the_press_and_come_back_with_the_answer(open_chat: Open) -> None:
    chat = open_chat()
    chat.asks("Tell a story-short.")
    follow_ups = chat.page.locator(".st-key-followups button")
    expect(follow_ups.first).to_be_visible()

    chat.types("Tell a story-endless.")
    turn_id = chat.began(chat.turn_ids[:1])
    chat.shows(turn_id, "endless3")
    assert [button for button in follow_ups.all() if button.is_visible()] == []

    chat.stop_button.click()
    expect(follow_ups.first).to_be_visible(timeout=PATIENCE_S * 1000)


def test_in_a_long_conversation_a_new_message_leaves_the_other_messages_alone(open_chat: Open) -> None:
    """The first one shown goes; what stays on the page is not drawn again, which would delay the words."""
    chat = open_chat()
    for number in range(10):
        chat.asks(f"Message number {number}.")
    first, *stay = chat.turn_ids
    for turn_id in stay:
        chat.part("answer", turn_id).evaluate("(answer, id) => answer.dataset.of = id", turn_id)

    chat.asks("One more message.")

    assert chat.turn_ids[:-1] == stay, "the oldest is behind the button, the others are there"
    for turn_id in stay:
        expect(chat.part("answer", turn_id)).to_have_attribute("data-of", turn_id)
    expect(chat.part("text", first)).to_have_count(0)


def test_nothing_above_moves_when_an_answer_ends(open_chat: Open) -> None:
    chat = open_chat()
    first = chat.asks("Tell a story-short.")
    chat.types("Tell a story-slow.")
    turn_id = chat.began([first])
    chat.shows(turn_id, "slow25")  # Streamlit sets a single line a little lower, beside the icon
    top = "e => [e, document.querySelector('.st-key-turns')].map((e) => e.getBoundingClientRect().top)"

    text = chat.part("text", turn_id).locator("p").first
    before = text.evaluate(top)
    chat.part("done", turn_id).wait_for()
    after = text.evaluate(top)

    assert abs((after[0] - after[1]) - (before[0] - before[1])) < 1
