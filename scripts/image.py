# ruff: noqa: INP001 - a script, in no package
"""Does what deploy/docker/Dockerfile says without Docker, in a folder of its own, and starts what comes out.

`python scripts/image.py` copies what the build stage copies, runs what it runs, starts the server with the image's
environment, entry point and command, and asks it by the image's health check. Prints the size of what is installed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
INSTALLED = "/opt/rowgate"


@dataclass
class Stage:
    """What one FROM begins: its instructions, each with its text."""

    steps: list[tuple[str, str]] = field(default_factory=list)

    def each(self, instruction: str) -> list[str]:
        """The texts of one instruction."""
        return [text for name, text in self.steps if name == instruction]

    def command(self, instruction: str) -> list[str]:
        """The last one of an instruction that has a JSON list at its end."""
        text = self.each(instruction)[-1]
        words: list[str] = json.loads(text[text.index("[") :])
        return words

    @property
    def environment(self) -> dict[str, str]:
        """What its ENVs set."""
        return dict(word.partition("=")[::2] for text in self.each("ENV") for word in text.split())


def stages() -> list[Stage]:
    """The Dockerfile's."""
    found: list[Stage] = []
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE))
    for line in filter(None, joined.splitlines()):
        name, _, text = line.partition(" ")
        if name == "FROM":
            found.append(Stage())
        if found:
            found[-1].steps.append((name, text.strip()))
    return found


def interpreter() -> str:
    """A Python as new as the image's: PYTHON, or one that is at hand; else, with a word about it, the one there is."""
    first = os.environ.get("PYTHON") or "python3"
    names = [first, "python3.14", "python3.13", "python3.12"]
    if shutil.which("pyenv"):
        folder = Path(_said("pyenv", "root")) / "versions"
        names += [str(path / "bin/python3") for path in sorted(folder.glob("3.*"), reverse=True)]
    for name in names:
        told = _said(name, "-c", "import sys; print(sys.version_info >= (3, 12))") if shutil.which(name) else ""
        if told == "True":
            return name
    sys.stdout.write("image: no Python 3.12 or newer is at hand, so an older one is used: say PYTHON=... for another\n")
    return first


def _said(*command: str) -> str:
    return str(_run(command, capture_output=True, text=True, check=False).stdout).strip()


def _run(command: Sequence[str], *, check: bool = True, **options: Any) -> subprocess.CompletedProcess[Any]:
    return subprocess.run(command, check=check, **options)  # noqa: S603 - the words of this script and of the Dockerfile


def build(stage: Stage, folder: Path) -> Path:
    """The build stage; returns where the server is installed."""
    context, installed = folder / "build", folder / "installed"
    for text in stage.each("COPY"):
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", text.split()[0]]
        names = _run(listed, cwd=ROOT, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
    for text in stage.each("RUN"):
        command = text.replace(INSTALLED, str(installed)).split()
        _run(command, cwd=context, env={**os.environ, "PYTHON": interpreter()})
    return installed


def try_out(stage: Stage, installed: Path, folder: Path) -> None:
    """Start the server as the image does, but with the demo and on sockets, and ask the health check."""
    environment = {name: value.replace(INSTALLED, str(installed)) for name, value in stage.environment.items()}
    environment["PATH"] = environment["PATH"].replace("$PATH", os.environ["PATH"])
    for name in ("ROWGATE_LISTEN", "ROWGATE_ADMIN_LISTEN"):
        environment[name] = f"unix:{folder / name.lower()}"
    environment["TMPDIR"] = str(folder)

    def command(words: list[str]) -> list[str]:
        return [str(installed / "bin" / words[0]), *words[1:]]

    serve = command([*stage.command("ENTRYPOINT"), *stage.command("CMD"), "--demo"])
    with subprocess.Popen(serve, env=environment, cwd="/", stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - as `_run`
        try:
            line = server.stdout.readline() if server.stdout else ""
            if "is ready on" not in line:
                sys.exit(f"image: the server did not start: {line}")
            _run(command(stage.command("HEALTHCHECK")), env=environment, cwd="/")
        finally:
            server.terminate()
    if server.returncode != 0:
        sys.exit(f"image: the server ended with {server.returncode}")


def main() -> None:
    """Run the script."""
    first, last = stages()
    with tempfile.TemporaryDirectory(prefix="rowgate-image-") as name:
        folder = Path(name)
        installed = build(first, folder)
        try_out(last, installed, folder)
        size = sum(path.lstat().st_size for path in installed.rglob("*"))
        sys.stdout.write(f"image: {installed.name} holds {size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
