"""Rules and dashboard by Prometheus's own tool, and against the metrics that a real gateway has."""

from __future__ import annotations

import asyncio
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from support import documents, monitoring
from support.certificates import Authority
from support.eventually import eventually
from support.manifests import FULL, rendered
from support.monitoring import ALERT_TESTS, RULES, Asked
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.tools import promtool

ALERTS = [rule["alert"] for rule in monitoring.rules() if "alert" in rule]
EXPRESSIONS = [*monitoring.of_the_dashboard("1m"), *monitoring.of_the_rules(), monitoring.of_the_adapter()]
RUNBOOK = "docs/operations.md"
SCREENS = ["Calls", "Latency", "Pools", "Database health", "Hosts and replicas", "Refusals", "Kills", "Process"]


def ran(*arguments: str | Path) -> str:
    done = subprocess.run([promtool(), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def served(postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The labels of every metric that a gateway has before its first call."""
    url = f"sqlite:///{tmp_path_factory.mktemp('monitored') / 'any.db'}"
    certificate, key = Authority.make().issue().write(tmp_path_factory.mktemp("certificates"))
    tls = ("--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}")
    keys = tmp_path_factory.mktemp("keys") / "jwks.json"
    keys.write_text('{"keys": []}', encoding="utf-8")
    issuer = {"issuer": "https://issuer.example", "audience": "rowgate", "jwks": str(keys)}
    auth = [word for name, value in issuer.items() for word in ("--set", f"auth.jwt.corporate.{name}={value}")]
    # A replica that is the server itself: what is told of servers is told of it.
    several = {f"ROWGATE_DATABASES__SEVERAL__{name}": postgresql_server.url for name in ("URL", "REPLICAS__COPY__URL")}
    # Of several processes, which have a few more than one has alone.
    options = ("--database", f"any={url}", "--workers", "2", *tls, *auth)
    with Gateway.start(*options, environment=several) as gateway:
        found: dict[str, set[str]] = {}

        def told() -> bool:
            with urllib.request.urlopen(f"http://{gateway.admin_address}/metrics", timeout=5) as answer:
                text = answer.read().decode()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, set()).update(sample.labels)
            return "rowgate_replica_staleness_seconds" in found

        asyncio.run(eventually(told, 10, "the servers were asked"))
        yield found


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "SUCCESS" in ran("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_alerts_fire_when_they_should_and_not_otherwise() -> None:
    assert "SUCCESS" in ran("test", "rules", ALERT_TESTS)


def test_each_alert_is_seen_to_fire_and_to_be_silent() -> None:
    expected = [test for each in yaml.safe_load(ALERT_TESTS.read_text())["tests"] for test in each["alert_rule_test"]]
    assert {test["alertname"] for test in expected if test.get("exp_alerts")} == set(ALERTS)
    assert {test["alertname"] for test in expected if not test.get("exp_alerts")} == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_in_the_runbook(alert: str) -> None:
    meaning, _, what_to_do = documents.section(RUNBOOK, alert).partition("**What to do:** ")
    assert meaning.strip()
    assert what_to_do.strip()


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_leads_to_its_section(alert: str) -> None:
    (rule,) = [rule for rule in monitoring.rules() if rule.get("alert") == alert]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (page, anchor) == (RUNBOOK, alert.lower())
    assert documents.leads_somewhere(page, f"#{anchor}")


def test_the_runbook_has_no_other_alert() -> None:
    assert {heading for heading in documents.headings(RUNBOOK) if heading.startswith("Rowgate")} == set(ALERTS)


def test_every_expression_can_be_read(tmp_path: Path) -> None:
    rules = [
        {"record": f"test:expression:{number}", "expr": asked.expression} for number, asked in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "read", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules" in ran("check", "rules", file)


@pytest.mark.parametrize("asked", EXPRESSIONS, ids=str)
def test_every_metric_that_is_asked_for_is_there_with_its_labels(asked: Asked, served: dict[str, set[str]]) -> None:
    assert asked.series or "rowgate:" in asked.expression or "up{" in asked.expression
    for name, labels in asked.series:
        assert name in served, name
        assert labels <= served[name], name


def test_the_dashboard_has_every_screen_and_no_two_panels_in_one_place() -> None:
    panels = monitoring.dashboard()["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == SCREENS
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_the_autoscaler_asks_for_the_metric_that_the_adapter_makes() -> None:
    (scaler,) = [manifest for manifest in rendered(FULL) if manifest["kind"] == "HorizontalPodAutoscaler"]
    names = [metric["pods"]["metric"]["name"] for metric in scaler["spec"]["metrics"] if "pods" in metric]
    assert names == [monitoring.of_the_adapter().where]
