"""A table with a column of every type that an engine has, and the ends of each type's range in its rows."""

from __future__ import annotations

from collections.abc import Iterator

_TYPES: dict[str, dict[str, list[str]]] = {
    "sqlite": {
        "integer": ["9223372036854775807", "-9223372036854775808", "0"],
        "real": ["-0.0", "5e-324", "1.7976931348623157e308"],
        "text": ["''", "'é 🦆'", "'it''s'"],
        "blob": ["x''", "x'00ff'", "x'27'"],
        "": ["1", "1.5", "x'ff'", "'text'"],  # a column without a type, and cells of several
        "decimal(9, 2)": ["1.50", "'1.50'", "'x'"],
        "datetime": ["'2024-01-31'", "0", "x'00'"],
    },
    "mariadb": {
        "tinyint": ["-128", "127"],
        "smallint": ["-32768", "32767"],
        "mediumint": ["-8388608", "8388607"],
        "int": ["-2147483648", "2147483647"],
        "bigint": ["-9223372036854775808", "9223372036854775807"],
        "int unsigned": ["0", "4294967295"],
        "bigint unsigned": ["0", "18446744073709551615"],
        "boolean": ["false", "true"],
        "float": ["-0.1", "3.4e38"],
        "double": ["5e-324", "-1.7976931348623157e308"],
        "decimal(12, 2)": ["-9999999999.99", "9999999999.99", "0"],
        "decimal(12, 3) unsigned": ["0", "1.5"],
        "decimal(5, 5)": ["-0.99999", "0.99999"],
        "decimal(65, 30)": ["-99999999999999999999999999999999999.5", "0.000000000000000000000000000001"],
        "year": ["1901", "2155", "0"],
        "bit(64)": ["b'0'", "18446744073709551615"],
        "date": ["'0000-00-00'", "'9999-12-31'", "'2024-02-00'"],
        "time(6)": ["'-838:59:59.999999'", "'838:59:59.999999'", "'00:00:00'"],
        "datetime(6)": ["'0000-00-00'", "'9999-12-31 23:59:59.999999'"],
        "timestamp(6) null": ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'"],
        "char(9)": ["''", "'é'"],
        "varchar(99)": ["'it''s'", "'🦆'"],
        "mediumtext": ["''", "repeat('x', 70000)"],
        "binary(3)": ["0x00", "0xffffff"],
        "varbinary(99)": ["''", "0x00ff"],
        "blob": ["''", "0x5c27"],
        "enum('a', 'b')": ["'a'", "'b'"],
        "set('a', 'b')": ["''", "'a,b'"],
        "json": ["'{\"a\": 1.10}'", "'null'"],
        "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
        "inet6": ["'::'", "'ff::1'"],
        "point": ["point(0, 0)", "point(1, -2)"],
    },
    "postgresql": {
        "boolean": ["false", "true"],
        "smallint": ["-32768", "32767"],
        "integer": ["-2147483648", "2147483647"],
        "bigint": ["-9223372036854775808", "9223372036854775807"],
        "oid": ["0", "4294967295"],
        "real": ["'-inf'", "3.4e38", "-0.1"],
        "double precision": ["'nan'", "5e-324", "'-0'"],
        "numeric": ["'nan'", "1e-30", "'-infinity'", "1e40"],
        "numeric(12, 2)": ["-9999999999.99", "1.5", "0"],
        "char(3)": ["''", "'é'"],
        "varchar(9)": ["''", "'🦆'"],
        "text": ["''", "E'it''s\\n'", "repeat('x', 70000)"],
        "bytea": ["''", "'\\x00ff'"],
        "date": ["'-infinity'", "'infinity'", "'9999-12-31'", "'4713-01-01 BC'", "'0001-01-01 BC'"],
        "time": ["'00:00'", "'24:00'", "'23:59:59.999999'"],
        "timetz": ["'00:00+15:59'", "'23:59:59.999999-15:59:59'"],
        "timestamp": ["'294276-12-31'", "'2024-01-31 12:00'", "'0001-01-01 BC'"],
        "timestamptz": ["'-infinity'", "'2024-01-31 12:00+02'", "'0001-01-01 00:00+00'"],
        "interval": ["'-1 mon +1 day -1 us'", "'P1Y2M3DT4H5M6.7S'", "'0'"],
        "json": ["'null'", "'{\"a\": 1.10}'"],
        "jsonb": ["'null'", "'[1.10]'"],
        "uuid": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
        "inet": ["'::'", "'10.0.0.1/8'"],
        "int4range": ["'empty'", "'[1,5)'"],
        "varbit": ["''", "B'101'"],
        "boolean[]": ["'{}'", "'{t,null,f}'"],
        "integer[]": ["'{}'", "'{{1,2},{3,null}}'", "'{null}'", "'{-1}'"],
        "double precision[]": ["'{}'", "'{nan,inf,-inf,1e-300,null}'"],
        "numeric[]": ["'{}'", "'{1.50,nan}'"],
        "text[]": ["'{}'", "array['a,b', '\"', null, '', 'é']"],
        "bytea[]": ["'{}'", "array['\\x00ff'::bytea, '']"],
        "date[]": ["'{}'", "'{infinity,2024-01-31}'"],
        "timestamptz[]": ["'{}'", "'{2024-01-31 12:00+00}'"],
        "interval[]": ["'{}'", "'{1 mon}'"],
        "json[]": ["'{}'", "array['{\"a\": \"b\"}'::json, 'null']"],
        "uuid[]": ["'{}'", "'{123e4567-e89b-12d3-a456-426614174000}'"],
    },
}


def wide_table(engine: str, name: str) -> Iterator[str]:
    """The SQL that makes it, statement by statement; its `id` is the first column, its last row is all NULL."""
    types = _TYPES[engine]
    columns = ", ".join(f"c{number} {declared}" for number, declared in enumerate(types))
    yield f"create table {name} (id integer primary key, {columns})"
    height = max(map(len, types.values()))
    for row in range(height):
        cells = ", ".join(values[row] if row < len(values) else "null" for values in types.values())
        yield f"insert into {name} values ({row}, {cells})"
    yield f"insert into {name} (id) values ({height})"
