# ruff: noqa: INP001 - a script, in no package
"""Writes and checks the lock files.

`python scripts/lock.py write [--upgrade]` resolves anew (needs uv beside the interpreter, and the network);
`python scripts/lock.py check` says offline whether the locks still belong to the pyproject files.

The locks are universal (every platform, Python 3.11 and up) and hold every artefact's hash, but no index address.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("clients/python/pyproject.toml", "service/pyproject.toml")
RUNTIME = "requirements.lock"
FINGERPRINT = "# inputs: "
# The local client is installed from its folder, so no lock names it.
LOCAL_CLIENT = "rowgate @ ./clients/python"


@dataclass(frozen=True)
class Lock:
    """One lock file and what goes into it."""

    name: str
    packages: bool = False
    """Whether it holds what the packages and their build need."""
    group: str | None = None
    """The dependency group of the root pyproject that it holds."""
    extras: tuple[str, ...] = ()
    """The packages' extras that it holds besides."""
    within: str | None = None
    """The lock whose pins it must keep."""

    def arguments(self) -> list[str]:
        """The inputs, as uv's arguments; `-` is `standard_input`."""
        arguments = [*PACKAGES, "-"] if self.packages else []
        if self.group:
            arguments += ["--group", self.group]
        for extra in self.extras:
            arguments += ["--extra", extra]
        if self.within:
            arguments += ["--constraints", self.within]
        return arguments

    def standard_input(self) -> str:
        """The requirements that no pyproject lists as dependencies: those of the build."""
        if not self.packages:
            return ""
        build = {requirement for path in PACKAGES for requirement in read_toml(path)["build-system"]["requires"]}
        return "\n".join([LOCAL_CLIENT, *sorted(build)])

    def fingerprint(self) -> str:
        """A hash of everything that the resolution starts from, releases on the index aside."""
        inputs: list[Any] = [self.arguments(), self.standard_input()]
        if self.packages:
            projects = [read_toml(path)["project"] for path in PACKAGES]
            inputs += [[project["requires-python"], project["dependencies"]] for project in projects]
            inputs += [project.get("optional-dependencies", {}) for project in projects]
        if self.group:
            inputs.append(read_toml("pyproject.toml")["dependency-groups"][self.group])
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


LOCKS = (
    Lock(RUNTIME, packages=True),
    Lock("requirements-extras.lock", packages=True, extras=("arrow", "tracing"), within=RUNTIME),
    Lock("requirements-dev.lock", packages=True, group="dev", within=RUNTIME),
    Lock("requirements-bench.lock", packages=True, group="bench", within=RUNTIME),
    Lock("requirements-stubs.lock", group="stubs"),
)


def read_toml(path: str) -> dict[str, Any]:
    """The TOML file at `path`, which is relative to the root."""
    return tomllib.loads((ROOT / path).read_text())


def pins(name: str) -> set[str]:
    """The `name==version` pins of a lock file."""
    return set(re.findall(r"^[A-Za-z0-9._-]+==[^\s;]+", (ROOT / name).read_text(), re.MULTILINE))


def write(lock: Lock, *, upgrade: bool) -> None:
    """Resolves `lock` and writes it, keeping the versions that it has unless `upgrade`."""
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header"),
        *("--no-emit-package", "rowgate", "--output-file", lock.name),
        *(["--upgrade"] if upgrade else []),
        *lock.arguments(),
    ]
    subprocess.run(command, cwd=ROOT, check=True, input=lock.standard_input(), text=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own uv, no foreign input
    path = ROOT / lock.name
    resolved = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith(FINGERPRINT)]
    path.write_text(f"{FINGERPRINT}{lock.fingerprint()}\n" + "".join(resolved))


def problems(lock: Lock) -> list[str]:
    """What makes `lock` stale, as sentences."""
    found = []
    if not (ROOT / lock.name).read_text().startswith(f"{FINGERPRINT}{lock.fingerprint()}\n"):
        found.append(f"{lock.name} was made from other requirements")
    if lock.within and (apart := pins(lock.within) - pins(lock.name)):
        found.append(f"{lock.name} differs from {lock.within}: {', '.join(sorted(apart))}")
    return found


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit code."""
    match arguments:
        case ["write", *rest] if rest in ([], ["--upgrade"]):
            for lock in LOCKS:
                write(lock, upgrade=bool(rest))
                sys.stdout.write(f"lock: {lock.name} has {len(pins(lock.name))} packages\n")
            return 0
        case ["check"]:
            found = [problem for lock in LOCKS for problem in problems(lock)]
            sys.stderr.writelines(f"lock: {problem}: run 'make lock'\n" for problem in found)
            return 1 if found else 0
        case _:
            sys.stderr.write("usage: lock.py write [--upgrade] | check\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
