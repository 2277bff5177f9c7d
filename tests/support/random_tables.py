"""Tables put together at random of what is ordinary on each engine: the statements that make one."""

from __future__ import annotations

from hypothesis import strategies as st

_OF_ALL = (
    "varchar(20) default 'it''s'",
    "varchar(30) not null default '?%s:x{0}\"`'",
    "varchar(9) default ''",
    "decimal(10,3) default -1.5",
    "decimal(5,2) not null default 0",
    "bigint default 9223372036854775807",
    "smallint not null default -1",
    "date default '2024-02-29'",
    "double precision default 1.5",
    "text",
)
"""Types and what stands behind them; `{0}` is anything."""
_COLUMNS = {
    "mariadb": (
        *("varchar(20) default 'a\\\\b\\n''\"'", "char(4) default 'ab'", "text default 'long; -- text'"),
        *("int unsigned zerofill", "decimal(8,2) unsigned default 1", "double unsigned", "bit(3) default b'101'"),
        *("enum('a','it''s','b\\\\c') not null default 'it''s'", "set('x','y') default 'x,y'", "json", "year"),
        *("timestamp(3) null default current_timestamp(3) on update current_timestamp(3)", "datetime default now()"),
        *("varbinary(5) default 'ab\\0'", "binary(2)", "blob", "time(2) default '01:02:03.04'", "uuid", "inet6"),
        *("varchar(9) charset latin1 collate latin1_bin", "varchar(9) collate utf8mb4_nopad_bin not null", "point"),
        *("int as (num * 2 + 1) virtual", "varchar(20) as (concat(txt, '\\\\', ':x?')) stored", "int default (1 + 2)"),
        *("varchar(9) default (concat('a', 'b'))", "int check (num <> 7)", "int comment 'it''s; \\\\ /* c */'"),
    ),
    "postgresql": (
        *(
            "text default E'a\\\\b\\n''\"'",
            "bytea default '\\x00ff'",
            "jsonb default '{\"a\": [1]}'",
            "text[] default '{}'",
        ),
        *("boolean default true", "numeric", "numeric(3,-2)", "timestamptz default now()", "timestamp(3)", "interval"),
        *("uuid default gen_random_uuid()", "inet default '127.0.0.1'", "int4range", "bit(3) default B'101'", "xml"),
        *('text collate "C"', 'varchar(5) collate "de-x-icu" not null', "char(4) default 'ab'", "money default 1.5"),
        *("text generated always as ('x'::text || num::text || ':?%\\') stored", "serial", "smallint default 1 + 2"),
        *("integer generated always as (num * 2) stored", "time with time zone", "date default ('now'::text)::date"),
        *(
            "bigint generated always as identity",
            "double precision default 'NaN'",
            "integer check (num::numeric > 1.5)",
        ),
    ),
    "sqlite": (
        *("text collate nocase default 'a\\b''\"'", 'text default "it\'s"', "whatever", "", "blob default x'00ff'"),
        *("boolean default 1", "boolean default true", "int as (num * 2)", "text as (txt || ' -- ') stored"),
        *(
            "datetime default current_timestamp",
            "real default +1.5",
            "int default (1 + 2) /* note */",
            "text check (1)",
        ),
        *("varchar(9) collate rtrim not null default [x]", "numeric default .5", "decimal(4,1) default 1e2"),
    ),
}
_PARTS = {
    "mariadb": (
        *(
            "unique key u1 (txt)",
            "unique (num, txt)",
            "key k1 (txt(5))",
            "unique key u2 (txt(3), num)",
            "key (num desc)",
        ),
        *("fulltext key f1 (txt)", "check (txt <> 'it''s' and num <=> 3)", "constraint c1 check (txt <> 'x\\\\y')"),
        *(
            "check (num <> 0x1f and num mod 2 = 1)",
            "check (num in (1, 2) or not (num between 3 and 4))",
            "foreign key (num) references {0} (id) on delete cascade",
        ),
        *(
            "constraint `odd ``name` foreign key (num) references {0} (id) on update set null",
            "check (txt like '10%?:x')",
        ),
    ),
    "postgresql": (
        *("unique (txt)", "constraint u1 unique (num, txt) deferrable", "unique nulls not distinct (num)"),
        *("check (txt <> 'it''s'::text and num is distinct from 3)", "constraint c1 check (txt <> E'x\\\\y')"),
        *("check ((txt)::jsonb ? 'a' and num # 3 > 0)", "check (num is null or num % 2 = 1)"),
        *("check (txt = any (array['a', 'b']) or txt ~ '^\\w+$')", "check (num::numeric / 2 > 1.5 and num in (1, 2))"),
        *("foreign key (num) references {0} (id) on delete set null deferrable initially deferred",),
        *(
            'constraint "odd ""name" foreign key (num) references {0} (id) on update cascade',
            "check (txt like '10%?:x')",
        ),
    ),
    "sqlite": (
        *("unique (txt)", "constraint u1 unique (num, txt)", "check (txt <> 'it''s, )' and num is not 3)"),
        *("check (num <> 0x1f)", "check (num -> 'a' is null)"),
        *("constraint c1 check (txt <> 'x\\y') /* check (0) */", "check (txt like '10%?:x' or txt glob '[a]*')"),
        *("foreign key (num) references {0} (id) on delete set null deferrable initially deferred",),
        *(
            'constraint "odd ""name" foreign key (num) references {0} on update cascade',
            "constraint [n n] unique (num)",
        ),
    ),
}
_BEHIND = {
    "mariadb": ("", "", " comment 'it''s \\\\; /* c */'", " collate utf8mb4_bin", " charset latin1"),
    "postgresql": ("",),
    "sqlite": ("", "", " without rowid"),
}
_INDEXES = {
    "mariadb": (),
    "postgresql": (
        *("create index on {0} (txt desc, num)", "create unique index {0}_u on {0} (lower(txt)) where num > 0"),
        *("create index on {0} using hash (txt)", "create index on {0} (txt text_pattern_ops) include (num)"),
        *(
            'create index on {0} (num nulls first, txt collate "C" desc)',
            "create index on {0} using gin ((txt::jsonb))",
        ),
        *("create unique index on {0} (num) nulls not distinct", "comment on table {0} is 'it''s \\ /* c */'"),
        *("comment on column {0}.txt is ''';--'",),
    ),
    "sqlite": (
        *(
            "create index {0}_a on {0} (txt collate nocase desc, num)",
            "create index {0}_b on {0} ((num + 1), lower(txt))",
        ),
        *(
            "create unique index {0}_c on {0} (txt) where num > 0 and txt <> ')' -- note",
            "create index {0}_d on {0} (num)",
        ),
    ),
}
_IDS = {
    "mariadb": (
        *("id int auto_increment primary key", "id int auto_increment primary key", "id int unsigned not null unique"),
        *("id bigint unsigned auto_increment, key (id)", "id int, primary key (num, id)", "id char(3) primary key"),
    ),
    "postgresql": (
        *(
            "id integer generated by default as identity primary key",
            "id integer primary key",
            "id bigserial primary key",
        ),
        *("id integer, constraint odd primary key (num, id)", "id text primary key", "id uuid unique"),
    ),
    "sqlite": (
        *(
            "id integer primary key",
            "id integer primary key",
            "id integer primary key autoincrement",
            "id int primary key",
        ),
        *("id text collate nocase primary key", "id int, constraint odd primary key (num desc, id)", "id"),
    ),
}
_TYPES = {"mariadb": ("int", "varchar(20)"), "postgresql": ("integer", "text"), "sqlite": ("int", "text")}


