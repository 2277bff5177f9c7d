"""The image is what the manifests run: same user, ports and command; and it holds what it should, and no more."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from types import ModuleType

import pytest

from rowgate_server import __version__, config
from support.available import ROOT
from support.manifests import OVERLAYS, built, only
from support.tools import hadolint

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"


@pytest.fixture(scope="module")
def image() -> ModuleType:
    """The script that does the Dockerfile's steps."""
    spec = importlib.util.spec_from_file_location("image", ROOT / "scripts/image.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look for their module's names.
    sys.modules["image"] = module
    spec.loader.exec_module(module)
    return module


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([hadolint(), DOCKERFILE], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_the_user_of_the_manifests(image: ModuleType) -> None:
    pod = only(built(OVERLAYS / "production"), "Deployment")["spec"]["template"]["spec"]
    (user,) = image.stages()[-1].each("USER")
    context = pod["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_it_listens_where_the_manifests_send_calls(image: ModuleType) -> None:
    stage = image.stages()[-1]
    (container,) = only(built(OVERLAYS / "production"), "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = [str(port["containerPort"]) for port in container["ports"]]
    assert " ".join(stage.each("EXPOSE")).split() == ports
    variables = {name: value for name, value in stage.environment.items() if name.startswith("ROWGATE_")}
    any_database = {"any": {"url": "sqlite:////any"}}
    settings = config.load({"insecure": "true"}, variables, extra_databases=any_database)
    assert [str(settings.listen.port), str(settings.admin_listen.port if settings.admin_listen else 0)] == ports
    rendered = {variable["name"]: variable["value"] for variable in container["env"]}
    assert variables.items() <= rendered.items()
    with pytest.raises(config.ConfigError, match="no authentication is configured"):
        config.load({}, variables, extra_databases=any_database)


def test_its_command_is_the_one_that_the_manifests_give_arguments_to(image: ModuleType) -> None:
    stage = image.stages()[-1]
    assert stage.command("ENTRYPOINT") == ["rowgate-server"]
    assert stage.command("CMD") == ["serve"]
    assert stage.command("HEALTHCHECK")[:2] == ["rowgate-server", "healthcheck"]
    # It must be over before Docker gives it up.
    (patience,) = re.findall(r"--timeout=(\d+)s", stage.each("HEALTHCHECK")[0])
    assert int(stage.command("HEALTHCHECK")[-1].removeprefix("--timeout=")) < int(patience)


def test_it_is_of_this_version_and_of_a_python_that_loses_no_cancellation(image: ModuleType) -> None:
    assert f'version="{__version__}"' in image.stages()[-1].each("LABEL")[0]
    (minor,) = re.findall(r"^ARG PYTHON=3\.(\d+)-slim", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert int(minor) >= 12


def test_its_context_is_what_it_copies(image: ModuleType) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {text.split()[0] for text in image.stages()[0].each("COPY")} == allowed
    assert ignored[1] == "*"


def test_its_locks_are_copied_and_one_of_them_has_the_server_s_extras(image: ModuleType) -> None:
    stage = image.stages()[0]
    (lock,) = [text.partition("=")[2] for text in stage.each("ARG")]
    copied = {text.split()[0] for text in stage.each("COPY")}
    assert {lock, "requirements-extras.lock"} <= copied
    extras = tomllib.loads((ROOT / "service/pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split("[=>]", each)[0] for packages in extras["optional-dependencies"].values() for each in packages}
    found = re.findall(
        r"^([a-z0-9-]+)==", (ROOT / "requirements-extras.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert wanted <= set(found)
