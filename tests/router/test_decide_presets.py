"""The decision by a preset's own table: any number of tiers, and a line of its own between them."""

from __future__ import annotations

from typing import Any

import pytest

from data.policy import load_policy
from data.presets import Preset, PresetPolicy, load_preset
from data.records import Message
from router.decide import Decider
from router.heavy_share import sample_scores
from router.services import decider_for

KEYS = {"OPENAI_API_KEY": "sk", "ANTHROPIC_API_KEY": "sk"}
THREE = load_preset("posthog", KEYS)


def talk(*texts: str) -> tuple[Message, ...]:
    """A conversation: the person's message and an answer by turns, ending with the person."""
    roles = ("user", "assistant")
    return tuple(
        Message(role=roles[number % 2], content=text)  # type: ignore[arg-type]
        for number, text in enumerate(texts)
    )


def changed(preset: Preset, **changes: Any) -> Preset:
    return preset.model_copy(update=changes)


@pytest.fixture(scope="module")
def three() -> Decider:
    return decider_for(THREE)


@pytest.mark.parametrize(
    ("text", "task", "tier"),
    [
        ("translate to German: the meeting is at noon", "translate", "fast"),
        ("thanks!", "chitchat", "fast"),
        ("write a python function that merges two sorted lists", "code", "middle"),
        ("solve the integral of x^2 * exp(x) from 0 to 1 and show every step", "maths", "heavy"),
        ("plan a migration of our 40 services from one region to another in six weeks", "plan", "heavy"),
    ],
)
def test_three_tiers_have_the_tasks_that_the_table_gives_them(
    three: Decider, text: str, task: str, tier: str
) -> None:
    decision = three.decide(talk(text), tiers=THREE.tier_names)
    assert (decision.task, decision.tier) == (task, tier)


def test_task_and_tier_never_contradict_the_table(three: Decider) -> None:
    from router.prompts import read_prompts

    table = THREE.table(load_policy()) or {}
    seen = set()
    for prompt in read_prompts()[::12]:
        if len(prompt.messages) == 1:
            decision = three.decide(prompt.messages, tiers=THREE.tier_names)
            if not decision.overridden:
                assert decision.tier == table[decision.task], prompt.id
                seen.add(decision.tier)
    assert seen == {"fast", "middle", "heavy"}


def test_a_moved_task_takes_its_messages_along() -> None:
    preset = changed(load_preset("openai", KEYS), tasks={"code": "fast", "translate": "heavy"})
    decider = decider_for(preset)

    def tier_of(text: str) -> str:
        return decider.decide(talk(text), tiers=preset.tier_names).tier

    assert tier_of("write a python function that merges two sorted lists") == "fast"
    assert tier_of("translate to German: the meeting is at noon") == "heavy"
    assert tier_of("prove that the square root of 2 is irrational") == "heavy"


def test_a_complaint_goes_up_one_tier(three: Decider) -> None:
    question = "write a python function that merges two sorted lists"
    before = three.decide(talk(question), tiers=THREE.tier_names)
    after = three.decide(talk(question, "def merge(a, b): ...", "that's wrong"), tiers=THREE.tier_names)
    assert (before.tier, after.tier) == ("middle", "heavy")
    assert after.inherited


def test_a_choice_is_one_of_the_tiers(three: Decider) -> None:
    chosen = three.decide(talk("thanks!"), choice="middle", tiers=THREE.tier_names)
    assert (chosen.tier, chosen.overridden) == ("middle", True)
    with pytest.raises(ValueError, match="no tier; tiers: fast, middle, heavy"):
        three.decide(talk("thanks!"), choice="huge", tiers=THREE.tier_names)


def test_one_tier_does_everything() -> None:
    preset = load_preset("posthog", KEYS).runnable({"ANTHROPIC_API_KEY": "sk"})
    decider = decider_for(preset)
    for text in ("thanks!", "prove that the square root of 2 is irrational"):
        assert decider.decide(talk(text), tiers=preset.tier_names).tier == "heavy"


def test_without_a_table_the_decision_is_what_it_was() -> None:
    ours, plain = decider_for(load_preset("openai", KEYS)), Decider.load()
    for text in ("thanks!", "why is the sky blue", "prove it", "write a python function", "summarise: a b c"):
        left, right = ours.decide(talk(text)), plain.decide(talk(text))
        assert left.model_copy(update={"decide_ms": 0}) == right.model_copy(update={"decide_ms": 0})


def test_a_threshold_of_the_preset_moves_the_line() -> None:
    plain = load_preset("openai", KEYS)
    strict = decider_for(changed(plain, policy=PresetPolicy(threshold=0.99)))
    loose = decider_for(changed(plain, policy=PresetPolicy(threshold=0.01)))
    text = talk("compare the two laptops for me")
    assert (strict.decide(text).tier, loose.decide(text).tier) == ("fast", "heavy")


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_wanted_share_of_heavy_is_what_the_prompts_get(share: float) -> None:
    preset = changed(load_preset("openai", KEYS), policy=PresetPolicy(heavy_share=share))
    threshold = decider_for(preset).policy.threshold
    scores = sample_scores(Decider.load())
    assert abs(sum(score >= threshold for score in scores) / len(scores) - share) < 0.03
