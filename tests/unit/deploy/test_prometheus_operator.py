"""What the Prometheus operator and Grafana's sidecar are given: the job that is asked for, the rules, the dashboard."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from support import monitoring
from support.manifests import CHART, DEMO, FULL, NAMESPACE, OVERLAYS, Manifest, built, only, rendered
from support.tools import helm

RENAMED = {"nameOverride": "gw", "fullnameOverride": "door"}


@pytest.mark.parametrize(
    "made",
    [partial(rendered, FULL), partial(rendered, {**FULL, **RENAMED}), partial(built, OVERLAYS / "production")],
    ids=["chart", "renamed chart", "production"],
)
def test_the_job_that_prometheus_has_is_the_one_that_the_rules_ask_for(made: Callable[[], list[Manifest]]) -> None:
    found = made()
    label = only(found, "ServiceMonitor")["spec"]["jobLabel"]
    asked = set(re.findall(r'job="(\w+)"', monitoring.RULES.read_text(encoding="utf-8")))
    assert {only(found, "Service")["metadata"]["labels"][label]} == asked


def test_the_operator_s_rules_are_those_of_prometheus() -> None:
    rules = only(rendered(FULL), "PrometheusRule")
    assert rules["spec"] == yaml.safe_load(monitoring.RULES.read_text(encoding="utf-8"))
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    assert "PrometheusRule" not in {manifest["kind"] for manifest in rendered(DEMO)}


@pytest.mark.parametrize(
    ("url", "page"), [("", "docs/operations.md"), ("https://wiki.example/rowgate", "https://wiki.example/rowgate")]
)
def test_alerts_lead_to_where_the_runbook_is_kept(url: str, page: str) -> None:
    made = only(rendered({**DEMO, "prometheusRule": {"enabled": True, "runbookUrl": url}}), "PrometheusRule")
    alerts = [rule for group in made["spec"]["groups"] for rule in group["rules"] if "alert" in rule]
    assert alerts
    for rule in alerts:
        assert rule["annotations"]["runbook_url"] == f"{page}#{rule['alert'].lower()}"


@pytest.mark.parametrize(
    "made", [partial(rendered, FULL), partial(built, OVERLAYS / "production")], ids=["chart", "production"]
)
def test_grafana_s_sidecar_is_given_the_one_dashboard(made: Callable[[], list[Manifest]]) -> None:
    (found,) = [each for each in made() if each["kind"] == "ConfigMap" and "rowgate.json" in each["data"]]
    assert found["data"]["rowgate.json"].rstrip("\n") == monitoring.DASHBOARD.read_text(encoding="utf-8").rstrip("\n")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["name"].endswith("rowgate-dashboard")


def test_the_dashboard_goes_where_grafana_looks_and_only_where_it_is_wanted() -> None:
    (found,) = [each for each in rendered(FULL) if each["metadata"]["name"] == "shop-rowgate-dashboard"]
    assert found["metadata"]["namespace"] == "monitoring"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Databases"}
    other = {"enabled": True, "labels": {"grafana_dashboard": None, "dashboards": "yes"}}
    (found,) = [
        each
        for each in rendered({**DEMO, "grafanaDashboard": other})
        if each["metadata"]["name"] == "shop-rowgate-dashboard"
    ]
    assert found["metadata"]["namespace"] == NAMESPACE
    assert "grafana_dashboard" not in found["metadata"]["labels"]
    assert found["metadata"]["labels"]["dashboards"] == "yes"
    assert "shop-rowgate-dashboard" not in {each["metadata"]["name"] for each in rendered(DEMO)}


@pytest.mark.parametrize("name", ["rules.yaml", "dashboard.json"])
def test_the_chart_s_files_are_those_of_prometheus_and_no_links(name: str) -> None:
    """After a change to one: `make chart-files`. Helm warns of links."""
    file = CHART / "files" / name
    assert file.read_bytes() == (monitoring.FOLDER / name).read_bytes()
    assert not file.is_symlink()


@pytest.mark.parametrize("name", ["rules.yaml", "dashboard.json"])
def test_a_packed_chart_has_the_files_themselves(tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [helm(), "package", CHART, "--destination", tmp_path],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (packed,) = tmp_path.iterdir()
    with tarfile.open(packed) as archive:
        file = archive.extractfile(f"rowgate/files/{name}")
        assert file is not None
        assert file.read() == (monitoring.FOLDER / name).read_bytes()
