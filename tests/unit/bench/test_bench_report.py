"""Tables, pages and JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Lane, Sample
from bench.machine import Machine
from bench.report import BEGIN, END, Run, Table, as_json, as_markdown, as_text, page_section, tables, with_section
from bench.rounds import QUICK
from bench.work import chosen

_MACHINE = Machine(
    cpu="Abacus 3000",
    cores=2,
    memory_gib=24,
    kernel="Linux 6",
    python="CPython 3",
    libraries={"grpcio": "1"},
    database="10-MariaDB",
    rowgate="0",
    began="2024-01-31 10:11 UTC",
    load_before=0.5,
    load_after=1.5,
)
_SAMPLE = Sample("point-1", Lane("fastapi"), 1, 2000, 2.0, 0.0015, 0.003, 1.0, 0.5, 0.25, 2**20, 3 * 2**20)
_SCANNED = replace(_SAMPLE, work="scan", count=1000, pings=(0.001, 0.002))


def _run(*samples: Sample, not_served: list[Lane] | None = None) -> Run:
    works = chosen(sorted({sample.work for sample in samples}))
    return Run(_MACHINE, QUICK, works, list(samples), not_served or [], "fastapi")


def test_a_row_has_rates_latencies_and_cpu_per_call() -> None:
    rowgate = replace(_SAMPLE, lane=Lane("rowgate"), count=3000, client_cpu=None)
    [table] = tables(_run(_SAMPLE, rowgate))
    cells = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [row[""] for row in cells] == ["fastapi", "rowgate"]
    assert [row["calls/s"] for row in cells] == ["1,000", "1,500"]
    assert (cells[0]["p50 ms"], cells[0]["p99 ms"]) == ("1.50", "3.00")
    assert (cells[0]["CPU µs"], cells[0]["client µs"], cells[0]["database µs"]) == ("500", "250", "125")
    assert cells[1]["client µs"] == "-"


def test_ratios_stand_beside_the_rate_and_the_cpu() -> None:
    rowgate = replace(_SAMPLE, lane=Lane("rowgate"), count=3000)
    [table] = tables(_run(_SAMPLE, rowgate))
    rate, cpu = (place for place, name in enumerate(table.header) if name == "vs fastapi")
    assert (table.header[rate - 1], table.header[cpu - 1]) == ("calls/s", "CPU µs")
    assert [(row[rate], row[cpu]) for row in table.rows] == [("1.00x", "1.00x"), ("1.50x", "0.67x")]


def test_a_scan_has_rows_memory_and_pings() -> None:
    [table] = tables(_run(_SCANNED, not_served=[Lane("rowgate", "arrow")]))
    row = dict(zip(table.header, table.rows[0], strict=True))
    assert (row["rows/s"], row["seconds"], row["RSS MiB"], row["growth MiB"]) == ("500", "2.00", "1", "2.0")
    assert (row["ping p50 ms"], row["ping p99 ms"], row["ping max ms"]) == ("1.0", "2.0", "2.0")
    assert table.rows[1][:3] == ("rowgate ARROW", "not served", "-")
    assert {len(row) for row in table.rows} == {len(table.header)}


_CELL = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)


@given(st.integers(1, 6).flatmap(lambda width: st.lists(st.tuples(*[_CELL] * width), min_size=1, max_size=6)))
def test_columns_stand_in_line(rows: list[tuple[str, ...]]) -> None:
    title, *lines = as_text(Table("title", rows[0], rows[1:])).splitlines()
    assert title == "title"
    assert len(lines) == len(rows)
    assert len({len(line) for line in lines}) == 1 or len(rows[0]) == 1
    assert [tuple(line.split()) for line in lines] == rows


def test_a_table_in_markdown() -> None:
    table = Table("Title", ("", "rate"), [("a", "1"), ("b", "2")])
    assert as_markdown(table) == "### Title\n\n|  | rate |\n|---|---:|\n| a | 1 |\n| b | 2 |"


def test_the_section_tells_the_machine_and_the_rounds() -> None:
    section = page_section(_run(_SAMPLE, replace(_SAMPLE, round=2)))
    assert "Medians of 2 rounds" in section
    assert "Abacus 3000" in section
    assert "0.50 before, 1.50 after" in section
    assert "| fastapi | 1,000 |" in section


@given(st.text(), st.text(), st.text(), st.text())
def test_only_the_section_of_a_page_is_replaced(before: str, after: str, old: str, new: str) -> None:
    page = f"{before}{BEGIN}{old}{END}{after}"
    assert with_section(page, new) == f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def test_a_page_without_results_gets_them_at_its_end() -> None:
    assert with_section("# Title\n", "new") == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n"
    assert with_section("", "new") == f"{BEGIN}\n\nnew\n\n{END}\n"


def test_a_page_whose_results_have_no_end_is_left_alone() -> None:
    with pytest.raises(ValueError, match="end of results"):
        with_section(f"text {BEGIN} more text", "new")


def test_the_json_has_every_measurement_and_the_medians() -> None:
    document = json.loads(as_json(_run(_SAMPLE, replace(_SAMPLE, round=2), not_served=[Lane("rowgate", "arrow")])))
    assert [sample["round"] for sample in document["samples"]] == [1, 2]
    assert document["medians"][0]["rate"] == 1000
    assert document["medians"][0]["work"] == "point-1"
    assert document["machine"]["cpu"] == "Abacus 3000"
    assert document["not_served"] == ["rowgate ARROW"]
