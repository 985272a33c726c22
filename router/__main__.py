"""`python -m router`: decide, check, train, eval, replay, models."""

from __future__ import annotations

import importlib
import sys

COMMANDS = {
    "decide": ("router.decide_lines", "route messages: JSON lines in, decisions out"),
    "check": ("router.check", "make one small real call to each model of a preset"),
    "models": ("router.models_cli", "list, pull or remove the local models"),
    "train": ("router.train", "fit the classifier and write its weights; --from-log: learn from your team"),
    "eval": ("router.evaluate", "measure the router beside others"),
    "replay": ("router.replay", "decide the log's turns again under another policy, threshold or preset"),
}


def main(arguments: list[str]) -> int:
    """Run a command; without a known one, say which there are (exit status 2)."""
    if arguments and arguments[0] in COMMANDS:
        # Imported here, so that `decide` loads neither a model client nor what training needs.
        module = importlib.import_module(COMMANDS[arguments[0]][0])
        status: int = module.main(arguments[1:])
        return status
    asked_for_help = bool(arguments) and arguments[0] in ("-h", "--help", "help")
    print("usage: python -m router COMMAND [options]", file=sys.stdout if asked_for_help else sys.stderr)
    for name, (_, what) in COMMANDS.items():
        print(f"  {name:8} {what}", file=sys.stdout if asked_for_help else sys.stderr)
    from router.own_weights import describe

    print(describe(), file=sys.stdout if asked_for_help else sys.stderr)
    return 0 if asked_for_help else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
