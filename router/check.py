"""`python -m router check`: one small real call to each model of a preset, before an audience makes it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from data.config import ConfigError
from data.presets import Preset, TierModel, load_preset
from data.records import Message
from router.backends import Backend, backend_for
from router.call import Call
from router.cancel import Cancel
from router.errors import ModelError
from router.gateway import Gateway
from router.litellm_client import Litellm
from router.prices import LOCAL, price_of

QUESTION = "Reply with one word: ready"
# Enough for a model that thinks before it answers, and still less than a cent.
OUTPUT_TOKENS = 400
SHOWN_CHARACTERS = 60
WAIT_STEP_S = 0.5

Say = Callable[[str], None]


def main(argv: list[str], say: Say | None = None) -> int:
    """Check a preset. 0 if every model answered, 1 if one did not, 2 for wrong use or a wrong setting."""
    parser = argparse.ArgumentParser(
        prog="python -m router check",
        description="Make one small real call to each model of a preset. A hosted model's call costs money: "
        "far less than a cent.",
    )
    parser.add_argument("--preset", help="a preset's name or file; without it UPSHIFT_PRESET, else local")
    try:
        chosen = parser.parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    told = say or _print
    try:
        preset = load_preset(chosen.preset)
    except ConfigError as error:
        told(str(error))
        return 2
    told(f"{preset.title}. {preset.where}")
    return 0 if check(preset, told) else 1


def check(preset: Preset, say: Say, litellm: Litellm | None = None) -> bool:
    """Ask each model once and say what came of it; whether all answered."""
    backend = backend_for(preset)
    gateway = Gateway(litellm or Litellm())
    gateway.litellm.start()
    backend.start()
    try:
        failed = [model for model in preset.tiers if not _check_one(model, backend, gateway, say)]
        return not failed
    finally:
        backend.close()
        gateway.litellm.close()


def _check_one(model: TierModel, backend: Backend, gateway: Gateway, say: Say) -> bool:
    say(f"{model.tier}: {model.label} ({model.model_name})")
    try:
        _wait(model, backend, say)
        call = Call(
            target=backend.target(model.tier),
            messages=(Message(role="user", content=QUESTION),),
            turn_id="check",
            attempt=0,
            role="primary",
            received_s=time.perf_counter(),
            output_tokens=min(OUTPUT_TOKENS, model.max_output_tokens),
        )
        gateway.litellm.module()  # its import is not the model's time
        call.received_s = time.perf_counter()
        text = "".join(piece.text for piece in gateway.stream(call, Cancel())).strip()
        if not text:
            raise ModelError("EmptyAnswer", f"{model.label} gave an empty answer. Run the check again.")
    except ModelError as error:
        say(f"  failed: {error.message}")
        return False
    shown = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    say(f'  ok: "{" ".join(shown.split())}"')
    say(f"  {_measured(call)}; {_price(model, call, gateway.litellm)}")
    return True


def _wait(model: TierModel, backend: Backend, say: Say) -> None:
    """Wait until the model can be asked, saying once what for. Raises ModelError when it never can."""
    said = ""
    while (waiting := backend.wait(model.tier, WAIT_STEP_S)) is not None:
        if waiting.reason != said:
            mb = f" ({waiting.total_bytes / 1e6:,.0f} MB)" if waiting.total_bytes else ""
            say(f"  waiting: {waiting.reason}{mb}")
        said = waiting.reason


def _measured(call: Call) -> str:
    generation = call.generation()
    first_s = (generation.first_content_ms or 0) / 1000
    tokens = "tokens not reported"
    if generation.input_tokens is not None and generation.output_tokens is not None:
        tokens = f"{generation.input_tokens} tokens read, {generation.output_tokens} written"
    return f"first words {first_s:.2f} s, done {generation.operation_duration_s or 0:.2f} s; {tokens}"


def _price(model: TierModel, call: Call, litellm: Litellm) -> str:
    price = price_of(litellm, model)
    if price is None:
        return "price not known"
    if price.source == LOCAL:
        return "no price: it runs on a machine of yours"
    cost = "cost not known" if call.cost_usd is None else f"${call.cost_usd:.6f}"
    rates = f"${price.input_usd:.2f} read and ${price.output_usd:.2f} written per million tokens"
    return f"{cost} ({rates}, list price by {price.source})"


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
