"""The manifests in `deploy`, rendered by the real tools, and a pod of theirs made ready to run on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from rowgate_server import config
from support.available import ROOT
from support.tools import helm, kustomize

Manifest = dict[str, Any]

CHART = ROOT / "deploy/helm/rowgate"
OVERLAYS = ROOT / "deploy/kustomize/overlays"
RELEASE, NAMESPACE = "shop", "shops"
VERSIONS = ("1.27", "1.37")
"""Of Kubernetes: the oldest that the chart takes, and the newest that there are schemas of."""

FULL = {
    "databases": {
        "main": {
            "urlSecret": {"name": "databases", "key": "main-url"},
            "maxConnections": 120,
            "settings": {"pool": {"size": 4, "max_overflow": 1}, "limits": {"unary_rows": 2_000_000}},
            "logins": {
                "reader": {
                    "urlSecret": {"name": "databases", "key": "reader-url"},
                    "settings": {"pool": {"size": 2, "max_overflow": 0}},
                }
            },
        },
        "archive": {"urlSecret": {"name": "databases", "key": "archive-url"}, "maxConnections": 60},
        "cold-store": {"urlSecret": {"name": "databases", "key": "cold-url"}},
    },
    "settings": {"default_database": "main", "log": {"level": "warning"}, "health": {"interval": "2s"}},
    "apiKeys": {"tester": {"hashSecret": {"name": "keys", "key": "tester-hash"}, "settings": {"roles": "tester"}}},
    "policy": {"roles": {"tester": {"rules": [{"database": "*", "table": "*", "allow": "read"}]}}},
    "tls": {"secret": "certificate"},
    "pageTokenSecret": {"name": "rowgate", "key": "page-token"},
    "maskSecret": {"name": "rowgate", "key": "mask"},
    "autoscaling": {"enabled": True, "poolUse": {"enabled": True}},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "grafanaDashboard": {"enabled": True, "namespace": "monitoring", "annotations": {"grafana_folder": "Databases"}},
}
"""Values of the chart that switch on what there is."""

LISTENS = {"ROWGATE_LISTEN": "grpc", "ROWGATE_ADMIN_LISTEN": "admin", "ROWGATE_HEALTH_LISTEN": "health"}
"""The variables that say where a pod listens, and the names of its ports."""

DEMO = {"demo": True, "insecure": True, "replicas": 1}


def rendered(values: Mapping[str, Any], *, version: str = VERSIONS[0]) -> list[Manifest]:
    """What the chart makes of some values."""
    return _documents(_template(json.dumps(values), version))


@cache
def _template(values: str, version: str) -> str:
    done = run_helm("template", json.loads(values), version=version)
    assert done.returncode == 0, done.stderr
    return done.stdout


def notes(values: Mapping[str, Any]) -> str:
    """What the chart says once it is installed; Helm tells it only where there is a cluster, so as a manifest."""
    with TemporaryDirectory() as name:
        chart = Path(name) / CHART.name
        shutil.copytree(CHART, chart)
        text = (chart / "templates/NOTES.txt").read_text(encoding="utf-8")
        (chart / "templates/_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}", encoding="utf-8")
        (chart / "templates/notes.yaml").write_text(
            'kind: Notes\napiVersion: v1\ntext: {{ include "notes" . | toJson }}\n', encoding="utf-8"
        )
        done = run_helm("template", values, chart=chart)
    assert done.returncode == 0, done.stderr
    told: str = only(_documents(done.stdout), "Notes")["text"]
    return told


def run_helm(
    command: str, values: Mapping[str, Any], *flags: str, version: str = VERSIONS[0], chart: Path = CHART
) -> subprocess.CompletedProcess[str]:
    """Helm on the chart."""
    named = [] if command == "lint" else [RELEASE]
    options = ["--namespace", NAMESPACE, "--kube-version", f"{version}.0", "--values", "-"]
    return subprocess.run(
        [str(helm()), command, *named, str(chart), *options, *flags],
        input=yaml.safe_dump(values),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@cache
def _built(folder: Path) -> str:
    done = subprocess.run([kustomize(), "build", folder], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(folder: Path) -> list[Manifest]:
    """What kustomize makes of a folder."""
    return _documents(_built(folder))


def _documents(text: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(text) if document]


def only(manifests: list[Manifest], kind: str) -> Manifest:
    """The one of that kind."""
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def files_of(manifests: list[Manifest]) -> dict[str, str]:
    """The files of the ConfigMap that a pod is configured by."""
    (found,) = [
        manifest["data"]
        for manifest in manifests
        if manifest["kind"] == "ConfigMap" and "rowgate.yaml" in manifest["data"]
    ]
    return dict(found)


def port_named(container: Mapping[str, Any], name: str) -> int:
    """The number of a container's port."""
    (number,) = [port["containerPort"] for port in container["ports"] if port["name"] == name]
    return int(number)


