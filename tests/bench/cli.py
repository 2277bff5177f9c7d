"""The command line: starts everything, measures, reports, ends everything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, strftime

from bench import contenders, report
from bench.contender import ContenderDidNotStartError
from bench.entrants import DifferentAnswersError, ready
from bench.generator import CallFailedError
from bench.machine import describe, load
from bench.rounds import FULL, QUICK, Pace, run
from bench.work import WORKS, chosen
from support.available import ROOT
from support.mariadb import MariaDB
from support.process import GatewayDidNotStartError

_FAILURES = (ContenderDidNotStartError, GatewayDidNotStartError, CallFailedError, DifferentAnswersError)
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the bench and returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        works = chosen(options.only)
        names = _contenders(options.contenders)
        [baseline] = _contenders([options.baseline])
    except ValueError as error:
        parser.error(str(error))
    baseline = baseline if baseline in names else names[0]
    pace = _pace(options)
    try:
        machine = describe(MariaDB.version())
        began = monotonic()
        _say(f"starting the database, {pace.rows:,} rows, and: {', '.join(names)}")
        with ready(names, pace.rows, pace.warm_up) as starters:
            _say(f"ready after {monotonic() - began:.0f} s")
            samples = run(starters, works, pace, began, _say)
            not_served = [lane for entrant in starters.entrants.values() for lane in entrant.not_served()]
    except KeyboardInterrupt:
        _say("stopped; everything that was started has ended")
        return _INTERRUPTED
    except _FAILURES as error:
        _say(str(error))
        return 1
    machine = replace(machine, load_after=load())
    _deliver(report.Run(machine, pace, works, samples, not_served, baseline), options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Compares Rowgate with what stands under it and with what would stand in its place."
    )
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer and shorter rounds, fewer rows")
    parser.add_argument("--rounds", type=_positive, metavar="N", help=f"rounds ({FULL.rounds}; quick: {QUICK.rounds})")
    parser.add_argument("--rows", type=_positive, metavar="N", help=f"rows ({FULL.rows:,}; quick: {QUICK.rows:,})")
    limits = f"({FULL.time_limit:g}; quick: {QUICK.time_limit:g})"
    parser.add_argument(
        "--time-limit", type=_positive, metavar="SECONDS", help=f"begin no round that would go beyond it {limits}"
    )
    parser.add_argument(
        "--only", type=_names, default=(), metavar="WORK,...", help=", ".join(work.name for work in WORKS)
    )
    parser.add_argument("--contenders", type=_names, default=(), metavar="NAME,...", help=", ".join(contenders.NAMES))
    parser.add_argument("--baseline", default="fastapi", metavar="NAME", help="whom ratios are taken to (fastapi)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="every measurement (.cache/bench/DATE.json)")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="replace the results in this page")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("a number from 1 up")
    return number


def _contenders(names: Sequence[str]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in contenders.NAMES]:
        raise ValueError(f"no such contender: {', '.join(unknown)}; there is {', '.join(contenders.NAMES)}")
    return tuple(name for name in contenders.NAMES if not names or name in names)


def _pace(options: argparse.Namespace) -> Pace:
    pace = QUICK if options.quick else FULL
    given = {name: getattr(options, name) for name in ("rounds", "rows", "time_limit")}
    return replace(pace, **{name: value for name, value in given.items() if value})


def _deliver(run: report.Run, options: argparse.Namespace) -> None:
    for what, which in run.machine.lines():
        sys.stdout.write(f"{what}: {which}\n")
    for table in report.tables(run):
        sys.stdout.write(f"\n{report.as_text(table)}\n")
    path = options.json or ROOT / ".cache" / "bench" / strftime("%Y%m%d-%H%M%S.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.as_json(run))
    _say(f"every measurement is in {path}")
    if options.markdown:
        page = options.markdown.read_text() if options.markdown.exists() else ""
        options.markdown.write_text(report.with_section(page, report.page_section(run)))
        _say(f"the results are in {options.markdown}")


def _say(line: str) -> None:
    sys.stderr.write(f"bench: {line}\n")
    sys.stderr.flush()
