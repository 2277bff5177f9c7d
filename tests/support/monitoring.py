"""What `deploy/monitoring` asks Prometheus: the dashboard's expressions, the rules' and the adapter's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from support.available import ROOT

FOLDER = ROOT / "deploy/monitoring"
RULES = FOLDER / "rules.yaml"
DASHBOARD = FOLDER / "dashboard.json"
ALERT_TESTS = ROOT / "tests/unit/deploy/alerts.yaml"
POD, NAMESPACE = "rowgate-0", "shops"

_METRIC = re.compile(r"\b((?:rowgate|grpc_server|process)_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_OF_THE_SCRAPE = frozenset({"job", "instance", "namespace", "pod"})
"""Labels that Prometheus adds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One expression, and where it stands."""

    where: str
    expression: str

    def __str__(self) -> str:
        """For the name of a test."""
        return self.where

    @property
    def series(self) -> list[tuple[str, frozenset[str]]]:
        """The metrics that it names, each with the labels that it picks them by."""
        return [
            (name, frozenset(_MATCHER.findall(matchers or "")) - _OF_THE_SCRAPE)
            for name, matchers in _METRIC.findall(self.expression)
        ]


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def of_the_dashboard(interval: str) -> list[Asked]:
    """Its panels' expressions, as Grafana would send them with every variable at All."""
    return [
        Asked(
            f"{panel['title']} {target['refId']}",
            target["expr"]
            .replace("$__rate_interval", interval)
            .replace("$instance", ".*")
            .replace("$database", ".*"),
        )
        for panel in dashboard()["panels"]
        for target in panel.get("targets", [])
    ]  # fmt: skip


def rules() -> list[dict[str, Any]]:
    """Every rule, recording or alert."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def of_the_rules() -> list[Asked]:
    """The rules' expressions."""
    return [Asked(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]


def of_the_adapter() -> Asked:
    """What prometheus-adapter asks for one pod."""
    (rule,) = yaml.safe_load((FOLDER / "adapter.yaml").read_text(encoding="utf-8"))["rules"]
    query: str = rule["metricsQuery"]
    matchers = f'namespace="{NAMESPACE}",pod=~"{POD}"'
    return Asked(rule["name"]["as"], query.replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", matchers))
