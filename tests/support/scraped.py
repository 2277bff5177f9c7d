"""The metrics of a running gateway, as Prometheus would have them."""

from __future__ import annotations

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from support.process import Gateway


def get(gateway: Gateway, path: str) -> tuple[int, str]:
    """The status and the text of an answer of the admin port."""
    try:
        with urllib.request.urlopen(f"http://{gateway.admin_address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def total(gateway: Gateway, sample: str, **labels: str) -> float:
    """The sum of the samples of that name which have these labels."""
    families = text_string_to_metric_families(get(gateway, "/metrics")[1])
    return sum(
        each.value
        for family in families
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    )
