"""The log from the shell: `python -m data report | export | doctor`. All of it works while the app runs."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from data import study_cli
from data.paths import log_path
from data.schema import TABLES
from data.store import LogUnavailable

# The parts are imported where they are used: numpy is not needed to ask for help.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 could not be done or (doctor) not well, 2 usage."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LogUnavailable as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data", description="What Upshift has logged.")
    parser.add_argument(
        "--log", type=Path, default=None, metavar="FILE", help="another log than UPSHIFT_DB's"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_report(commands.add_parser("report", help="turns, tiers, and how long people waited"))
    _add_export(commands.add_parser("export", help="the log as CSV, JSON lines or Parquet"))
    doctor = commands.add_parser("doctor", help="the state of the log, and repairs")
    doctor.add_argument("--repair", action="store_true", help="add what waits, set a damaged file aside")
    doctor.set_defaults(run=_doctor)
    study_cli.add(commands.add_parser("study", help="studies: new, links, status, review, export, delete"))
    return parser


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="print JSON: times in ms, null where there is none"
    )
    parser.add_argument(
        "--include",
        type=_reasons,
        action="extend",
        default=[],
        metavar="REASONS",
        help="also count turns that were cold, cached, warmed, joined or hidden (comma-separated, or all)",
    )
    parser.add_argument(
        "--purpose",
        action="append",
        default=[],
        choices=TABLES["sessions"].choices["purpose"],
        help="only sessions of this purpose (may be repeated)",
    )
    parser.add_argument(
        "--since", type=_day, default=None, metavar="DATE", help="only turns from this day on (UTC)"
    )
    parser.set_defaults(run=_report)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", required=True, choices=("csv", "jsonl", "parquet"))
    parser.add_argument(
        "--table", default="v_turns", help="a table or view (default: v_turns, a row for each turn)"
    )
    parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="default: standard output")
    parser.add_argument("--with-text", action="store_true", help="allow the table with people's text")
    parser.set_defaults(run=_export)


def _report(options: argparse.Namespace) -> int:
    from data import reports

    report = reports.make_report(
        _log(options), sorted(set(options.include)), purposes=options.purpose, since=options.since
    )
    print(json.dumps(report.as_json(), indent=2) if options.json else reports.as_text(report))
    return 0


def _export(options: argparse.Namespace) -> int:
    from data import export

    names = export.exportable(options.with_text)
    if options.table in export.WITH_TEXT and options.table not in names:
        return _fail(f"{options.table} holds people's text: add --with-text if you mean it.")
    if options.table not in names:
        return _fail(f"There is no table or view '{options.table}'; there are {', '.join(names)}.")
    try:
        count = export.export(_log(options), options.table, options.format, options.out)
    except export.ExportError as error:
        return _fail(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(f"{options.out} cannot be written: {error}")
    if options.out is not None:
        print(f"{count:,} rows of {options.table} → {options.out}", file=sys.stderr)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from data import doctor

    if options.repair:
        try:
            done = doctor.repair(_log(options))
        except (sqlite3.Error, OSError) as error:
            return _fail(
                f"The repair was not possible: {error}\n\n{doctor.as_text(doctor.examine(_log(options)))}"
            )
        print("\n".join(f"✓ {line}" for line in done) or "Nothing to repair.", end="\n\n")
    found = doctor.examine(_log(options))
    print(doctor.as_text(found))
    return 0 if found.well else 1


def _log(options: argparse.Namespace) -> Path:
    return Path(options.log) if options.log else log_path()


def _reasons(text: str) -> list[str]:
    from data.reports import LEFT_OUT

    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in (*LEFT_OUT, "all")]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(LEFT_OUT)}, all")
    return list(LEFT_OUT) if "all" in names else names


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-22") from None


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
