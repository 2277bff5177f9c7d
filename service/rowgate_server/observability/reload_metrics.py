"""How often another configuration was taken, or refused; told by the process that reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReloadMetrics:
    """Counts.

    Args:
        registry: of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        reloads = Counter(
            "rowgate_config_reloads",
            "Other configurations, and whether they were taken or refused.",
            ["outcome"],
            registry=registry,
        )
        self._taken, self._refused = reloads.labels("taken"), reloads.labels("refused")
        self._holds = Gauge(
            "rowgate_config_current",
            "Whether the configuration that holds is the one that the files have.",
            registry=registry,
        )
        self._holds.set(1)

    def taken(self) -> None:
        """One was."""
        self._taken.inc()
        self._holds.set(1)

    def refused(self) -> None:
        """One was not."""
        self._refused.inc()
        self._holds.set(0)

    def mended(self) -> None:
        """The files have what holds again."""
        self._holds.set(1)
