"""What completes statements that are not finished, of every kind: columns and tables that the place sees, no others."""

from __future__ import annotations

import pytest
from unit.core.offers import labels, offered

from rowgate_server.core.completion.records import CandidateKind
from rowgate_server.engines.dialects import Dialect

BUYERS, ORDERS, REGIONS = ["id", "name", "region"], ["id", "buyer", "placed_on"], ["region", "boss"]
TABLES = ["buyers", "orders", "regions"]

_COLUMNS = [
    # parts of unions
    ("select id from orders union select | from buyers", BUYERS),
    ("select | from orders union select id from buyers", ORDERS),
    ("select id from orders union all select id from buyers where |", BUYERS),
    ("select 1 from orders intersect (select | from regions)", REGIONS),
    ("with a as (select id from orders except select | from buyers) select 1", BUYERS),
    ("select * from (select buyer from orders union select id from buyers) s where s.|", ["buyer"]),
    # INSERT
    ("insert into orders (id, buyer) select | from buyers", BUYERS),
    ("insert into orders select b.| from buyers b", BUYERS),
    ("insert into orders (|) select id from buyers", ORDERS),
    ("insert into orders as o (id, |", ORDERS),
    ("insert into shop.orders (|", ORDERS),
    ("insert into audit.log (at, from|", ["from_where"]),
    ("insert into orders values (|", []),
    ("insert into orders values (1, 2) returning |", ORDERS),
    ("insert into orders select id from buyers returning |", ORDERS),
    ("with src as (select 1 as one) insert into orders select | from src", ["one"]),
    ("insert into orders (id) values (1) on conflict (|", ORDERS),
    ("insert into orders (id) values (1) on conflict (id) do update set |", ORDERS),
    ("insert into orders (id) values (1) on conflict (id) do update set id = 1, |", ORDERS),
    ("insert into orders (id) values (1) on conflict (id) do update set id = excluded.|", ORDERS),
    ("insert into orders as o (id) values (1) on conflict (id) do update set id = o.|", ORDERS),
    ("insert into orders select id from buyers on conflict (id) do update set buyer = excluded.b|", ["buyer"]),
    # UPDATE, DELETE, MERGE
    ("update orders set |", ORDERS),
    ("update orders set id = 1, |", ORDERS),
    ("update orders o set id = o.|", ORDERS),
    ("update orders set id = b.| from buyers b", BUYERS),
    ("update orders set | where id = 1", ORDERS),
    ("update orders set id = 1 where b|", ["buyer"]),
    ("update orders set id = 1 returning |", ORDERS),
    ("delete from orders using buyers b where b.|", BUYERS),
    ("delete from orders o where o.|", ORDERS),
    ("merge into orders o using buyers b on o.| = b.id", ORDERS),
    ("merge into orders o using buyers b on true when matched then update set |", ORDERS),
    ("merge into orders o using buyers b on true when not matched then insert (|", ORDERS),
    ("select * from orders for update |", []),
    # ALTER, CREATE INDEX
    ("alter table orders drop column |", ORDERS),
    ("alter table orders drop column if exists |", ORDERS),
    ("alter table if exists only orders alter column |", ORDERS),
    ("alter table orders rename column |", ORDERS),
    ("alter table orders rename |", ORDERS),
    ("alter table orders drop |", ORDERS),
    ("alter table orders add column |", []),
    ("alter table orders add primary key (|", ORDERS),
    ("alter table orders drop column id, drop column b|", ["buyer"]),
    ("create index i on orders (|", ORDERS),
    ("create unique index i on shop.orders using btree (id, |", ORDERS),
    ("create table copies as select | from orders", ORDERS),
    ("create view copies as with o as (select id from orders) select | from o", ["id"]),
    ("explain analyze select | from orders", ORDERS),
    # joins
    ("select | from (orders o join buyers b on o.buyer = b.id)", [*ORDERS, *BUYERS]),
    ("select b.| from (orders o join buyers b on o.buyer = b.id)", BUYERS),
    ("select * from (orders o join buyers b on b.|", BUYERS),
    ("select r.| from ((orders o join buyers b on true) join regions r on true)", REGIONS),
    ("select * from orders o join buyers b on o.id = b.id, regions r where r.|", REGIONS),
    ("select * from orders join buyers using (|", ["id"]),
    ("select * from orders o join buyers b using (id) join regions using (|)", ["region"]),
    ("select * from (buyers join regions using (|", ["region"]),
    ("select * from orders o left join lateral (select | from buyers b) x on true", [*BUYERS, *ORDERS]),
    ("select * from orders o, lateral (select o.|) x", ORDERS),
    ("select * from orders o, (select | from buyers b) x", BUYERS),
    ("select * from orders o where exists (select 1 from (select | from buyers) s)", [*BUYERS, *ORDERS]),
    # what has other names for its columns
    ("select | from (values (1, 2)) as v(x, y)", ["x", "y"]),
    ("select v.| from (values (1, 2)) v", ["column1", "column2"]),
    ("select g.| from generate_series(1, 3) as g(n)", ["n"]),
    ("select | from generate_series(1, 3) as n", ["n"]),
    ("select r.| from json_to_recordset('[]') as r(a int, b text)", ["a", "b"]),
    ("select o.| from orders as o(nr, who)", ["nr", "who", "placed_on"]),
    ("select s.| from (select * from orders) as s(nr)", ["nr", "buyer", "placed_on"]),
    ("select f.| from unnest(array[1]) with ordinality as f(x, at)", ["x", "at"]),
    # queries within
    ("with gone as (delete from orders returning id, buyer as who) select | from gone", ["id", "who"]),
    ("with gone as (delete from orders o returning *) select | from gone", ORDERS),
    ("with new as (update orders set id = 1 returning placed_on) select | from new", ["placed_on"]),
    ("with new as (insert into orders select * from buyers returning *) select | from new", ORDERS),
    ("with recursive t(n) as (select 1 union all select | from t) select 1", ["n"]),
    ("with recursive t as (select id as n from orders union all select t.| from t) select 1", ["n"]),
    ("with a as (select id from orders), b as (select | from a) select 1", ["id"]),
    ("with o as (table orders) select | from o", ORDERS),
    ("with o as (select id::int, 1 + id, lower(id) l, count(*) from orders) select | from o", ["id", "l", "count"]),
    ("with o as (select distinct on (id) id, o.buyer from orders o) select | from o", ["id", "buyer"]),
    ("select s.| from ((select id from orders)) s", ["id"]),
    # what is half written
    ("select count(| from orders", ORDERS),
    ("select coalesce(id, | from orders where id = 1", ORDERS),
    ("select * from orders where id in (select | from buyers", [*BUYERS, *ORDERS]),
    ("select extract(day from |) from orders", ORDERS),
    ("select extract(day from | from orders", ORDERS),
    ("select o.from, | from orders o", ORDERS),
    ("select * from orders where id is distinct from |", ORDERS),
    ("select id,\n'abc\nfrom orders o\nwhere o.|", ORDERS),
    ('select "id, | from orders', ORDERS),
    ('select b."na| from buyers b', ["name"]),
    ("select * from orders o where o.| and (1 = 1", ORDERS),
    ("select | from orders o join", ORDERS),
    ("select id from orders order by |", ORDERS),
    ("select id as nr, buyer who from orders order by |", ["nr", "who", *ORDERS]),
    ("select * from buyers\n\nselect | from orders", ORDERS),
    ("select row_number() over (partition by | from orders", ORDERS),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), _COLUMNS)
