"""What each RPC needs: the one table that a new RPC has to be entered in, or nobody may call it under a policy."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Operation(Enum):
    """What a rule allows. The first four are about rows of tables; the others about a database as a whole."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RAW_READ = "raw_read"
    RAW = "raw"
    DDL = "ddl"
    ADMIN = "admin"


OF_ROWS = (Operation.READ, Operation.INSERT, Operation.UPDATE, Operation.DELETE)
OF_DATABASES = (Operation.RAW_READ, Operation.RAW, Operation.DDL, Operation.ADMIN)
WRITING = frozenset({Operation.INSERT, Operation.UPDATE, Operation.DELETE, Operation.RAW, Operation.DDL})


class Need(Enum):
    """What a call needs, of which more is asked further in: operations on the tables that it names."""

    NOTHING = "nothing"
    """Health and reflection, which tell nothing of databases; what they tell may be switched off."""
    CONNECT = "connect"
    """Any operation at all on the database; what is asked of it is looked at one by one."""
    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    RAW_READ = "raw_read"
    DDL = "ddl"

    @property
    def operations(self) -> frozenset[Operation]:
        """One of these it takes; empty: nothing at all."""
        return _OPERATIONS[self]


_OPERATIONS: Mapping[Need, frozenset[Operation]] = {
    Need.NOTHING: frozenset(),
    Need.CONNECT: frozenset(Operation),
    Need.RAW_READ: frozenset({Operation.RAW_READ, Operation.RAW, Operation.DDL}),
    **{
        need: frozenset({Operation(need.value)})
        for need in (Need.READ, Need.INSERT, Need.UPDATE, Need.DELETE, Need.DDL)
    },
}

_QUERIES, _TABLES, _SCHEMAS, _ADMIN = (f"rowgate.v1.{name}Service/" for name in ("Query", "Table", "Schema", "Admin"))

NEEDS: Mapping[str, Need] = MappingProxyType({
    f"{_QUERIES}ExecuteQuery": Need.RAW_READ,
    f"{_QUERIES}StreamQuery": Need.RAW_READ,
    f"{_QUERIES}ExecuteBatch": Need.RAW_READ,
    f"{_QUERIES}Transact": Need.CONNECT,
    f"{_TABLES}ListRows": Need.READ,
    f"{_TABLES}GetRow": Need.READ,
    f"{_TABLES}CountRows": Need.READ,
    f"{_TABLES}InsertRows": Need.INSERT,
    f"{_TABLES}UpdateRows": Need.UPDATE,
    f"{_TABLES}DeleteRows": Need.DELETE,
    f"{_SCHEMAS}ListDatabases": Need.CONNECT,
    f"{_SCHEMAS}ListSchemas": Need.CONNECT,
    f"{_SCHEMAS}ListTables": Need.CONNECT,
    f"{_SCHEMAS}GetTable": Need.CONNECT,
    f"{_SCHEMAS}GetSchemaTree": Need.CONNECT,
    f"{_SCHEMAS}CompleteSql": Need.CONNECT,
    f"{_SCHEMAS}RefreshSchema": Need.CONNECT,
    f"{_SCHEMAS}CreateTable": Need.DDL,
    f"{_SCHEMAS}DropTable": Need.DDL,
    f"{_ADMIN}ListQueries": Need.CONNECT,
    f"{_ADMIN}CancelQuery": Need.CONNECT,
    "grpc.health.v1.Health/Check": Need.NOTHING,
    "grpc.health.v1.Health/Watch": Need.NOTHING,
    "grpc.health.v1.Health/List": Need.NOTHING,
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Need.NOTHING,
})  # fmt: skip
"""By the RPC's full name."""
