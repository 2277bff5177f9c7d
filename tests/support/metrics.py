"""What a gateway tells Prometheus."""

from __future__ import annotations

import urllib.request

from support.process import Gateway


def scraped(gateway: Gateway) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    with urllib.request.urlopen(f"http://{gateway.admin_address}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}
