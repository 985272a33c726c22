"""`python -m router eval`: how well the router decides, on the fifth of the prompts that it never saw.

Beside it, on the same prompts in the same run, litellm's complexity router, the prompt's length and chance.
`--benchmarks FOLDER` measures on public benchmarks instead, see router/apgr.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router.decide import Decider
from router.figures import confusion, quality, timing
from router.figures_table import table
from router.peers import peer_figures
from router.prompts import Prompt, read_prompts


def report(decider: Decider, prompts: Sequence[Prompt], litellm: bool) -> dict[str, Any]:
    """Everything that `eval` prints."""
    return {
        "upshift": {**quality(decider, prompts), **timing(decider.decide, prompts)},
        **peer_figures(prompts, decider.policy, litellm),
        "confusion": confusion(decider, prompts)[:12],
    }


def mistakes(decider: Decider, prompts: Sequence[Prompt]) -> list[str]:
    """A line for each prompt that goes to the wrong tier, the surest mistakes first."""
    found = []
    for prompt in prompts:
        made = decider.decide(prompt.messages)
        light = made.tier == decider.policy.tier_names[0]
        if decider.policy.level_of(prompt.task) != (0.0 if light else 1.0):
            where = f"{made.tier} {made.score:.2f} ({made.task})"
            text = prompt.messages[-1].content[:100]
            found.append((-abs(made.score - 0.5), f"{prompt.id} {prompt.task} → {where}: {text!r}"))
    return [line for _, line in sorted(found)]


def main(argv: list[str]) -> int:
    """Print the table or JSON. 0, or 2 if a folder of benchmarks cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m router eval", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--out", type=Path, help="write the JSON to this file as well")
    parser.add_argument(
        "--no-peers", action="store_true", help="leave out litellm, whose import takes seconds"
    )
    parser.add_argument("--mistakes", action="store_true", help="list the prompts that go to the wrong tier")
    parser.add_argument(
        "--benchmarks", type=Path, help="folder with *.jsonl of public benchmarks, none of them trained on"
    )
    parser.add_argument(
        "--refit",
        action="store_true",
        help="with --benchmarks: train on the other files, each left out in turn",
    )
    options = parser.parse_args(argv)
    if options.refit and not options.benchmarks:
        parser.error("--refit goes with --benchmarks")
    if options.benchmarks:
        from router import apgr

        try:
            result = apgr.report(options.benchmarks, not options.no_peers, options.refit)
        except (OSError, ValueError, KeyError) as error:
            sys.stderr.write(f"{options.benchmarks}: {error}\n")
            return 2
        text = apgr.table(result)
    else:
        decider = Decider.load()
        prompts = [prompt for prompt in read_prompts() if prompt.held_out]
        result = report(decider, prompts, not options.no_peers)
        text = "\n".join([table(result), *(mistakes(decider, prompts) if options.mistakes else ())])
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write((json.dumps(result, indent=2) if options.json else text) + "\n")
    return 0
