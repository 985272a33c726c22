"""Studies from the shell: `python -m data study new | links | status | review | export | …`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from data.paths import log_path, studies_folder

if TYPE_CHECKING:
    from data.study_belongings import Doomed

BASE = "http://127.0.0.1:8501/"

# The parts are imported where they are used: numpy is not needed to ask for help.


def add(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `python -m data study`."""
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    _named(commands, "new", _new, "write a study's file, to be edited")
    _named(commands, "list", _list, "the studies there are", named=False)
    links = _named(commands, "links", _links, "links for participants, one a line")
    links.add_argument("participants", nargs="*", metavar="ID", help="ids of your own")
    links.add_argument("--people", type=int, default=0, metavar="N", help="make up N ids: p01, p02 …")
    links.add_argument("--base", default=BASE, metavar="URL", help=f"where the page is (default {BASE})")
    links.add_argument("--force", default=None, metavar="VARIANT", help="fix the variant (marked, left out)")
    links.add_argument("--open", action="store_true", help="the one link for a recruiting platform")
    _named(commands, "status", _status, "who has begun, who is done, who left")
    review = _named(commands, "review", _review, "what it says, or what is still missing")
    review.add_argument("--json", action="store_true", help="all figures as JSON")
    export = _named(commands, "export", _export, "its data with a codebook")
    export.add_argument("--format", required=True, choices=("csv", "jsonl", "parquet"))
    export.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    export.add_argument("--with-text", action="store_true", help="also what participants wrote")
    delete = _named(commands, "delete-participant", _delete, "delete all of one participant")
    delete.add_argument("participant", metavar="ID")
    delete.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    purge = _named(commands, "purge", _purge, "delete what has passed its time", named=False)
    purge.add_argument("name", nargs="?", default=None, metavar="STUDY", help="only this study")
    purge.add_argument("--all", action="store_true", help="all of STUDY now, whatever its time")
    purge.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    _named(commands, "key", _key, "the researcher's key for the page of studies", named=False)


def _named(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    named: bool = True,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    if named:
        parser.add_argument("name", metavar="STUDY")

    def guarded(options: argparse.Namespace) -> int:
        from data.config import ConfigError  # brings pydantic, which a report does not need

        try:
            return run(options)
        except (ConfigError, OSError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 1

    parser.set_defaults(run=guarded)
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _log(options: argparse.Namespace) -> Path:
    return Path(options.log) if options.log else log_path()


def _new(options: argparse.Namespace) -> int:
    from data.study_template import template
    from data.study_toml import save_study

    path = save_study(template(options.name, datetime.now(UTC).date()))
    _say(f"{path}\nEdit it, then: python -m data study links {options.name} --people 8")
    return 0


def _list(_: argparse.Namespace) -> int:
    from data.config import ConfigError
    from data.studies import load_study, study_names

    today = datetime.now(UTC).date()
    for name in study_names():
        try:
            study = load_study(name)
        except ConfigError as error:
            _say(f"{name}: {error}")
            continue
        state = "open" if study.is_open(today) else "to come" if today < study.starts else "over"
        _say(
            f"{name}: {state}, {study.starts} to {study.ends}, {study.participants} people. {study.question}"
        )
    if not study_names():
        _say(f"There is no study in {studies_folder()} yet: python -m data study new NAME")
    return 0


def _links(options: argparse.Namespace) -> int:
    from data.studies import load_study
    from data.study_links import Links

    study, links = load_study(options.name), Links(_log(options))
    if options.force is not None:
        _check_variant(options.force, study.variant_names)
    if options.open:
        _say(links.open(options.base, study.name))
        return 0
    width = max(2, len(str(options.people)))
    ids = [*options.participants, *(f"p{number:0{width}d}" for number in range(1, options.people + 1))]
    if not ids:
        raise ValueError("Name participants, or how many: --people 8, or --open for a platform's link.")
    for participant in ids:
        _say(f"{participant},{links.personal(options.base, study.name, participant, options.force)}")
    return 0


def _check_variant(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"There is no such variant; there are {', '.join(known)}.")


def _status(options: argparse.Namespace) -> int:
    from data.studies import load_study
    from data.study_data import read_study

    study = load_study(options.name)
    data = read_study(_log(options), study.name)
    counts = Counter(
        "done" if person.completed_at else "stopped" if person.withdrawn_at else "under way"
        for person in data.dealt
    )
    _say(f"{study.question}\n{study.starts} to {study.ends}, {study.participants} people planned")
    _say(", ".join(f"{counts[state]} {state}" for state in ("done", "under way", "stopped")))
    _say(f"{len(data.turns):,} messages, {len(data.ratings):,} ratings, {data.markers:,} markers")
    for person in data.people:
        state = "done" if person.completed_at else f"{person.tasks_done} of {len(study.tasks)} tasks"
        state = "stopped" if person.withdrawn_at and not person.completed_at else state
        _say(f"  {person.participant:20} {person.arm_name:30} {state}{' (forced)' if person.forced else ''}")
    return 0


def _review(options: argparse.Namespace) -> int:
    from data.studies import load_study
    from data.study_review import review
    from data.study_text import as_text

    study = load_study(options.name)
    found = review(_log(options), study, datetime.now(UTC).date())
    _say(json.dumps(asdict(found), default=str, indent=2) if options.json else as_text(found))
    return 0


def _export(options: argparse.Namespace) -> int:
    from data.export import ExportError
    from data.studies import load_study
    from data.study_export import export_folder

    study = load_study(options.name)
    try:
        files = export_folder(_log(options), study, options.format, options.out, with_text=options.with_text)
    except ExportError as error:
        raise ValueError(error) from None
    sys.stderr.write("".join(f"{file}\n" for file in files))
    return 0


def _delete(options: argparse.Namespace) -> int:
    from data import study_belongings

    doomed = study_belongings.of_participant(_log(options), options.name, options.participant)
    return _do(options, f"{options.participant} in {options.name}", doomed)


def _purge(options: argparse.Namespace) -> int:
    from data import study_belongings, study_deletion
    from data.studies import load_study, study_names

    now = datetime.now(UTC)
    text = study_deletion.expired_text(_log(options), now)
    _say(f"text whose time is over: {text:,} turns")
    if text and not options.dry_run:
        _say(f"deleted: {study_deletion.delete_expired_text(_log(options), now):,}")
    if options.all and options.name is None:
        raise ValueError("--all needs the name of a study.")
    for name in [options.name] if options.name else study_names():
        if options.all or study_deletion.is_due(load_study(name), now):
            _do(options, name, study_belongings.of_study(_log(options), name))
        else:
            _say(f"{name}: its records are not due")
    return 0


def _do(options: argparse.Namespace, what: str, doomed: Doomed) -> int:
    from data import study_deletion

    _say(f"{what}: {doomed.total:,} rows")
    _say(doomed.as_text())
    if options.dry_run:
        _say("Nothing was deleted: this was a dry run.")
        return 0
    _say(f"deleted: {study_deletion.delete(_log(options), doomed):,} rows")
    for path in study_deletion.left_elsewhere(_log(options)):
        _say(f"{path} is a damaged log that cannot be searched; it is removed after 30 days, or by you now")
    return 0


def _key(options: argparse.Namespace) -> int:
    from data.study_links import Links

    _say(Links(_log(options)).researcher_key())
    return 0
