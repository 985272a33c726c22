"""The page's settings: which models answer, what they cost, what is missing, and switching to others.

Closed, it is one button: what is in it is drawn only while it is open. Also here: whether a page may
send text to where the current models are, which it may only after somebody on that page said so.
"""

from __future__ import annotations

import streamlit as st

from components.safe_markdown import plain
from data.config import ConfigError
from data.events import Routed
from data.presets import Preset, load_preset, preset_names
from router import own_weights
from router.conversations import Conversation
from router.prices import LOCAL, price_of
from router.runtime import Runtime

AGREED = "agreed_preset"


def draw(runtime: Runtime) -> None:
    """The button, and behind it the settings."""
    popover = st.popover("Models", type="tertiary", icon=":material/tune:", key="settings", on_change="rerun")
    if popover.open:
        with popover, st.container(key="settings-panel"):
            _panel(runtime)
            st.markdown("[How long people wait](latency) · [Studies](studies)")


def _panel(runtime: Runtime) -> None:
    preset, left_out = runtime.preset, runtime.services.left_out
    st.markdown(f"**{plain(preset.title)}**  \n{plain(preset.where)}")
    st.markdown(
        "\n".join([*_models(runtime, preset), *(_missing(tier.tier, tier.missing()) for tier in left_out)])
    )
    st.caption(f"The router's {plain(own_weights.describe())}")
    if runtime.preset_locked:
        st.caption("Set by whoever runs this page: the models cannot be switched here.")
        return
    st.caption("For everybody on this server, from the next message on:")
    chosen = st.selectbox(
        "Other models", _offered(preset), index=None, key="preset-choice", format_func=_title
    )
    if chosen is not None and chosen != preset.name:
        _offer(runtime, load_preset(chosen))


def _offer(runtime: Runtime, other: Preset) -> None:
    """What another preset is, and the click that takes it."""
    runnable = other.runnable()
    missing = [_missing(tier.tier, names) for tier in other.tiers if (names := tier.missing())]
    st.markdown(
        "\n".join([*_models(runtime, runnable), *missing])
        if runnable is not other or not missing
        else "\n".join(missing)
    )
    if runnable.tiers[0].missing():
        return
    if other.stays_here():
        label = f"Use {plain(other.title)}"
        st.caption(plain(other.where))
    else:
        label = "Agree and switch"
        st.warning(f"{will_be_sent(other)} So will what was said in this conversation.")
    st.button(label, key="preset-switch", type="primary", on_click=_switch, args=(runtime, other.name))


def _switch(runtime: Runtime, name: str) -> None:
    try:
        runtime.switch(name)
    except ConfigError as error:
        st.session_state["notice"] = plain(str(error))
        return
    st.session_state[AGREED] = name
    st.session_state["preset-choice"] = None


def will_be_sent(preset: Preset) -> str:
    """Where the text will go, as a sentence about what is to come."""
    return plain(preset.where.replace("is sent", "will be sent", 1))


def must_agree(runtime: Runtime, conversation: Conversation | None) -> bool:
    """Whether this page may send nothing yet: its text would go elsewhere than whoever reads it knows.

    A page has agreed to the models that it opened with; not so if the conversation that it opened was
    held with others, or if someone else on this server switched since.
    """
    preset = runtime.preset
    if preset.stays_here():
        st.session_state[AGREED] = preset.name  # what is written now is not meant for anybody else later
        return False
    if AGREED not in st.session_state:
        held_with = presets_of(conversation) if conversation else set()
        st.session_state[AGREED] = preset.name if held_with <= {preset.name} else None
    return bool(st.session_state[AGREED] != preset.name)


def presets_of(conversation: Conversation) -> set[str]:
    """The presets that a conversation's messages went to."""
    events = (event for running in conversation.turns for event in running.events())
    return {event.preset for event in events if isinstance(event, Routed)}


def ask_to_agree(runtime: Runtime) -> None:
    """Say where the text would go now, with the click that allows it."""
    with st.container(key="agree-notice"):
        st.warning(
            f"Other models answer now: {plain(runtime.preset.title)}. {will_be_sent(runtime.preset)} "
            "So will what was said in this conversation.",
            icon=":material/info:",
        )
        st.button("Agree and go on", key="agree", on_click=_agree, args=(runtime.preset.name,))


def _agree(name: str) -> None:
    st.session_state[AGREED] = name


def _offered(current: Preset) -> list[str]:
    """The presets to switch to; the scripted one is for tests."""
    return [name for name in preset_names() if name not in (current.name, "scripted")]


def _title(name: str) -> str:
    return load_preset(name).title


def _models(runtime: Runtime, preset: Preset) -> list[str]:
    return [
        f"- {plain(tier.tier)}: {plain(tier.label)} · {_price(runtime, preset, tier.tier)}"
        for tier in preset.tiers
    ]


def _price(runtime: Runtime, preset: Preset, tier: str) -> str:
    litellm = runtime.services.gateway.litellm
    price = price_of(litellm, preset.tier(tier))
    if price is not None and price.source == LOCAL:
        return "no price per token"
    if price is None:
        return "price not known" if litellm.ready else "price not loaded yet"
    return plain(f"${price.input_usd:.2f} read, ${price.output_usd:.2f} written, per million tokens")


def _missing(tier: str, names: tuple[str, ...]) -> str:
    wanted = " and ".join(names)
    return f"- {plain(tier)}: not available; set {plain(wanted)} and start Upshift again"
