"""`python -m router train --from-log`: the router learns from what your team did, and never gets worse.

Adds the log's lessons (tiers asked for instead, "too slow", "too shallow", votes between two answers) to
the labelled prompts that ship, fits anew, and shows before and after on prompts that are never fitted on.
Weights that got worse are not written. The others are kept beside the log, not in the program's folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from data.config import ConfigError
from data.lessons import Found, Lesson, read_lessons
from data.model_files import find_model
from data.paths import log_path, models_folder
from data.policy import TASKS, Policy, load_policy
from data.store import LogUnavailable
from router import fitting
from router.classifier import Classifier
from router.compare_weights import WORSE, compare
from router.decide import Decider
from router.extra_prompts import Extra, read_extra
from router.own_weights import load_in_use, own_folder, shipped_digest
from router.prompts import Prompt, read_prompts
from router.steering import split_command
from router.train import read_encoder
from router.weights_file import save

LARGEST_SHARE = 0.2
"""All lessons together count at most this much of what the labelled prompts count."""


def aside(lesson: Lesson) -> bool:
    """One of the fifth of the lessons that is only measured on."""
    return zlib.crc32(lesson.messages[-1].content.encode("utf-8", "replace")) % 5 == 0


def plain(lesson: Lesson) -> Lesson:
    """Without a leading `/heavy` or `/fast`: the router has to learn to do without."""
    *before, last = lesson.messages
    text = split_command(last.content)[1]
    return lesson.model_copy(update={"messages": (*before, last.model_copy(update={"content": text}))})


def examples(
    lessons: Sequence[Lesson], classifier: Classifier, policy: Policy, labelled: int
) -> tuple[list[Extra], int]:
    """Rows to fit on, and how many lessons say too little by themselves ("why?") to be such a row.

    A lesson names a side, not a task: the task is the log's if it is on that side, else the likeliest
    one there. All weights shrink alike where they would outweigh `labelled` prompts too far.
    """
    decider = Decider(classifier, policy)
    rows: list[Extra] = []
    thin = 0
    for lesson in lessons:
        text = lesson.messages[-1].content
        if not text.strip() or decider.decide(lesson.messages).inherited:
            thin += 1
            continue
        rows.append(Extra(text, _task(lesson, classifier, policy), lesson.weight))
    total = sum(row.weight for row in rows)
    shrink = min(1.0, LARGEST_SHARE * labelled / total) if total else 1.0
    return [Extra(row.text, row.task, row.weight * shrink) for row in rows], thin


def _task(lesson: Lesson, classifier: Classifier, policy: Policy) -> str:
    if lesson.task in TASKS and (policy.level_of(lesson.task) >= 0.5) == lesson.heavy:
        return lesson.task
    probabilities = classifier.of_text(lesson.messages[-1].content)
    fits = np.array([(policy.level_of(task) >= 0.5) == lesson.heavy for task in classifier.tasks])
    return classifier.tasks[int(np.argmax(np.where(fits, probabilities, -1)))]


def as_wanted(decider: Decider, lessons: Sequence[Lesson]) -> int:
    """How many lessons the router decides as the team wanted."""
    lightest = decider.policy.tier_names[0]
    return sum((decider.decide(one.messages).tier != lightest) == one.heavy for one in lessons)


def report(found: Found, figures: dict[str, Any]) -> str:
    """What was learned from, and before → after."""
    lessons = found.lessons
    kinds = Counter(source for lesson in lessons for source in lesson.sources)
    heavy = sum(lesson.heavy for lesson in lessons)
    lines = [
        f"{len(lessons)} lessons in the log ({heavy} towards heavy, {len(lessons) - heavy} towards fast): "
        + ", ".join(f"{n} by {kind}" for kind, n in sorted(kinds.items())),
        f"  fitted on {figures['fitted']}, kept aside {figures['aside']['n']}, "
        f"too little by themselves {figures['thin']}",
    ]
    lines += [f"  not used: {n} ({why})" for why, n in sorted(found.unused.items())]
    held = figures["held_out"]
    lines.append(f"on {held['n']} labelled prompts that were never fitted on, before → after:")
    for name in ("accuracy", "auc", "heavy_recall", "fast_recall"):
        change = held["difference"].get(name)
        more = (
            f"  (difference {change['value']:+.4f}, 95 % interval {change['interval'][0]:+.4f} to "
            f"{change['interval'][1]:+.4f}, falls in {change['falls']:.0%} of the draws)"
            if change
            else ""
        )
        lines.append(f"  {name.replace('_', ' '):13}{held['before'][name]} → {held['after'][name]}{more}")
    for name, words in (("aside", "kept aside"), ("learned", "fitted on, so no proof")):
        one = figures[name]
        lines.append(
            f"lessons decided as the team wanted ({words}): {one['before']} → {one['after']} of {one['n']}"
        )
    return "\n".join(lines)


def learn(
    found: Found, prompts: Sequence[Prompt], extra: Sequence[Extra], policy: Policy, vectors: Any
) -> tuple[Classifier, dict[str, Any]]:
    """Fit with the lessons; the new weights and their figures beside those in use."""
    in_use = load_in_use()
    before = Decider(in_use, policy)
    lessons = [plain(lesson) for lesson in found.lessons]
    kept = [lesson for lesson in lessons if not aside(lesson)]
    apart = [lesson for lesson in lessons if aside(lesson)]
    rows, thin = examples(kept, in_use, policy, len(fitting.trainable(prompts)))
    fitted = fitting.train(prompts, [*extra, *rows], policy, vectors, read_encoder())
    after = Decider(fitted, policy)
    figures: dict[str, Any] = {
        "fitted": len(rows),
        "thin": thin,
        "held_out": compare(before, after, [prompt for prompt in prompts if prompt.held_out]),
    }
    for name, part in (("aside", apart), ("learned", kept)):
        figures[name] = {
            "n": len(part),
            "before": as_wanted(before, part),
            "after": as_wanted(after, part),
        }
    return fitted, figures


def write(classifier: Classifier, folder: Path, card: dict[str, Any]) -> None:
    """Put weights and card in place together: a card is never read with the weights of another."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    save(classifier, fresh, card)
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m router train --from-log", description=__doc__, epilog=WORSE
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="another log than UPSHIFT_DB's")
    parser.add_argument("--since", type=_day, metavar="DATE", help="only turns from this day on (UTC)")
    parser.add_argument("--prompts", type=Path, help="folder with *.jsonl (default: data/prompts)")
    parser.add_argument("--extra", type=Path, help="folder with public benchmark prompts to add")
    parser.add_argument("--vectors", type=Path, help="GGUF file (default: the fast model's)")
    parser.add_argument("--out", type=Path, help="folder for the weights (default: beside the log)")
    parser.add_argument("--dry-run", action="store_true", help="show before and after, and write nothing")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-22") from None


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(argv: list[str]) -> int:
    """0 if written (or shown, in a dry run), 1 if there is nothing to learn or it got worse, 2 for set-up."""
    options = _parser().parse_args(argv)
    try:
        import sklearn  # noqa: F401
    except ImportError:
        _say("training needs scikit-learn: pip install -r requirements-dev.txt")
        return 2
    try:
        found = read_lessons(options.log or log_path(), options.since)
        prompts, policy = read_prompts(options.prompts), load_policy()
    except (LogUnavailable, ConfigError) as error:
        _say(str(error))
        return 1
    if not found.lessons:
        unused = ", ".join(f"{n} not used: {why}" for why, n in sorted(found.unused.items()))
        _say(
            f"Nothing to learn yet{f' ({unused})' if unused else ''}. Lessons are tiers that people asked "
            "for instead, thumbs down with “too slow” or “too shallow”, and votes between two answers."
        )
        return 1
    extra = read_extra(options.extra) if options.extra else []
    fitted, figures = learn(found, prompts, extra, policy, _vectors(options.vectors))
    sys.stdout.write((json.dumps(figures, indent=2) if options.json else report(found, figures)) + "\n")
    if figures["held_out"]["worse"]:
        _say(f"Not written: {' and '.join(figures['held_out']['worse'])} got worse. {WORSE}")
        return 1
    if options.dry_run:
        return 0
    folder = options.out or own_folder()
    write(fitted, folder, _card(found, figures))
    _say(f"Written to {folder}; used from the next start of Upshift on. Delete the folder to undo.")
    return 0


def _vectors(chosen: Path | None) -> Any:
    """The token vectors, if the file is here; a run without them is likely to be refused as worse."""
    from router.train import VECTORS_OF, read_vocabulary

    source = chosen or models_folder() / find_model(VECTORS_OF).file
    if source.is_file():
        return read_vocabulary(source)
    _say(f"{source} is not there: training without its token vectors, which is less exact")
    return None


def _card(found: Found, figures: dict[str, Any]) -> dict[str, Any]:
    """Counts and figures only: nobody's text is in the card, and none in the weights."""
    return {
        "what": "the shipped router's prompts, and lessons of this log",
        "date": datetime.now(UTC).date().isoformat(),
        "from_log": {
            "lessons": len(found.lessons),
            "towards_heavy": sum(lesson.heavy for lesson in found.lessons),
            "shipped": shipped_digest(),
        },
        "figures": figures,
    }
