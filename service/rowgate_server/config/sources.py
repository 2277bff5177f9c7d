"""Where settings come from: flags, environment variables, the file, and what the program brings itself.

The only reader of the environment and of files in the server. Each source becomes a list of `Given`: a path, its
text, and the words that name the source in an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, NamedTuple

from rowgate_server.config.errors import Problem
from rowgate_server.config.shape import NAME, PREFIX, leaves, misfit, spell, variable
from rowgate_server.config.yamlfile import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowgate_server.config.fields import Path

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FLAGS = {
    "config": "--config",
    "listen": "--listen",
    "admin_listen": "--admin-listen",
    "default_database": "--default-database",
    "insecure": "--insecure",
    "log.level": "--log-level",
    "log.format": "--log-format",
}
"""The dotted keys that have a flag of their own; `--database NAME=URL` gives a URL, `--set KEY=VALUE` the rest."""

_FILE_SUFFIX = "_FILE"
# What Kubernetes puts into every pod for a Service whose name begins with `rowgate`.
_SERVICE = r"ROWGATE(_[A-Z0-9]+)*"
_SERVICE_NUMBERS = re.compile(
    rf"{_SERVICE}_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9]+)*|PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR))"
)
_SERVICE_URLS = re.compile(rf"{_SERVICE}_PORT(_[0-9]+_(TCP|UDP|SCTP))?")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")


class Given(NamedTuple):
    """One setting as one source gives it.

    Attributes:
        path: the keys that lead to it.
        value: text from flags, variables and files; None for a section that is there but empty.
        source: `environment ROWGATE_LISTEN`, as errors name it.
    """

    path: Path
    value: Any
    source: str


class Source:
    """What one source gives, and what is wrong with it.

    Attributes:
        given: what fits a setting.
        problems: what does not, and what else is wrong.
        readable: False if nothing at all could be read, so that what seems to be missing may be in there.
    """

    def __init__(self) -> None:
        self.readable = True
        self.given: list[Given] = []
        self.problems: list[Problem] = []

    def add(self, path: Path, value: Any, source: str) -> None:
        """Take one value, if there is such a setting."""
        words = misfit(path, empty=value is None or value == "")
        if words is None:
            self.given.append(Given(path, value, source))
        else:
            self.refuse(path, source, words)

    def refuse(self, path: Path, source: str, words: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, source, words))


def from_flags(flags: Mapping[str, str]) -> Source:
    """The command line: dotted keys, without `config`."""
    source = Source()
    for key, text in flags.items():
        if key != "config":
            source.add(tuple(key.split(".")), text, f"flag {_flag(key)}")
    return source


def _flag(key: str) -> str:
    if re.fullmatch(r"databases\.[^.]+\.url", key):
        return "--database"
    return FLAGS.get(key, "--set")


def from_environment(env: Mapping[str, str]) -> Source:
    """The variables that begin with `ROWGATE_`, in any case; `__` goes one level down."""
    source = Source()
    takers: dict[Path, str] = {}
    for name in sorted(env):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper == CONFIG_VARIABLE or is_service_link(name, env[name]):
            continue
        place = f"environment {spell(name)}"
        from_file = upper.endswith(_FILE_SUFFIX)
        path = environment_path(upper.removesuffix(_FILE_SUFFIX) if from_file else upper)
        if path in takers:
            source.refuse(path, place, f"is given by {takers[path]} too; keep one of them")
            continue
        takers[path] = spell(name)
        words = _misspelt(path) or misfit(path, empty=not env[name])
        if words is not None:
            source.refuse(path, place, words)
        elif from_file:
            _add_from_file(source, path, env[name], place)
        else:
            source.add(path, env[name], place)
    return source


def files_of_environment(env: Mapping[str, str]) -> list[str]:
    """The files that variables name instead of a value."""
    names = [name for name in sorted(env) if name.upper().startswith(PREFIX) and name.upper().endswith(_FILE_SUFFIX)]
    return [env[name] for name in names if env[name]]


def environment_path(name: str) -> Path:
    """The path that a variable means: `ROWGATE_DATABASES__MAIN__URL` is databases, main, url."""
    return tuple(name[len(PREFIX) :].lower().split("__"))


def is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes made this variable for a Service called `rowgate` or `rowgate-...`."""
    if _SERVICE_NUMBERS.fullmatch(name):
        return True
    # By its value too, so that a mistaken ROWGATE_LISTEN_PORT=50051 is not passed over.
    return bool(_SERVICE_URLS.fullmatch(name) and _SERVICE_URL.fullmatch(value))


def _add_from_file(source: Source, path: Path, file: str, place: str) -> None:
    # The file's name is not repeated: by mistake it may be the secret itself.
    try:
        text = read_text(file)
    except ValueError as error:
        source.refuse(path, place, f"the file it names {error}")
        return
    source.add(path, text.removesuffix("\n").removesuffix("\r"), place)


def read_text(file: str) -> str:
    """The text of a file; ValueError says why there is none, without the file's name."""
    try:
        return File(file).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except ValueError:
        raise ValueError("cannot be read: its name has a NUL character") from None


def unreadable(file: str) -> str | None:
    """Why a file that something else will read later cannot be read; None if it can."""
    try:
        File(file).open("rb").close()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _misspelt(path: Path) -> str | None:
    """A hint for `ROWGATE_LOG_LEVEL`, which needs two underscores to go one level down."""
    if misfit(path, empty=False) is None:
        return None
    flat = "_".join(path)
    if flat == "config":
        return f"no such setting; did you mean {CONFIG_VARIABLE}?"
    for leaf in leaves():
        pattern = "_+".join("([a-z0-9][a-z0-9_-]*)" if part == NAME else part for part in leaf.path)
        match = re.fullmatch(pattern, flat)
        if match and len(path) != len(leaf.path):
            names = iter(match.groups())
            meant = tuple(next(names).strip("_") if part == NAME else part for part in leaf.path)
            return f"no such setting; did you mean {variable(meant)}?"
    return None


def from_file(file: str) -> Source:
    """A YAML file."""
    source = Source()
    shown = "".join(character if character.isprintable() else "?" for character in file)
    try:
        lines = read_yaml(read_text(file))
    except ValueError as error:
        source.readable = False
        source.refuse((), f"config file {shown}", str(error))
        return source
    for line in lines:
        place = f"file {shown} line {line.number}"
        if not line.path and (line.fault or line.text):
            source.refuse((), f"config file {shown}", line.fault or "is a single value, not settings by name")
        elif line.fault:
            source.refuse(line.path, place, line.fault)
        elif line.path:
            source.add(line.path, line.text, place)
    return source


def from_mapping(values: Mapping[str, Any], path: Path, name: str) -> Source:
    """Nested plain values, which `name` brings."""
    source = Source()
    for key, value in _flatten(values, path):
        source.add(key, value, name)
    return source


def _flatten(values: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, (*path, key))
        else:
            yield (*path, key), value
