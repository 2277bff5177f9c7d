"""What authentication and a policy add to a point select: CPU of the gateway's process, on and off in one run.

`python -m bench.access`: two gateways on the same SQLite file, asked in turns.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench.pairs import compare, things
from rowgate_server.identity.hashing import make_key
from support.process import Gateway

_POLICY = """
roles:
  member:
    rules:
      - database: main
        table: things
        allow: [read, update]
        except: [secret]
        rows: {column: tenant, value: {claim: tenant}}
      - {database: main, allow: raw_read}
    limits: {rate: 1000000, burst: 1000000, concurrent: 100}
"""


def main() -> None:
    """Measure, and print a line for each kind of call."""
    key, hashed = make_key("acme")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = {"ROWGATE_DATABASES__MAIN__URL": things(folder), "ROWGATE_LOG__LEVEL": "warning"}
        (folder / "policy.yaml").write_text(_POLICY, encoding="utf-8")
        policed = {
            **plain,
            "ROWGATE_POLICY__PATH": str(folder / "policy.yaml"),
            "ROWGATE_AUTH__API_KEYS__ACME__HASH": str(hashed),
            "ROWGATE_AUTH__API_KEYS__ACME__ROLES": "member",
            "ROWGATE_AUTH__API_KEYS__ACME__CLAIMS": "tenant=acme",
        }
        with Gateway.start(environment=plain) as off, Gateway.start(environment=policed) as on:
            asyncio.run(compare(off, on, (("authorization", f"Bearer {key}"),)))


if __name__ == "__main__":
    main()
