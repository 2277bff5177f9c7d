"""The manifests hold in Kubernetes's own schemas, and keep what an operator is promised."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from rowgate_server import __version__
from support import manifests
from support.available import ROOT
from support.manifests import DEMO, FULL, OVERLAYS, VERSIONS, Manifest, built, files_of, only, rendered, settings_of

SERVICE_MONITOR = {
    "type": "object",
    "required": ["jobLabel", "selector", "endpoints"],
    "additionalProperties": False,
    "properties": {
        "jobLabel": {"type": "string"},
        "selector": {"type": "object", "required": ["matchLabels"], "additionalProperties": False, "properties": {
            "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}}},
        "endpoints": {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": False,
            "required": ["port", "path", "interval"], "properties": {
                "port": {"type": "string"}, "path": {"const": "/metrics"}, "interval": {"pattern": "^[0-9]+s$"}}}},
    },
}  # fmt: skip
"""What of the Prometheus operator's own kind is used here."""

PROMETHEUS_RULE = {
    "type": "object",
    "required": ["groups"],
    "additionalProperties": False,
    "properties": {
        "groups": {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": False,
            "required": ["name", "rules"], "properties": {
                "name": {"type": "string"}, "rules": {"type": "array", "minItems": 1, "items": {
                    "type": "object", "additionalProperties": False, "required": ["expr"], "properties": {
                        "record": {"type": "string"}, "alert": {"type": "string"}, "expr": {"type": "string"},
                        "for": {"pattern": "^[0-9]+[smh]$"}, "labels": {"type": "object"},
                        "annotations": {"type": "object"}}}}}}},
    },
}  # fmt: skip


def all_of(name: str) -> list[Manifest]:
    match name:
        case "chart":
            return rendered(FULL)
        case "chart with the demo":
            return rendered(DEMO)
        case _:
            return built(OVERLAYS / name)


ALL = pytest.mark.parametrize("name", ["chart", "chart with the demo", "dev", "production"])


