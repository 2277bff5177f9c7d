"""The audit log: one line a call, and one for each request of a transaction. Values of parameters are in none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from rowgate.v1 import query_service_pb2
from rowgate_server.core.sqltext import fingerprint
from rowgate_server.engines.dialects import Dialect
from rowgate_server.observability.audit import AuditLog
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.facts import QUIET, shortened, who

_MOST_STATEMENTS = 100
_LONGEST_SQL = 8192
_FACTS = ("database", "transaction_id", "query_id", "tag", "mode", "steps", "rows", "affected", "refused")


class Audit:
    """Writes the lines.

    Args:
        log: where to; None: nowhere.
        dialect: how the SQL of a database is written; None where there is no such database.
        sql: whether the text of statements is told too, literals included.
    """

    def __init__(self, log: AuditLog | None, dialect: Callable[[str], Dialect | None], *, sql: bool) -> None:
        self._log = log
        self._dialect = dialect
        self._sql = sql

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Be told of the requests within the call."""
        if self._log is not None and call.labels.grpc_service not in QUIET:
            call.audited = self._answered

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Write the line."""
        if self._log is None or call.labels.grpc_service in QUIET:
            return error
        told = {
            **_start(call),
            "code": call.code.name,
            **({"reason": call.reason} if call.reason else {}),
            **({"outcome": call.outcome} if call.outcome else {}),
            "ms": round((monotonic() - call.started) * 1000, 2),
            **{name: shortened(call.facts[name]) for name in _FACTS if name in call.facts},
            **_tables(call.facts),
            **self._statements(call.facts.get("database", ""), call.statements),
        }
        self._log.write("call", told)
        return error

    def _answered(self, call: RpcCall, request: Any, answer: query_service_pb2.TransactResponse) -> None:
        """A request of a transaction has its last answer."""
        if self._log is None:
            return
        kind = request.WhichOneof("request") or ""
        asked, given = getattr(request, kind, None), getattr(answer, kind, None)
        facts: dict[str, Any] = {"sequence": answer.sequence, "request": kind}
        for name in ("schema", "table"):
            if text := getattr(asked, name, ""):
                facts[name] = text
        if answer.HasField("error"):
            error = answer.error
            facts.update(reason=error.reason, outcome=error.metadata.get("outcome", ""))
        elif (stats := getattr(given, "stats", None)) is not None:
            facts.update(query_id=stats.query_id, rows=stats.row_count)
            if stats.HasField("affected_rows"):
                facts["affected"] = stats.affected_rows
        tables = _tables(facts)
        facts = {name: fact for name, fact in facts.items() if name not in ("schema", "table") and fact != ""}
        for name in ("database", "transaction_id", "tag"):
            if name in call.facts:
                facts[name] = shortened(call.facts[name])
        sql = getattr(asked, "sql", "")
        statements = self._statements(call.facts.get("database", ""), (sql,) if sql else ())
        self._log.write("request", {**_start(call), **facts, **tables, **statements})

    def _statements(self, database: str, statements: Sequence[str]) -> dict[str, Any]:
        dialect = self._dialect(database) if statements else None
        if dialect is None:
            return {}
        some = statements[:_MOST_STATEMENTS]
        told: dict[str, Any] = {"statements": [fingerprint(sql, dialect) for sql in some]}
        if self._sql:
            told["sql"] = [sql[:_LONGEST_SQL] for sql in some]
        if len(statements) > len(some):
            told["statements_cut"] = len(statements) - len(some)
        return told


def _start(call: RpcCall) -> dict[str, Any]:
    return {
        "request_id": call.id,
        **who(call.principal),
        "roles": list(call.principal.roles),
        "peer": call.peer,
        "method": f"{call.labels.grpc_service}/{call.labels.grpc_method}",
    }


def _tables(facts: dict[str, Any]) -> dict[str, list[str]]:
    table, schema = facts.get("table"), facts.get("schema")
    if not table:
        return {}
    return {"tables": [shortened(f"{schema}.{table}" if schema else table)]}
