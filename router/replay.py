"""`python -m router replay`: what another policy, threshold or preset would have made of the logged turns.

Nothing is asked and nothing is changed: turns whose text the log still keeps are decided again, and
the share of heavy calls, the cost and the time are set beside what the log measured.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

from data.config import ConfigError
from data.logged_turns import LoggedTurn, read_turns
from data.paths import log_path
from data.policy import Policy, load_policy
from data.presets import Preset, PresetPolicy, TierModel, load_preset
from data.records import Purpose
from data.store import LogUnavailable
from router.decide import Decider
from router.prices import price_of
from router.replay_estimates import METHOD, Estimate, Measured
from router.services import decider_for


@dataclass(frozen=True)
class Setting:
    """A preset with the decider that its policy gives."""

    preset: Preset
    decider: Decider

    @classmethod
    def of(cls, preset: Preset, policy: Policy | None = None) -> Setting:
        """With a policy other than the one that ships, if given. Raises ConfigError."""
        return cls(preset, decider_for(preset, policy))

    def tier(self, turn: LoggedTurn) -> str:
        """Where the turn would go; a person's own choice stays as it was."""
        assert turn.messages is not None
        tiers = self.preset.tier_names
        choice = turn.tier if turn.overridden and turn.tier in tiers else None
        return self.decider.decide(turn.messages, choice=choice, tiers=tiers).tier


def replay(turns: Sequence[LoggedTurn], now: Setting, then: Setting, measured: Measured) -> dict[str, Any]:
    """The figures: as logged, as the settings of today decide, as the other ones would."""
    kept = [turn for turn in turns if turn.messages is not None]
    today = [now.tier(turn) for turn in kept]
    other = [then.tier(turn) for turn in kept]
    pairs = [(measured.estimate(t, then.preset.tier(tier)), t) for t, tier in zip(kept, other, strict=True)]
    return {
        "turns": len(turns),
        "decided_again": len(kept),
        "text_gone": len(turns) - len(kept),
        "chosen_by_a_person": sum(turn.overridden for turn in kept),
        "presets_logged": dict(Counter(turn.preset or "?" for turn in kept)),
        "logged": _shares([turn.tier for turn in kept], None),
        "today": {"preset": now.preset.name} | _shares(today, now.preset),
        "then": {"preset": then.preset.name} | _shares(other, then.preset),
        "changed": [
            {"turn_id": turn.turn_id, "task": turn.task, "from": turn.tier, "to": tier}
            for turn, tier in zip(kept, other, strict=True)
            if tier != turn.tier
        ],
        "time": _time(pairs),
        "cost": _cost(pairs),
        "models_measured": measured.by_model(),
        "method": METHOD,
    }


def _shares(tiers: Sequence[str], preset: Preset | None) -> dict[str, Any]:
    """Turns of each tier, and the share of the heaviest one."""
    counted = Counter(tiers)
    heaviest = preset.tier_names[-1] if preset else "heavy"
    names = preset.tier_names if preset else sorted(counted)
    share = round(counted[heaviest] / len(tiers), 4) if tiers else None
    return {"tiers": {name: counted[name] for name in names}, "heavy_share": share}


def _time(pairs: Sequence[tuple[Estimate, LoggedTurn]]) -> dict[str, Any]:
    """Time to done before and after, over the turns that have both."""
    both = [(turn.done_ms, one.done_ms) for one, turn in pairs if turn.done_ms and one.done_ms]
    return {
        "n": len(both),
        "by": dict(Counter(one.time_by for one, _ in pairs)),
        "mean_before_ms": _mean([before for before, _ in both]),
        "mean_after_ms": _mean([after for _, after in both]),
        "p50_before_ms": round(statistics.median(b for b, _ in both), 1) if both else None,
        "p50_after_ms": round(statistics.median(a for _, a in both), 1) if both else None,
    }


def _cost(pairs: Sequence[tuple[Estimate, LoggedTurn]]) -> dict[str, Any]:
    """US dollars before and after, over the turns that have both."""
    both = [
        (turn.cost_usd, one.cost_usd)
        for one, turn in pairs
        if turn.cost_usd is not None and one.cost_usd is not None
    ]
    return {
        "n": len(both),
        "by": dict(Counter(one.cost_by for one, _ in pairs)),
        "before_usd": round(sum(before for before, _ in both), 6),
        "after_usd": round(sum(after for _, after in both), 6),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 1) if values else None


