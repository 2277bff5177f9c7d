"""Figures for people and programs: tables for a terminal and for Markdown, and everything as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from bench.figures import Lane, Sample, Summary, summarise
from bench.machine import Machine
from bench.rounds import Pace
from bench.work import OF_TABLES, Kind, Work

BEGIN, END = "<!-- results: written by the bench -->", "<!-- end of results -->"

_NONE = "-"
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench, whole.

    Attributes:
        machine: what it ran on.
        pace: how much was measured.
        works: what was done.
        samples: every measurement.
        not_served: lanes that scans have no figures for.
        baseline: the contender that ratios are taken to.
    """

    machine: Machine
    pace: Pace
    works: tuple[Work, ...]
    samples: list[Sample]
    not_served: list[Lane]
    baseline: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first column reads from the left, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(run: Run) -> list[Table]:
    """One table for each work."""
    measured = {sample.work for sample in run.samples}
    works = [work for work in run.works if work.name in measured or work.kind not in OF_TABLES]
    return [_scan_table(work, run) if work.kind is Kind.SCAN else _call_table(work, run) for work in works]


def _call_table(work: Work, run: Run) -> Table:
    header = (
        "",
        "calls/s",
        f"vs {run.baseline}",
        "spread",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        f"vs {run.baseline}",
        "client µs",
        "database µs",
    )
    return Table(
        work.title,
        header,
        [
            (
                *(each.lane.label, f"{each.rate:,.0f}", _ratio(each.rate_ratio), f"{each.spread:.0%}"),
                *(f"{each.p50 * 1e3:.2f}", f"{each.p99 * 1e3:.2f}"),
                *(_micro(each.server_cpu), _ratio(each.cpu_ratio)),
                *(_micro(each.client_cpu), _micro(each.database_cpu)),
            )
            for each in _summaries(work, run)
        ],
    )


def _scan_table(work: Work, run: Run) -> Table:
    header = (
        *("", "rows/s", f"vs {run.baseline}", "spread", "seconds", "CPU µs/row", f"vs {run.baseline}", "client µs/row"),
        *("database µs/row", "RSS MiB", "growth MiB", "ping p50 ms", "ping p99 ms", "ping max ms", "lag p99 ms"),
    )
    rows: list[tuple[str, ...]] = [
        (
            *(each.lane.label, f"{each.rate:,.0f}", _ratio(each.rate_ratio), f"{each.spread:.0%}"),
            *(f"{each.elapsed:.2f}", _micro(each.server_cpu, 2), _ratio(each.cpu_ratio)),
            *(_micro(each.client_cpu, 2), _micro(each.database_cpu, 2)),
            *(f"{each.memory_before / _MIB:.0f}", f"{each.memory_growth / _MIB:.1f}"),
            *(_milli(each.ping_p50), _milli(each.ping_p99), _milli(each.ping_max), _milli(each.lag_p99)),
        )
        for each in _summaries(work, run)
    ]
    rows += [(lane.label, "not served", *[_NONE] * (len(header) - 2)) for lane in run.not_served]
    return Table(f"{work.title}, {run.pace.rows:,} rows", header, rows)


def _summaries(work: Work, run: Run) -> list[Summary]:
    return summarise([sample for sample in run.samples if sample.work == work.name], run.baseline)


def _ratio(ratio: float | None) -> str:
    return _NONE if ratio is None else f"{ratio:.2f}x"


def _micro(seconds: float | None, digits: int = 0) -> str:
    return _NONE if seconds is None else f"{seconds * 1e6:,.{digits}f}"


def _milli(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds * 1e3:.1f}"


def as_text(table: Table) -> str:
    """For a terminal: columns in line."""
    rows = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return "\n".join([table.title, *(f"  {line.rstrip()}" for line in lines)])


def as_markdown(table: Table) -> str:
    """For a page."""
    rule = "|".join(["---", *["---:"] * (len(table.header) - 1)])
    lines = [f"| {' | '.join(row)} |" for row in table.rows]
    return "\n".join([f"### {table.title}", "", f"| {' | '.join(table.header)} |", f"|{rule}|", *lines])


def page_section(run: Run) -> str:
    """The results as Markdown."""
    about = [f"| {what} | {which} |" for what, which in run.machine.lines()]
    pace = run.pace
    intro = (
        f"Medians of {rounds_done(run)} rounds; {pace.seconds:g} s for each contender, work and round. "
        f"Ratios are to {run.baseline}."
    )
    return "\n\n".join(
        [intro, "\n".join(["| | |", "|---|---|", *about]), *(as_markdown(table) for table in tables(run))]
    )


def rounds_done(run: Run) -> int:
    """How many rounds there were time for."""
    return max((sample.round for sample in run.samples), default=0)


def with_section(page: str, section: str) -> str:
    """The page with its results replaced, or added where it has none; the rest of it stays as it is."""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if begun and not ended:
        raise ValueError(f"the page has {BEGIN!r} but no {END!r}")
    if not begun:
        before, after = (f"{page.rstrip()}\n\n" if page.strip() else ""), "\n"
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"


def as_json(run: Run) -> str:
    """Everything: each measurement, and the medians of them."""
    document: dict[str, Any] = {
        "machine": asdict(run.machine),
        "pace": asdict(run.pace),
        "baseline": run.baseline,
        "not_served": [lane.label for lane in run.not_served],
        "medians": [asdict(each) | {"work": work.name} for work in run.works for each in _summaries(work, run)],
        "samples": [asdict(sample) for sample in run.samples],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
