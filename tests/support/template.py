"""Initialised data folders, made once and copied per server: initialising takes many times longer than a copy."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING

from support.available import cache_folder
from support.guard import test_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from support.child import Account


def environment(folder: Path) -> dict[str, str]:
    """What a database server's programs get to see: nothing of the developer's own settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"}


def run(command: Sequence[str | Path], *, folder: Path, account: Account | None, script: str = "") -> None:
    """Runs a program of a database to its end, with `script` as its input."""
    done = subprocess.run(
        [*(account.prefix if account else []), *command],
        cwd=folder,
        env=dict([*environment(folder).items(), test_run().mark]),
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}"


def data_folder(name: str, *, recipe: str, account: Account | None, initialise: Callable[[Path], None]) -> Path:
    """An initialised data folder to copy, from the cache or made now.

    Args:
        name: the engine's.
        recipe: everything that the folder's content follows from; another recipe is another folder.
        account: who makes it.
        initialise: makes `data` in the folder that it is given, as `account`.
    """
    key = hashlib.sha256(f"{recipe}\n{platform.machine()}".encode()).hexdigest()[:16]
    kept = cache_folder() / "templates" / f"{name}-{key}"
    if kept.exists():
        return kept
    workshop = test_run().folder / f"{name}-template"
    workshop.mkdir(mode=0o700)
    if account:
        account.own(workshop)
    initialise(workshop)
    copy = kept.with_name(f"{kept.name}.{os.getpid()}")
    shutil.copytree(workshop / "data", copy)
    try:
        copy.rename(kept)
    except OSError:  # another run was faster
        shutil.rmtree(copy)
    return kept