@pytest.fixture(scope="module")
def with_pool_use(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The production overlay with autoscaling by the pools' use."""
    folder = tmp_path_factory.mktemp("kustomize")
    for part in ("kustomize", "monitoring"):
        shutil.copytree(ROOT / "deploy" / part, folder / part)
    overlay = folder / "kustomize/overlays/production/kustomization.yaml"
    text = overlay.read_text(encoding="utf-8")
    overlay.write_text(re.sub(r"# (- ../../components/pool-autoscaling).*", r"\1", text), encoding="utf-8")
    return built(overlay.parent)


def hold(found: list[Manifest], version: str) -> None:
    for manifest in found:
        if manifest["kind"] == "ServiceMonitor":
            jsonschema.validate(manifest["spec"], SERVICE_MONITOR)
        elif manifest["kind"] == "PrometheusRule":
            jsonschema.validate(manifest["spec"], PROMETHEUS_RULE)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


@ALL
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_holds_in_the_schemas_of_kubernetes(name: str, version: str) -> None:
    hold(all_of(name), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_so_does_autoscaling_by_the_pools_use(version: str, with_pool_use: list[Manifest]) -> None:
    hold(with_pool_use, version)
    assert only(with_pool_use, "HorizontalPodAutoscaler") != only(
        built(OVERLAYS / "production"), "HorizontalPodAutoscaler"
    )


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    deployment = copy.deepcopy(only(built(OVERLAYS / "dev"), "Deployment"))
    deployment["spec"]["template"]["spec"]["terminationGrace"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


# What holds for every pod


def pods(found: list[Manifest]) -> list[Manifest]:
    """The pods' specs, the test's too."""
    return [only(found, "Deployment")["spec"]["template"]["spec"]] + [
        manifest["spec"] for manifest in found if manifest["kind"] == "Pod"
    ]


@ALL
def test_pods_are_as_restricted_as_kubernetes_asks_for(name: str) -> None:
    for pod in pods(all_of(name)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@ALL
def test_selectors_select_the_gateways_and_nothing_else(name: str) -> None:
    found = all_of(name)
    deployment = only(found, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    others = [manifest["metadata"]["labels"] for manifest in found if manifest["kind"] == "Pod"]
    selectors = [deployment["spec"]["selector"]["matchLabels"], only(found, "Service")["spec"]["selector"]]
    for manifest in found:
        spec = manifest.get("spec", {})
        selectors += [
            spec[key]["matchLabels"] for key in ("selector", "podSelector") if "matchLabels" in spec.get(key, {})
        ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not any(selector.items() <= other.items() for other in others)


@ALL
def test_every_port_that_is_named_is_the_container_s(name: str) -> None:
    found = all_of(name)
    (container,) = only(found, "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    service = {port["name"]: port for port in only(found, "Service")["spec"]["ports"]}
    assert {port["targetPort"] for port in service.values()} <= ports
    for manifest in found:
        if manifest["kind"] == "ServiceMonitor":
            assert {endpoint["port"] for endpoint in manifest["spec"]["endpoints"]} <= set(service)
        if manifest["kind"] == "NetworkPolicy":
            opened = {port["port"] for rule in manifest["spec"]["ingress"] for port in rule["ports"]}
            assert opened == ports


@ALL
def test_clients_see_every_pod(name: str) -> None:
    assert only(all_of(name), "Service")["spec"]["clusterIP"] == "None"


# The two ways are one


def plain(spec: Manifest) -> Manifest:
    """A pod's spec without the names that the ways give."""
    text = yaml.safe_dump(spec)
    for pattern, name in ((r"rowgate-[0-9a-z]{10}\b", "rowgate"), (r"\bshop-rowgate\b", "rowgate")):
        text = re.sub(pattern, name, text)
    found: Manifest = yaml.safe_load(text)
    (container,) = found["containers"]
    container["env"] = sorted(container["env"], key=lambda each: str(each["name"]))
    container["volumeMounts"] = sorted(container["volumeMounts"], key=lambda each: str(each["name"]))
    found["volumes"] = sorted(found["volumes"], key=lambda each: str(each["name"]))
    for constraint in found["topologySpreadConstraints"]:
        constraint["labelSelector"]["matchLabels"].pop("app.kubernetes.io/instance", None)
    return found


def test_the_chart_and_the_overlay_make_the_same_pod() -> None:
    chart = rendered(
        {
            "image": {"repository": "registry.example/rowgate-server"},
            "databases": {
                "main": {
                    "urlSecret": {"name": "rowgate", "key": "main-url"},
                    "settings": {"pool": {"size": 5, "max_overflow": 5}},
                }
            },
            "apiKeys": {
                "tester": {
                    "hashSecret": {"name": "rowgate", "key": "tester-hash"},
                    "settings": {"roles": "tester"},
                }
            },
            "policy": yaml.safe_load((OVERLAYS / "production/policy.yaml").read_text(encoding="utf-8")),
            "pageTokenSecret": {"name": "rowgate", "key": "page-token"},
            "settings": {"default_database": "main"},
            "autoscaling": {"enabled": True},
            "serviceMonitor": {"enabled": True},
        }
    )
    overlay = built(OVERLAYS / "production")
    mine, other = (plain(pods(found)[0]) for found in (chart, overlay))
    assert mine == other
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"):
        specs: list[Any] = [yaml.safe_dump(only(found, kind)["spec"]) for found in (chart, overlay)]
        same = re.sub(r"\s*app.kubernetes.io/instance: shop\n", "\n", specs[0]).replace("shop-rowgate", "rowgate")
        assert same == specs[1], kind
    for name in ("rowgate.yaml", "policy.yaml"):
        files = [files_of(found)[name] for found in (chart, overlay)]
        assert yaml.safe_load(files[0]) == yaml.safe_load(files[1])


def test_secrets_reach_the_server_as_files(tmp_path: Path) -> None:
    reader = "sqlite:////data.db?mode=ro"
    made = manifests.pod_of(all_of("chart"), {**SECRETS, "reader-url": reader}, tmp_path)
    settings = settings_of(made)
    login = settings.databases["main"].logins["reader"]
    assert (login.url.render(hide_password=False), login.pool.size, login.pool.max_overflow) == (reader, 2, 0)
    assert settings.policy.mask_secret.get_secret_value() == SECRETS["mask"]
    assert settings.server.page_token_secret.get_secret_value() == SECRETS["page-token"]


def test_another_configuration_makes_other_pods() -> None:
    def checksum(level: str) -> str:
        template = only(rendered({**DEMO, "settings": {"log": {"level": level}}}), "Deployment")["spec"]["template"]
        found: str = template["metadata"]["annotations"]["checksum/config"]
        return found

    assert checksum("info") != checksum("debug")
    assert checksum("info") == checksum("info")


def test_versions_are_those_of_the_server() -> None:
    chart = yaml.safe_load((manifests.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
    for name in ("dev", "production"):
        assert pods(built(OVERLAYS / name))[0]["containers"][0]["image"].endswith(f":{__version__}")


# Numbers


@ALL
def test_a_pod_has_longer_to_end_than_its_calls_have(name: str, tmp_path: Path) -> None:
    found = all_of(name)
    made = manifests.pod_of(found, SECRETS, tmp_path)
    settings = settings_of(made)
    pod = pods(found)[0]
    assert pod["terminationGracePeriodSeconds"] >= settings.server.drain_grace + 5


@ALL
def test_one_thing_waits_for_clients_to_hear_that_a_pod_goes(name: str, tmp_path: Path) -> None:
    found = all_of(name)
    made = manifests.pod_of(found, SECRETS, tmp_path)
    server = settings_of(made).server
    assert 0 < server.drain_pause <= server.drain_grace / 2
    assert "lifecycle" not in pods(found)[0]["containers"][0]


SECRETS = dict.fromkeys(("main-url", "reader-url", "archive-url", "cold-url"), "sqlite:////data.db") | {
    "page-token": "x" * 32,
    "mask": "y" * 32,
    "tester-hash": "scrypt:14:8:1:c2FsdHNhbHRzYWx0c2FsdA:aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
    "tls.crt": "",
    "tls.key": "",
}


@pytest.mark.parametrize("name", ["chart", "production"])
def test_the_gateway_knows_how_many_there_may_be(name: str, tmp_path: Path) -> None:
    found = all_of(name)
    settings = settings_of(manifests.pod_of(found, SECRETS, tmp_path))
    surge = only(found, "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    assert settings.server.replicas == only(found, "HorizontalPodAutoscaler")["spec"]["maxReplicas"] + surge
