"""What the Prometheus operator is given: the job that the rules ask for, and the rules themselves."""

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
from support.manifests import CHART, DEMO, FULL, OVERLAYS, Manifest, built, only, rendered
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


def test_a_packed_chart_has_the_rules(tmp_path: Path) -> None:
    done = subprocess.run(
        [helm(), "package", CHART, "--destination", tmp_path],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (packed,) = tmp_path.iterdir()
    with tarfile.open(packed) as archive:
        file = archive.extractfile("rowgate/files/rules.yaml")
        assert file is not None
        assert file.read() == monitoring.RULES.read_bytes()