def as_text(found: dict[str, Any]) -> str:
    """The report."""
    lines = [
        f"{found['turns']} turns in the log, {found['decided_again']} decided again; of {found['text_gone']} "
        "the text (or that of the conversation before) is gone or was never kept.",
        f"{found['chosen_by_a_person']} of them were a person's own choice and stay as they were.",
        "",
        f"share of heavy calls: {_percent(found['logged'])} as logged, "
        f"{_percent(found['today'])} as decided today ({found['today']['preset']}), "
        f"{_percent(found['then'])} then ({found['then']['preset']})",
    ]
    for name in ("logged", "today", "then"):
        tiers = ", ".join(f"{tier} {n}" for tier, n in found[name]["tiers"].items())
        lines.append(f"  {name:7} {tiers}")
    moves = Counter((one["from"], one["to"]) for one in found["changed"])
    moved = ", ".join(f"{a} → {b}: {n}" for (a, b), n in moves.most_common())
    lines.append(f"turns that would change: {len(found['changed'])}{f' ({moved})' if moved else ''}")
    lines += ["", _time_line(found), _cost_line(found), "", "How this was estimated: " + found["method"]]
    models = ", ".join(
        f"{name} {one['done_p50_ms'] / 1000:.1f} s (n={one['n']})"
        for name, one in found["models_measured"].items()
    )
    lines.append(f"Measured, median time to done: {models or 'nothing yet'}.")
    return "\n".join(lines)


def _time_line(found: dict[str, Any]) -> str:
    time = found["time"]
    if not time["n"]:
        return "time to done: no turn has a measured time for both sides"
    return (
        f"time to done: mean {time['mean_before_ms'] / 1000:.1f} → {time['mean_after_ms'] / 1000:.1f} s, "
        f"median {time['p50_before_ms'] / 1000:.1f} → {time['p50_after_ms'] / 1000:.1f} s "
        f"(n={time['n']}; {_by(time['by'])})"
    )


def _cost_line(found: dict[str, Any]) -> str:
    cost = found["cost"]
    if not cost["n"]:
        return "cost: not known for both sides of any turn"
    return (
        f"cost: {cost['before_usd']:.4f} → {cost['after_usd']:.4f} US dollars "
        f"(n={cost['n']}; {_by(cost['by'])})"
    )


def _by(counts: dict[str, int]) -> str:
    words = {
        "own": "as measured",
        "task": "by the model's turns of that task",
        "model": "by all the model's turns",
        "price": "by list price",
        "none": "not known",
    }
    return ", ".join(f"{n} {words[by]}" for by, n in counts.items())


def _percent(shares: dict[str, Any]) -> str:
    return "–" if shares["heavy_share"] is None else f"{shares['heavy_share']:.0%}"


@functools.cache
def _list_price(model: TierModel) -> tuple[float, float] | None:
    """US dollars per million tokens; imports litellm (seconds) for a provider's model."""
    from router.litellm_client import Litellm

    litellm = Litellm()
    if not model.weights:
        litellm.module()
    found = price_of(litellm, model)
    return None if found is None else (found.input_usd, found.output_usd)


def settings(options: argparse.Namespace) -> tuple[Setting, Setting]:
    """Those of today, and those that the options ask for. Raises ConfigError."""
    today = load_preset()
    preset = load_preset(options.preset) if options.preset else today
    if options.threshold is not None or options.heavy_share is not None:
        policy = PresetPolicy(threshold=options.threshold, heavy_share=options.heavy_share)
        preset = preset.model_copy(update={"policy": policy})
    return Setting.of(today), Setting.of(preset, load_policy(options.policy) if options.policy else None)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return number


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-22") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router replay", description=__doc__)
    parser.add_argument("--policy", type=Path, metavar="FILE", help="another policy.toml")
    line = parser.add_mutually_exclusive_group()
    line.add_argument("--threshold", type=_share, metavar="X", help="score from which work is heavy (0 to 1)")
    line.add_argument("--heavy-share", type=_share, metavar="X", help="share of messages to call heavy")
    parser.add_argument("--preset", help="another preset, by name or path (default: the one in use)")
    parser.add_argument("--since", type=_day, metavar="DATE", help="only turns from this day on (UTC)")
    parser.add_argument("--purpose", action="append", default=[], choices=get_args(Purpose))
    parser.add_argument("--log", type=Path, metavar="FILE", help="another log than UPSHIFT_DB's")
    parser.add_argument("--json", action="store_true", help="print JSON: times in ms, costs in US dollars")
    return parser


def main(argv: list[str]) -> int:
    """Print the comparison. 1 if the log or a file cannot be read, or nothing can be decided again."""
    options = _parser().parse_args(argv)
    try:
        turns = read_turns(options.log or log_path(), options.since, options.purpose)
        now, then = settings(options)
    except (LogUnavailable, ConfigError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = replay(turns, now, then, Measured(turns, _list_price))
    sys.stdout.write((json.dumps(found, indent=2) if options.json else as_text(found)) + "\n")
    return 0 if found["decided_again"] else 1
