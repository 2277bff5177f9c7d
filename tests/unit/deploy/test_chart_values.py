"""The chart's values: what is refused, what the notes say, and that no default is another than the server's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from rowgate_server import config
from support.manifests import CHART, DEMO, FULL, VERSIONS, files_of, notes, only, rendered, run_helm

CERTIFICATE = {"certificate": "tls.crt", "key": "tls.key", "client_ca": "ca.crt"}
MAIN = {"urlSecret": {"name": "databases", "key": "main-url"}}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", [FULL, DEMO], ids=["full", "demo"])
def test_helm_lint_finds_nothing(values: dict[str, Any], version: str) -> None:
    done = run_helm("lint", values, "--strict", version=version)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"insecure": True}, "there is nothing to serve"),
        ({"demo": True}, "whoever reaches a pod may do everything"),
        ({**FULL, "insecure": True}, "contradicts"),
        ({**DEMO, "settings": {"insecure": False}}, "say insecure"),
        ({**DEMO, "settings": {"tls": {"certificate": "/a"}}}, "say tls"),
        ({**DEMO, "tls": {"clientCa": True}}, "needs tls.secret"),
        ({**FULL, "settings": {"auth": {"api_keys": {"a": {"hash": "b"}}}}}, "say apiKeys"),
        ({**FULL, "settings": {"policy": {"path": "/a"}}}, "say policy"),
        ({**DEMO, "apiKeys": {"a": {"hashSecret": {"name": "a", "key": "b"}, "settings": {"hash": "c"}}}}, "hash"),
        ({**DEMO, "demo": "yes"}, "demo"),
        ({**DEMO, "replica": 2}, "replica"),
        ({**DEMO, "nameOverride": "UPPER_x"}, "nameOverride"),
        ({**DEMO, "fullnameOverride": "1st"}, "fullnameOverride"),
        ({**DEMO, "settings": {"auth": {"open_reflection": True}}}, "contradicts"),
        ({"demo": True, "settings": {"auth": {"open_reflection": True}}}, "settings.auth.open_reflection"),
        ({**DEMO, "autoscaling": {"enabled": True}, "resources": None}, "resources.requests.cpu"),
        ({**DEMO, "autoscaling": {"enabled": True, "minReplicas": 4, "maxReplicas": 3}}, "autoscaling.minReplicas"),
        ({**DEMO, "ports": {"grpc": 9464}}, "ports.grpc: is the same as ports.admin"),
        ({**DEMO, "ports": {"health": 50051}}, "ports.health: is the same as ports.grpc"),
        ({**FULL, "ports": {"grpc": 50052}}, "ports.health: is the same as ports.grpc"),
        ({**DEMO, "replicas": -1}, "replicas"),
        ({"databases": {"main": {}}}, "urlSecret"),
        ({"databases": {"main": {**MAIN, "url": "mysql://user:secret@host/db"}}}, "url"),
        ({"databases": {"main": {**MAIN, "settings": {"url": "mysql://user:secret@host/db"}}}}, "settings"),
        ({"databases": {"main__main": MAIN}}, "main__main"),
        ({"databases": {"Main": MAIN}}, "Main"),
        ({**DEMO, "ports": {"grpc": 80}}, "grpc"),
        ({**DEMO, "settings": {"listen": "0.0.0.0:1"}}, "say ports"),
        ({**DEMO, "settings": {"server": {"drain_grace": "1s"}}}, "drain.graceSeconds"),
        ({**DEMO, "settings": {"server": {"drain_pause": "1s"}}}, "drain.pauseSeconds"),
        ({**DEMO, "settings": {"server": {"replicas": 2}}}, "say replicas or autoscaling"),
        ({**DEMO, "drain": {"pauseSeconds": 6, "graceSeconds": 11}}, "at most half"),
        ({**DEMO, "drain": {"preStopSeconds": 5}}, "preStopSeconds"),
        ({**DEMO, "settings": {"databases": {}}}, "settings"),
        ({**DEMO, "pageTokenSecret": {"name": "rowgate"}}, "pageTokenSecret"),
        ({"databases": {"main": {**MAIN, "logins": {"reader": {}}}}}, "urlSecret"),
        ({"databases": {"main": {**MAIN, "logins": {"a__b": MAIN}}}}, "a__b"),
        ({"databases": {"main": {**MAIN, "replicas": {"near": {}}}}}, "urlSecret"),
        ({"databases": {"main": {**MAIN, "settings": {"replicas": {"near": {"pool": {"size": 2}}}}}}}, "replicas"),
        ({"databases": {"main": {**MAIN, "replicas": {"a": {**MAIN, "settings": {"url": "mysql://u:p@h/d"}}}}}}, "url"),
        ({"databases": {"main": {**MAIN, "logins": {"a": {**MAIN, "settings": {"url": "mysql://u:p@h/d"}}}}}}, "url"),
        ({**DEMO, "autoscaling": {"poolUse": {"target": "70%"}}}, "target"),
        ({**DEMO, "prometheusRule": {"runbookUrl": "docs/operations.md"}}, "runbookUrl"),
        ({**DEMO, "grafanaDashboard": {"label": {}}}, "label"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(values: dict[str, Any], told: str) -> None:
    done = run_helm("template", values)
    assert done.returncode != 0
    assert told in done.stderr
    assert "secret@" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROWGATE_LISTEN", "ports"),
        ("ROWGATE_ADMIN_LISTEN", "ports"),
        ("ROWGATE_HEALTH_LISTEN", "ports"),
        ("ROWGATE_CONFIG", "settings"),
        ("ROWGATE_INSECURE", "insecure"),
        ("ROWGATE_TLS__KEY", "tls"),
        ("ROWGATE_SERVER__DRAIN_GRACE", "drain"),
        ("ROWGATE_SERVER__REPLICAS", "replicas or autoscaling"),
        ("ROWGATE_SERVER__PAGE_TOKEN_SECRET_FILE", "pageTokenSecret"),
        ("ROWGATE_POLICY__MASK_SECRET", "maskSecret"),
        ("ROWGATE_DATABASES__MAIN__LOGINS__READER__URL", "databases"),
        ("ROWGATE_AUTH__API_KEYS__TESTER__HASH", "apiKeys"),
        ("ROWGATE_SERVER__WORKERS", "settings.server.workers"),
        ("ROWGATE_DATABASES__MAIN__POOL__SIZE", "databases"),
        ("ROWGATE_DATABASES__MAIN__LOGINS__READER__POOL__MAX_OVERFLOW", "databases"),
        ("ROWGATE_DATABASES__MAIN__REPLICAS__NEAR__URL_FILE", "databases"),
    ],
)
def test_a_variable_that_has_a_value_of_its_own_is_refused(name: str, value: str) -> None:
    done = run_helm("template", {**DEMO, "extraEnv": [{"name": name, "value": "0.0.0.0:9"}]})
    assert done.returncode != 0
    assert f"extraEnv: {name}: say {value}" in done.stderr


def test_other_variables_are_the_container_s() -> None:
    variables = [{"name": "ROWGATE_LOG__LEVEL", "value": "debug"}, {"name": "SSL_CERT_FILE", "value": "/ca.crt"}]
    spec = only(rendered({**DEMO, "extraEnv": variables}), "Deployment")["spec"]["template"]["spec"]
    assert spec["containers"][0]["env"][-2:] == variables


def secret_settings() -> Iterator[tuple[str, ...]]:
    """The path of each, with `any` for a name."""
    schema = config.json_schema()

    def below(described: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if described.get("x-secret"):
            yield path
        inner = described | schema["$defs"].get(described.get("$ref", "").removeprefix("#/$defs/"), {})
        for name, child in inner.get("properties", {}).items():
            yield from below(child, (*path, name))
        for child in inner.get("patternProperties", {}).values():
            yield from below(child, (*path, "any"))

    return below(schema, ())


@pytest.mark.parametrize("path", [*secret_settings()], ids=".".join)
def test_no_secret_is_taken_for_the_config_map(path: tuple[str, ...]) -> None:
    def nested(keys: tuple[str, ...]) -> Any:
        return {keys[0]: nested(keys[1:])} if keys else "a secret of a test's own"

    ways = [{**DEMO, "settings": nested(path)}]
    if path[0] == "databases":
        ways.append({"insecure": True, "databases": {"any": {**MAIN, "settings": nested(path[2:])}}})
    for values in ways:
        done = run_helm("template", values)
        assert done.returncode != 0
        assert "a secret" not in done.stdout + done.stderr


def test_the_secrets_that_there_are() -> None:
    assert {path[-1] for path in secret_settings()} == {"url", "hash", "page_token_secret", "mask_secret"}


def test_a_kubernetes_before_1_27_is_refused() -> None:
    done = run_helm("template", DEMO, version="1.26")
    assert done.returncode != 0
    assert "kubeVersion" in done.stderr


def test_every_value_of_the_file_is_in_the_schema_and_the_other_way_round() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert set(values) == set(schema["properties"]) - {"global"}


@pytest.mark.parametrize("trusted", [{}, {"ca": {"secret": {"name": "authority", "key": "ca.crt"}}}])
def test_metrics_behind_tls_are_scraped_by_https(trusted: dict[str, Any]) -> None:
    admin = {"certificate": "/etc/rowgate/tls/tls.crt", "key": "/etc/rowgate/tls/tls.key"}
    values = {**FULL, "settings": {"admin_tls": admin}, "serviceMonitor": {"enabled": True, "tlsConfig": trusted}}
    found = rendered(values)
    (endpoint,) = only(found, "ServiceMonitor")["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["port"]) == ("https", "admin")
    assert endpoint["tlsConfig"] == {"serverName": "shop-rowgate.shops.svc", **trusted}
    ports = {port["name"]: port["appProtocol"] for port in only(found, "Service")["spec"]["ports"]}
    assert ports["admin"] == "https"
    assert "scheme" not in only(rendered(FULL), "ServiceMonitor")["spec"]["endpoints"][0]


def test_the_longest_name_fits_every_label() -> None:
    labels = [each["metadata"]["labels"] for each in rendered({**DEMO, "fullnameOverride": "a" * 63})]
    assert max(len(value) for each in labels for value in each.values()) <= 63


def test_whole_numbers_stay_whole() -> None:
    file = files_of(rendered(FULL))["rowgate.yaml"]
    assert "unary_rows: 2000000\n" in file


def test_a_port_for_health_is_probed_and_opened() -> None:
    found = rendered({**DEMO, "ports": {"health": 50052}})
    (container,) = only(found, "Deployment")["spec"]["template"]["spec"]["containers"]
    probes = [container[f"{name}Probe"]["grpc"]["port"] for name in ("startup", "liveness", "readiness")]
    assert probes == [50052] * 3
    assert {"name": "ROWGATE_HEALTH_LISTEN", "value": "0.0.0.0:50052"} in container["env"]
    assert 50052 in [port["containerPort"] for port in container["ports"]]
    assert 50052 in [port["port"] for port in only(found, "Service")["spec"]["ports"]]
    assert ":50052" in " ".join(only(found, "Pod")["spec"]["containers"][0]["args"])


def test_a_secret_of_certificates_is_served_and_probed_around() -> None:
    found = rendered({**FULL, "tls": {"secret": "certificate", "clientCa": True}})
    written = yaml.safe_load(files_of(found)["rowgate.yaml"])["tls"]
    folder = "/etc/rowgate/tls"
    assert written == {name: f"{folder}/{file}" for name, file in CERTIFICATE.items()}
    spec = only(found, "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert {"name": "tls", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
    assert [volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume] == ["certificate"]
    assert container["readinessProbe"]["grpc"]["port"] == 50052


def test_another_policy_makes_no_other_pods() -> None:
    def checksum(allowed: str) -> str:
        rules = [{"database": "main", "table": "*", "allow": allowed}]
        found = rendered({**FULL, "policy": {"roles": {"tester": {"rules": rules}}}})
        assert yaml.safe_load(files_of(found)["policy.yaml"])["roles"]["tester"]["rules"] == rules
        told: str = only(found, "Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        return told

    assert checksum("read") == checksum("insert")


# Notes


def connections(text: str) -> dict[str, tuple[int, int, int, int]]:
    """What the notes compute for each server: gateways, pools, what is beside them, all."""
    found = re.findall(r"^  (\S+): (\d+) x \((\d+) [+] (\d+)\) = (\d+)", text, re.MULTILINE)
    return {name: (int(gateways), int(pool), int(beside), int(all_)) for name, gateways, pool, beside, all_ in found}


def test_the_notes_multiply_pools_and_what_is_beside_them_by_gateways() -> None:
    pool = config.load({}, {"ROWGATE_DATABASES__ANY__URL": "sqlite:////any"}).databases["any"].pool
    default = pool.size + pool.max_overflow
    text = notes(FULL)
    assert connections(text) == {
        "main": (11, 7, 3, 110),
        "archive": (11, default, 2, 11 * (default + 2)),
        "cold-store": (11, default, 2, 11 * (default + 2)),
    }
    assert re.findall(r"WARNING: (\S+) allows fewer", text) == ["archive"]
    assert "cold-store: 11 x (10 + 2) = 132 (its maxConnections is not given" in text


def test_the_notes_count_replicas_where_nothing_scales() -> None:
    full = {**FULL, "replicas": 2, "autoscaling": {"enabled": False}}
    assert connections(notes(full))["main"] == (3, 7, 3, 30)
    assert "WARNING" not in notes(full)


def test_the_notes_count_the_processes_of_a_gateway() -> None:
    settings = {"default_database": "main", "server": {"workers": 2}}
    assert connections(notes({**FULL, "settings": settings}))["main"] == (22, 7, 3, 220)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (DEMO, "WARNING: insecure"),
        ({**FULL, "tls": {}}, "cross the network as they are"),
    ],
)
def test_the_notes_warn_of_doors_that_are_open(values: dict[str, Any], told: str) -> None:
    assert told in notes(values)
    assert told not in notes(FULL)


def test_the_notes_warn_of_tokens_that_one_pod_alone_understands() -> None:
    assert "WARNING: without pageTokenSecret" in notes({**FULL, "pageTokenSecret": {}})


def test_the_notes_warn_of_hashes_that_differ_from_pod_to_pod() -> None:
    def told(mask: str) -> bool:
        rules = [{"database": "main", "table": "people", "allow": "read", "masks": {"iban": mask}}]
        values = {**FULL, "maskSecret": {}, "policy": {"roles": {"tester": {"rules": rules}}}}
        return "WARNING: without maskSecret" in notes(values)

    assert told("hash")
    assert not told("hide")


def test_the_notes_say_how_settings_are_checked() -> None:
    assert "kubectl exec --namespace shops deploy/shop-rowgate -- rowgate-server check\n" in notes(FULL)
    assert "rowgate-server check" not in notes(DEMO), "there the demo would be missing"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tracing": {"endpoint": "http://collector:4317"}}, "traces to a collector"),
        ({"auth": {"jwt": {"corporate": {"jwks": "https://issuer/keys"}}}}, "keys of the issuer corporate"),
    ],
)
def test_the_notes_warn_of_what_the_network_policy_keeps_in(settings: dict[str, Any], told: str) -> None:
    def warned(policy: dict[str, Any]) -> bool:
        return told in notes({**FULL, "settings": settings, "networkPolicy": policy})

    assert warned({})
    assert not warned({"egress": [{"ports": [{"port": 4317}]}]})
    assert not warned({"enabled": False})
    assert told not in notes(FULL)
