"""Lines of a log whose reader stands still: what writes them goes on, and what is lost is counted and told."""

from __future__ import annotations

import json
import logging as library
import os
import threading
from pathlib import Path

import pytest
import structlog

from rowgate_server.observability import logging, outlet
from rowgate_server.observability.audit import AuditLog, StreamSink, open_sink
from rowgate_server.observability.log_metrics import LogMetrics
from rowgate_server.observability.outlet import Outlet

Fates = dict[str, BaseException | None]


class Reader:
    """Stands still until it is let go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.began = threading.Event()
        self.read = b""
        self.pieces: list[bytes] = []
        self.error: OSError | None = None

    def write(self, octets: memoryview) -> int:
        self.began.set()
        assert self.goes_on.wait(30)
        if self.error is not None:
            raise self.error
        taken = bytes(octets[:3000])
        self.pieces.append(bytes(octets))
        self.read += taken
        return len(taken)

    def lines(self) -> list[str]:
        return self.read.decode().splitlines()


def _put(out: Outlet, text: str, fates: Fates) -> None:
    def told(error: BaseException | None) -> None:
        fates[text] = error

    out.put(text, told)


def test_lines_come_in_their_order_and_what_waits_at_the_end_is_written() -> None:
    reader, fates = Reader(), Fates()
    reader.goes_on.set()
    out = Outlet(reader.write)
    wanted = [f"{number} " + "x" * (number % 700) for number in range(500)]
    for text in wanted:
        _put(out, text, fates)
    assert out.flush(30)
    assert reader.lines() == wanted
    assert fates == dict.fromkeys(wanted)


def test_pieces_are_whole_lines_that_a_pipe_takes_at_once() -> None:
    """Several workers share one pipe: a longer piece may have another's line within one of its own."""
    reader = Reader()
    out = Outlet(reader.write)
    for _ in range(300):
        out.put("x" * 99, print)
    reader.goes_on.set()
    assert out.flush(30)
    whole = [piece for piece in reader.pieces if len(piece) > 3000]
    assert whole
    assert all(len(piece) <= 4096 and len(piece) % 100 == 0 for piece in whole)


def test_what_cannot_wait_is_lost_and_told_of_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "_MOST", 1000)
    reader, fates = Reader(), Fates()
    out = Outlet(reader.write)
    out.regained = "{} are missing".format
    _put(out, "first", fates)
    assert reader.began.wait(30)
    for number in range(20):
        _put(out, f"{number:02d}" + "x" * 98, fates)
    assert not out.flush(0)
    lost = [text[:2] for text, error in fates.items() if error is not None]
    assert lost == [f"{number:02d}" for number in range(10, 20)]
    reader.goes_on.set()
    assert out.flush(30)
    _put(out, "last", fates)
    assert out.flush(30)
    assert [line[:14] for line in reader.lines()] == [
        "first",
        *(f"{number:02d}" + "x" * 12 for number in range(10)),
        "10 are missing",
        "last",
    ]


def test_lines_that_cannot_be_written_are_told_of_and_later_ones_are_written() -> None:
    reader, fates = Reader(), Fates()
    reader.goes_on.set()
    reader.error = OSError("the disk is full")
    out = Outlet(reader.write)
    out.regained = "{} are missing".format
    _put(out, "lost", fates)
    assert out.flush(30)
    assert fates == {"lost": reader.error}
    reader.error = None
    _put(out, "after", fates)
    assert out.flush(30)
    assert reader.lines() == ["after", "1 are missing"]
    assert fates["after"] is None


def test_a_pipe_that_nobody_reads_holds_nobody_up() -> None:
    read, write = os.pipe()
    out = Outlet(lambda octets: os.write(write, octets))
    for _ in range(2000):  # a pipe has room for 650 of them
        out.put("x" * 99, lambda _: None)
    assert not out.flush(0.05)
    got = b""
    while len(got) < 200_000:
        got += os.read(read, 1 << 16)
    assert out.flush(30)
    os.close(read)


def _lost() -> float:
    (family,) = LogMetrics().collect()
    return family.samples[0].value


def test_the_log_counts_what_it_lost_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "_MOST", 1000)
    reader = Reader()
    out = Outlet(reader.write)
    monkeypatch.setattr(outlet.outlets, "standard", lambda _: out)
    monkeypatch.setattr(library.getLogger(), "handlers", [])
    before = _lost()
    try:
        logging.configure("info", "json", worker=2)
        for number in range(30):
            logging.get_logger("rowgate.test").info("x" * 100, number=number)
            assert reader.began.wait(30)  # the first one alone is on its way, the others wait
        library.getLogger("library").error("no room for it")
    finally:
        structlog.reset_defaults()
    reader.goes_on.set()
    assert out.flush(30)
    lines = [json.loads(line) for line in reader.lines()]
    told = lines.pop()
    assert (told["event"], told["level"], told["worker"]) == ("lines were lost", "warning", 2)
    assert [line["number"] for line in lines] == list(range(len(lines)))
    assert told["lines"] == 31 - len(lines) == _lost() - before


def test_an_audit_log_whose_reader_stands_still_counts_what_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "_MOST", 1000)
    reader, lost = Reader(), list[None]()
    out = Outlet(reader.write)
    log = AuditLog(StreamSink(out), lambda: lost.append(None))
    for number in range(30):
        log.write("call", {"number": number, "text": "x" * 100})
    assert lost
    reader.goes_on.set()
    assert out.flush(30)
    numbers = [json.loads(line)["number"] for line in reader.lines() if line]
    assert numbers == list(range(30 - len(lost)))


def test_a_pipe_for_the_audit_log_is_written_to_once_it_has_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="No such device"):
        open_sink(str(path), 4096, 1)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = open_sink(str(path), 4096, 1)
    for _ in range(1000):  # more than it has room for, and than a file may have
        sink.write("x" * 99, lambda _: None)
    os.set_blocking(reader, True)
    left = 100_000
    while left:
        left -= len(os.read(reader, 1 << 16))
    os.close(reader)
