"""The project's pages as tests read them: blocks of code, commands with their answers, links, names."""

from __future__ import annotations

import difflib
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from support.available import ROOT
from support.guard import test_run

_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\S*)(?: +(?P<name>\S.*))?$")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PROMPT, _CONTINUED = "$ ", "\\"
_LEFT_OUT = "..."
_ENDED = "<this command has ended>"

MAKE = re.compile(r"make(?: [a-z-]+)*")
"""A command that only calls targets of the Makefile."""

_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r'"elapsed": "[0-9.]+s"'), '"elapsed": "<time>"'),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "<time>"),
    (re.compile(r"(?<=: ok, )(\w+) .+"), r"\1 <version>"),
    (re.compile(r'"version": "[^"]+"'), '"version": "<version>"'),
)
"""What differs from run to run: ids, times, and the versions of other people's servers."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: its page, from the root of the tree.
        line: of its first line, from 1.
        kind: the fence's first word: `console`, `python`, ...
        name: the fence's other words; a file name for a block that commands of the page use as a file.
        text: what is in it.
    """

    page: str
    line: int
    kind: str
    name: str
    text: str

    def __str__(self) -> str:
        """Where it is, for the name of a test."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command behind `$ `, and the answer that the page shows."""

    text: str
    answer: str


@cache
def pages() -> tuple[str, ...]:
    """Every Markdown page of the tree, from its root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(sorted({name for name in listed if name and (ROOT / name).exists()}))


@cache
def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, kind: str = "") -> list[Block]:
    """The fenced blocks of a page, in order; only those of one kind, if one is given."""
    return [block for block in _blocks(page) if kind in ("", block.kind)]


@cache
def _blocks(page: str) -> tuple[Block, ...]:
    found: list[Block] = []
    opened: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(read(page).splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
            continue
        assert not fence["indent"], f"{page}:{number} indents a block: no test would read it"
        if opened is None:
            opened, lines = (number + 1, fence["kind"], fence["name"] or ""), []
        else:
            assert not fence["kind"], f"{page}:{number} opens a block within a block"
            found.append(Block(page, *opened, "\n".join(lines) + "\n"))
            opened = None
    assert opened is None, f"{page} never closes its last block"
    return tuple(found)


def of_kind(kind: str) -> list[Block]:
    """Every block of that kind, of all pages."""
    return [block for page in pages() for block in blocks(page, kind)]


def commands(block: Block) -> list[Command]:
    """The commands of a console block; one that ends with a backslash goes on in the next line."""
    found: list[Command] = []
    text, answer = "", ""
    for line in block.text.splitlines():
        if text.endswith(_CONTINUED):
            text = f"{text}\n{line}"
        elif line.startswith(_PROMPT):
            if text:
                found.append(Command(text, answer))
            text, answer = line.removeprefix(_PROMPT), ""
        else:
            assert text, f"{block} begins with an answer"
            answer += f"{line}\n"
    return [*found, Command(text, answer)]


def typed(page: str) -> list[Command]:
    """The commands of all console blocks of a page."""
    return [command for block in blocks(page, "console") for command in commands(block)]


def prose(page: str) -> str:
    """The page without its blocks, with as many lines."""
    lines = read(page).splitlines()
    for block in blocks(page):
        for number in range(block.line - 2, block.line + len(block.text.splitlines())):
            lines[number] = ""
    return "\n".join(lines)


def code_words(page: str) -> set[str]:
    """What stands between backticks in the prose of a page."""
    return set(_CODE.findall(prose(page)))


def links(page: str) -> list[str]:
    """The targets of a page's links."""
    return [match["target"] for match in _LINK.finditer(_CODE.sub("", prose(page)))]


def leads_somewhere(page: str, target: str) -> bool:
    """Whether a relative link of a page has a file, and its fragment a heading there."""
    path, _, fragment = target.partition("#")
    found = (ROOT / page).parent / path if path else ROOT / page
    if not found.exists():
        return False
    return not fragment or fragment in _anchors(found.resolve().relative_to(ROOT).as_posix())


def headings(page: str) -> list[str]:
    """Its headings, of whatever depth."""
    return [match[1] for line in prose(page).splitlines() if (match := _HEADING.match(line))]


def section(page: str, heading: str) -> str:
    """What stands below the one heading of that name, up to the next."""
    parts = re.split(r"^#+ +(.*)$", prose(page), flags=re.MULTILINE)
    (found,) = [text for name, text in zip(parts[1::2], parts[2::2], strict=True) if name == heading]
    return found


def _anchors(page: str) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def tables(page: str) -> list[list[str]]:
    """The rows of every table of a page, cell by cell, without the headers."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in prose(page).splitlines()
        if line.startswith("|")
    ]
    rules = {index for index, row in enumerate(rows) if all(set(cell) <= set("-: ") for cell in row)}
    return [row for index, row in enumerate(rows) if index not in rules and index + 1 not in rules]


def named_paths(page: str) -> set[str]:
    """The paths of this tree that a page names between backticks; `*` may stand for any name."""
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    words = {word.rstrip("/") for word in code_words(page) if re.fullmatch(r"[\w.*/-]+", word)}
    return {word for word in words if "/" in word and PurePosixPath(word).parts[0] in tops}


def makefile_targets(*, listed: bool = False) -> set[str]:
    """The targets of the Makefile; only those that `make help` lists, if asked so."""
    pattern = r"^([a-z-]+):.*## " if listed else r"^([a-z-]+):"
    return set(re.findall(pattern, (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def difference(shown: str, real: str) -> str:
    """Where the real answer is not the one that a page shows; empty where it is.

    A line `...` stands for any lines. How much whitespace there is, and what differs from run to run, does not count.
    """
    wanted, given = _comparable(shown), _comparable(real)
    pattern = "".join(r"(?:.*\n)*?" if line == _LEFT_OUT else re.escape(f"{line}\n") for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in given)):
        return ""
    return "\n".join(difflib.ndiff(wanted, given))


def _comparable(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    for pattern, word in _VOLATILE:
        lines = [pattern.sub(word, line) for line in lines]
    return lines


@dataclass(frozen=True, slots=True)
class Places:
    """What the pages write for addresses and logins, and what it really is in this run: pairs of both."""

    pairs: tuple[tuple[str, str], ...]

    def real(self, text: str) -> str:
        """A page's text as this run has it."""
        for shown, real in self.pairs:
            text = text.replace(shown, real)
        return text

    def shown(self, text: str) -> str:
        """This run's text as a page has it."""
        for shown, real in self.pairs:
            text = text.replace(real, shown)
        return text


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the commands of a page are typed.

    Attributes:
        folder: the working folder.
        places: what the pages' addresses are in this run.
        environment: the variables that there are, and no others.
    """

    folder: Path
    places: Places
    environment: dict[str, str] = field(default_factory=dict)

    def type(self, lines: list[str]) -> list[str]:
        """The answer to each command, both streams together; one shell takes them all, so `export` lasts."""
        script = "".join(f"{self.places.real(line)}\nprintf '\\n%s\\n' '{_ENDED}'\n" for line in lines)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=dict([*self.environment.items(), test_run().mark]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        answers = self.places.shown(done.stdout).split(f"\n{_ENDED}\n")
        assert len(answers) == len(lines) + 1, done.stdout
        return answers[:-1]