def test_columns_are_those_that_the_place_sees(text: str, expected: list[str]) -> None:
    assert labels(text, CandidateKind.COLUMN) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("insert into orders (id) values (1) on duplicate key update |", ORDERS),
        ("insert into orders (id) values (1) on duplicate key update id = values(|", ORDERS),
        ("insert into orders (id) values (1) on duplicate key update id = values(id), |", ORDERS),
        ("replace into orders (|", ORDERS),
        ("insert into orders set |", ORDERS),
        ("select straight_join | from orders", ORDERS),
        ("select b.| from orders straight_join buyers b on true", BUYERS),
        ("select * from orders use index (x) where |", ORDERS),
        ("update orders o join buyers b on true set b.|", BUYERS),
        ("delete o from orders o join buyers b on b.|", BUYERS),
        ("alter table orders modify |", ORDERS),
        ("alter table orders add column x int after |", ORDERS),
        ("select `na| from buyers", ["name"]),
        ('select "abc| from buyers', []),
    ],
)
def test_columns_in_statements_of_mysql(text: str, expected: list[str]) -> None:
    assert labels(text, CandidateKind.COLUMN, dialect=Dialect.MYSQL) == expected


@pytest.mark.parametrize(
    "text",
    [
        "select * from orders straight_join |", "select * from (|", "select * from (orders join |", "drop table |",
        "select * from lateral |", "drop table if exists orders, |", "truncate table |", "truncate |", "alter table |",
        "alter table if exists |", "create index i on |", "merge into |", "delete from orders using |",
        "insert into orders select * from |", "select 1 union select * from |", "grant select on |", "describe |",
        "select * from orders o join buyers b on o.id = b.id, |", "create table x (id int references |", "update |",
        "with gone as (delete from |", "explain select * from |", "select * from only |", "select 1 from orders, (|",
        "update orders set id = 1 from |",
    ],
)  # fmt: skip
def test_tables_stand_where_tables_stand(text: str) -> None:
    assert labels(text, CandidateKind.TABLE, dialect=Dialect.POSTGRESQL) == TABLES