def tables(engine: str) -> st.SearchStrategy[list[str]]:
    """Statements that make a table; `{0}` stands for its name, and braces are no others."""
    number, text = _TYPES[engine]
    columns = st.lists(st.sampled_from((*_OF_ALL, *_COLUMNS[engine])), max_size=5)
    parts = st.lists(st.sampled_from(_PARTS[engine]), max_size=3, unique=True)
    indexes = st.lists(st.sampled_from(_INDEXES[engine] or ("",)), max_size=2, unique=True)

    def made(key: str, columns: list[str], parts: list[str], behind: str, indexes: list[str]) -> list[str]:
        named = [f"{_name(engine, place)} {kind.replace('{0}', '')}" for place, kind in enumerate(columns)]
        first, _, constraint = key.partition(", ")
        last = [constraint] if constraint else []
        # A foreign key that names no columns is to a primary key, of one column here.
        parts = [part for part in parts if "primary key" in first or "references {0} on" not in part]
        members = [first, f"num {number}", f"txt {text}", *named, *last, *parts]
        return [f"create table {{0}} ({', '.join(members)}){behind}", *filter(None, indexes)]

    return st.builds(made, st.sampled_from(_IDS[engine]), columns, parts, st.sampled_from(_BEHIND[engine]), indexes)


def _name(engine: str, place: int) -> str:
    """Some are odd."""
    name = ("c{}", "Mixed Case {}", "sel'ect{}", "per%cent:x?{}")[place % 4].format(place)
    quote = "`" if engine == "mariadb" else '"'
    return f"{quote}{name}{quote}"