@dataclass(frozen=True, slots=True)
class Pod:
    """What a Deployment would start, as a process of this machine.

    Attributes:
        container: its only one, as rendered.
        arguments: of the image's entry point.
        configuration: its variables, with paths in the pod's volumes as real ones.
        environment: the same for a process here: what listens on every interface does so on loopback.
    """

    container: Manifest
    arguments: list[str]
    configuration: dict[str, str]
    environment: dict[str, str]


def pod_of(manifests: list[Manifest], secrets: Mapping[str, str], folder: Path) -> Pod:
    """Lay out a Deployment's volumes in a folder.

    Args:
        manifests: the Deployment, and the ConfigMaps that it mounts.
        secrets: the values of all Secrets, by their keys.
        folder: empty.
    """
    spec = only(manifests, "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts: dict[str, Path] = {}
    for mount in container["volumeMounts"]:
        place = folder / mount["name"]
        place.mkdir()
        _fill(volumes.pop(mount["name"]), manifests, secrets, place)
        mounts[mount["mountPath"]] = place
    assert not volumes, "a volume is mounted nowhere"
    _move(mounts)

    def real(path: str) -> str:
        (inside,) = [mounted for mounted in mounts if path == mounted or path.startswith(f"{mounted}/")]
        found = Path(f"{mounts[inside]}{path.removeprefix(inside)}")
        assert found.is_file(), f"{path} is not in the pod"
        return str(found)

    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    configuration = {name: real(value) if value.startswith("/") else value for name, value in variables.items()}
    environment = {**configuration, "TMPDIR": str(mounts["/tmp"])}  # noqa: S108 - the pod's own
    for name, port in LISTENS.items():
        if name not in environment:
            continue
        assert environment[name] == f"0.0.0.0:{port_named(container, port)}"
        environment[name] = "127.0.0.1:0"
    return Pod(container, container["args"], configuration, environment)


def settings_of(pod: Pod) -> config.Settings:
    """What the server of a pod is told, with the demo where it would have it."""
    demo = {"demo": {"url": "sqlite:////demo"}} if "--demo" in pod.arguments else {}
    flags = {"insecure": "true"} if "--insecure" in pod.arguments else {}
    return config.load(flags, pod.configuration, extra_databases=demo)


def _move(mounts: Mapping[str, Path]) -> None:
    """Have the configuration's own paths lead into the folder."""
    for file in mounts.get("/etc/rowgate/config", Path("/nowhere")).glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        for mounted, place in mounts.items():
            if mounted.startswith("/etc/"):
                text = text.replace(f" {mounted}/", f" {place}/")
        file.write_text(text, encoding="utf-8")


def _fill(volume: Manifest, manifests: list[Manifest], secrets: Mapping[str, str], place: Path) -> None:
    if "configMap" in volume:
        (found,) = [
            manifest
            for manifest in manifests
            if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] == volume["configMap"]["name"]
        ]
        for name, text in found["data"].items():
            (place / name).write_text(text, encoding="utf-8")
    elif "projected" in volume:
        for source in volume["projected"]["sources"]:
            for item in source["secret"]["items"]:
                file = place / item["path"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(secrets[item["key"]], encoding="utf-8")
    elif "secret" in volume:
        for name in ("tls.crt", "tls.key", "ca.crt"):
            if name in secrets:
                (place / name).write_text(secrets[name], encoding="utf-8")
    else:
        assert "emptyDir" in volume