@pytest.mark.parametrize(
    "text",
    [
        "create table |", "select * from orders for update |", "select * from orders o |", "insert into orders |",
        "select * from orders order by id desc |", "insert into orders (id) values (1) on |", "create table x (|",
        "select * from orders join buyers using |", "alter table orders |", "alter table orders add column |",
        "create table if not exists |", "select * |", "select o.* |", "comment on |",
    ],
)  # fmt: skip
def test_neither_tables_nor_columns_stand_behind_what_words_follow(text: str) -> None:
    assert {each.kind for each in offered(text)} == {CandidateKind.KEYWORD}


def test_functions_of_rows_and_procedures_stand_where_they_are_called() -> None:
    assert labels("select * from gen|", CandidateKind.FUNCTION) == ["generate_series"]
    assert labels("select * from p|", CandidateKind.FUNCTION) == ["price_of"]
    assert labels("call |", CandidateKind.FUNCTION) == ["close_day"]


def test_tables_of_a_cte_are_seen_by_those_behind_it_and_by_itself_where_it_is_recursive() -> None:
    kinds = CandidateKind.CTE
    assert labels("with a as (select 1), b as (select * from |), c as (select 1) select 1", kinds) == ["a"]
    assert labels("with recursive a as (select * from |) select 1", kinds) == ["a"]
    assert labels("with a as (select 1), b as (select 1) select * from |", kinds) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("select * from orders left |", "JOIN"), ("select id from orders group |", "BY"), ("delete |", "FROM"),
        ("insert |", "INTO"), ("select * from orders where id is |", "NULL"), ("create |", "TABLE"),
        ("select * from orders order by id |", "ASC"), ("select * from orders limit 1 |", "OFFSET"),
        ("insert into orders |", "VALUES"), ("insert into orders (id) |", "VALUES"), ("select 1 union |", "SELECT"),
        ("insert into orders values (1) on |", "CONFLICT"), ("select cast(id as |", "INTEGER"), ("select id |", "FROM"),
        ("insert into orders values (1) on conflict (id) |", "DO NOTHING"), ("select * from orders |", "WHERE"),
        ("select * from orders where exists (|", "SELECT"), ("with a as (|", "SELECT"), ("update orders |", "SET"),
        ("with a as (select 1) |", "SELECT"), ("select * from orders where id = 1 |", "AND"),
        ("alter table orders |", "ADD COLUMN"),
    ],
)  # fmt: skip
def test_the_likeliest_words_come_first(text: str, first: str) -> None:
    assert next(each.text for each in offered(text) if each.kind is CandidateKind.KEYWORD) == first


def test_a_column_that_several_have_is_written_with_the_name_before_it() -> None:
    found = offered("select * from orders o join buyers b on |")
    written = [each.text for each in found if each.kind is CandidateKind.COLUMN]
    assert written == ["o.id", "buyer", "placed_on", "b.id", "name", "region"]
