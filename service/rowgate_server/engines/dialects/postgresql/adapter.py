"""SQLAlchemy's dialect of asyncpg, without what it would do to each new connection.

It would give it JSON codecs that make objects, over ours that keep the text, and ask the server twice for that.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

DRIVER_NAME = "postgresql+rowgate"


class Adapter(PGDialect_asyncpg):
    """Leaves the codecs alone."""

    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        """Nothing: see `types.install_codecs`."""

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        """Nothing: see `types.install_codecs`."""


registry.register(DRIVER_NAME.replace("+", "."), __name__, Adapter.__name__)
