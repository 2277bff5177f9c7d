"""Which pods share a ConfigMap, and what becomes of those of before, asked of a stand-in for Kubernetes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from support.manifests import DEMO, NAMESPACE, RELEASE, Manifest, only, rendered, run_helm

APPS = {"groupVersion": "apps/v1", "version": "v1"}


def resources(version: str, name: str, kind: str) -> Manifest:
    """What the cluster has of a version of its API."""
    resource = {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [resource]}


def config_map(made: list[Manifest]) -> str:
    """The name of the pods' own; it is there."""
    volumes = only(made, "Deployment")["spec"]["template"]["spec"]["volumes"]
    (name,) = [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]
    assert name in [each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"]
    return str(name)


def template(made: list[Manifest]) -> Manifest:
    """What pods are made of: another one, other pods."""
    found: Manifest = only(made, "Deployment")["spec"]["template"]
    return found


def test_pods_of_another_configuration_have_another_config_map() -> None:
    names = {config_map(rendered({**DEMO, "settings": {"log": {"level": level}}})) for level in ("info", "debug")}
    assert len(names) == 2


def test_more_gateways_are_the_same_pods() -> None:
    """They are told of the number in the file that they have."""
    few, many = (rendered({**DEMO, "replicas": number}) for number in (3, 4))
    assert template(few) == template(many)
    assert written(few)["server"]["replicas"] == 4
    assert written(many)["server"]["replicas"] == 5
    scaled = rendered({**DEMO, "autoscaling": {"enabled": True, "maxReplicas": 20}})
    assert template(scaled) == template(few)


def test_another_policy_is_for_the_same_pods() -> None:
    roles = {"reader": {"rules": [{"database": "*", "table": "*", "allow": "read"}]}}
    one, other = (rendered({**DEMO, "policy": {"roles": given}}) for given in (roles, {"other": roles["reader"]}))
    assert template(one) == template(other) != template(rendered(DEMO))


def written(made: list[Manifest]) -> dict[str, Any]:
    """The configuration's file."""
    found: dict[str, Any] = yaml.safe_load(only(made, "ConfigMap")["data"]["rowgate.yaml"])
    return found


def existing(name: str, made_at: str, **labels: str) -> Manifest:
    """A ConfigMap of the cluster."""
    own = {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/managed-by": "Helm"}
    metadata = {"name": name, "namespace": NAMESPACE, "creationTimestamp": made_at, "labels": {**own, **labels}}
    return {"metadata": metadata, "data": {"rowgate.yaml": f"# {name}\n"}}


@contextmanager
def cluster(found: list[Manifest], used: str) -> Iterator[str]:
    """As much of Kubernetes as Helm asks: its version, its ConfigMaps, and which one pods use; where it listens."""
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "config", "configMap": {"name": used}}]
    deployment = {"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"template": {"spec": {"volumes": volumes}}}}
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [APPS], "preferredVersion": APPS}]},
        "/api/v1": resources("v1", "configmaps", "ConfigMap"),
        "/apis/apps/v1": resources("apps/v1", "deployments", "Deployment"),
        f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/shop-rowgate": deployment,
        f"/api/v1/namespaces/{NAMESPACE}/configmaps": {"kind": "ConfigMapList", "apiVersion": "v1", "items": found},
    }

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            body = json.dumps(answer or {"kind": "Status", "status": "Failure", "code": 404}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any, **__: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def upgraded(found: list[Manifest], used: str, folder: Path) -> list[Manifest]:
    """The ConfigMaps that an upgrade leaves."""
    with cluster(found, used) as address:
        nobody = folder / "kubeconfig"
        nobody.write_text("{apiVersion: v1, kind: Config}", encoding="utf-8")
        flags = ("--dry-run=server", f"--kube-apiserver={address}", f"--kubeconfig={nobody}")
        done = run_helm("template", DEMO, *flags)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each and each["kind"] == "ConfigMap"]


def test_the_one_in_use_stays_even_if_it_is_the_oldest(tmp_path: Path) -> None:
    """It was gone back to."""
    found = [existing(f"shop-rowgate-{day}", f"2026-01-0{day}T00:00:00Z") for day in range(1, 6)]
    names = {each["metadata"]["name"] for each in upgraded(found, "shop-rowgate-1", tmp_path)}
    assert names == {config_map(rendered(DEMO)), "shop-rowgate-1", "shop-rowgate-4", "shop-rowgate-5"}


def test_the_last_three_configurations_stay_for_their_pods(tmp_path: Path) -> None:
    own = config_map(rendered(DEMO))
    found = [
        existing("shop-rowgate-1", "2026-01-01T00:00:00Z"),
        existing("shop-rowgate-4", "2026-01-04T00:00:00Z"),
        existing("shop-rowgate-3", "2026-01-03T00:00:00Z"),
        existing("shop-rowgate-2", "2026-01-02T00:00:00Z"),
        existing(own, "2026-01-05T00:00:00Z"),
        existing("other", "2026-01-06T00:00:00Z", **{"app.kubernetes.io/instance": "other"}),
        existing("of-nobody", "2026-01-06T00:00:00Z", **{"app.kubernetes.io/managed-by": "kubectl"}),
        {"metadata": {"name": "bare", "namespace": NAMESPACE, "creationTimestamp": "2026-01-07T00:00:00Z"}},
    ]
    made = upgraded(found, "shop-rowgate-4", tmp_path)
    data = {each["metadata"]["name"]: each["data"]["rowgate.yaml"] for each in made}
    assert set(data) == {own, "shop-rowgate-4", "shop-rowgate-3", "shop-rowgate-2"}
    assert data["shop-rowgate-3"] == "# shop-rowgate-3\n"
    labels = made[1]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/managed-by": "Helm"}
