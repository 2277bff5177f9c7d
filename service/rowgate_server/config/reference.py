"""docs/configuration.md, made from the settings so that it cannot say anything else than they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from rowgate_server.config.marks import TableColumns
from rowgate_server.config.report import show
from rowgate_server.config.shape import ROOT, Branch, Leaf
from rowgate_server.config.sources import FLAGS
from rowgate_server.config.url import DatabaseUrl
from rowgate_server.config.values import Address, Unit, format_quantity
from rowgate_server.config.words import Pairs, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRODUCTION = """\
# Configuration

This page is made from the settings themselves by `rowgate_server.config.reference_markdown()`; a test compares them.

## Where settings come from

A setting is taken from the first of these that gives it:

1. a flag of the command line;
2. an environment variable;
3. the configuration file;
4. the default.

Whatever is given anywhere has to be right: an unknown setting, a value that does not fit or a key that is given twice
stops the server, with one line for each problem that names the key and where it was given. No such line ever repeats
a value.

### Flags

| Flag | Setting |
|---|---|
{flags}
| `--database NAME=URL` | `databases.NAME.url`; may be repeated |
| `--set KEY=VALUE` | any setting by its dotted key, `--set server.drain_grace=30s`; may be repeated |

Other users of a machine can see a command line: give passwords by a variable or a file.

### Environment

Every setting has a variable: `ROWGATE_`, then its key, with two underscores for each step down. Case does not matter;
a database's name comes out in lower case. So `ROWGATE_DATABASES__MAIN__POOL__SIZE=10` is `databases.main.pool.size`.
A name with two underscores in a row, or one at its end, can only be given in the file or by a flag.

Any of them with `_FILE` at its end names a file that holds the value, for mounted secrets:
`ROWGATE_DATABASES__MAIN__URL_FILE=/run/secrets/url`. The line break at the file's end is no part of the value. A
variable and its `_FILE` together are an error.

A `ROWGATE_` variable that means no setting is an error. The ones that Kubernetes makes for a Service called `rowgate`
or `rowgate-...` (`ROWGATE_SERVICE_HOST`, `ROWGATE_PORT=tcp://...`, `ROWGATE_PORT_50051_TCP_ADDR`) are passed over.

### File

YAML, named by `--config` or `ROWGATE_CONFIG`. Values are read as their setting's kind asks, so `off`, `010` or `1:30`
need no quotes. Duplicate keys, tags, lists and merge keys (`<<`) are errors; aliases work.

```yaml
default_database: main
databases:
  main:
    url: postgresql://gateway:secret@db.internal:5432/shop?sslmode=verify-full
    pool:
      size: 10
    timeouts:
      statement: 15s
  archive:
    url: sqlite:////var/lib/rowgate/archive.db?mode=ro
log:
  level: warning
```

## Kinds of value

- **Duration**: `250ms`, `5s`, `2m`, `1.5h`; a plain number is seconds.
- **Size**: `64MiB`, `64Mi` (by 1024), `1MB`, `1M` (by 1000); a plain number is bytes.
- **Address**: `127.0.0.1:50051`, `[::1]:50051`, `unix:/run/rowgate.sock`. `0.0.0.0` and `[::]` are every interface.
- **URL**: see below.

## Database URLs

| Engine | URL |
|---|---|
| MySQL | `mysql://user:password@host:3306/schema`, also `mysql+asyncmy`; the schema may be left out |
| MariaDB | `mariadb://user:password@host:3306/schema`, also `mariadb+asyncmy`; the schema may be left out |
| PostgreSQL | `postgresql://user:password@host:5432/database`, also `postgres` and `postgresql+asyncpg` |
| SQLite | `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`, also `sqlite+aiosqlite` |

User, password and database name are percent-encoded: `@` is `%40`, `/` is `%2F`, `%` is `%25`. A user is required.

Behind a `?`, these and no other options are accepted:

- `sslmode` (MySQL, MariaDB, PostgreSQL): `verify-full` (the default: TLS, the certificate's issuer and host name
  checked), `verify-ca` (its issuer checked), `require` (TLS, the certificate unchecked, so that an impostor is not
  found out), `prefer` (the same if the server offers TLS, else plaintext; the default on loopback), `disable`.
- `sslrootcert`, with the two that check: the path of the CA certificates. Without it, the system's own.
- `mode=ro` (SQLite): the file is opened for reading only.

Several hosts stand between commas, each with its port or the default one: `mysql://user:password@a:3306,b:3306/shop`.
They are servers of one database that stand in for each other: calls go to the first that can be reached and takes
writes, or are spread over all of them (`routing.spread`). [Several servers](replicas.md) says what that promises.

### SQLite files

`:memory:` is refused: each pooled connection would have an empty database of its own.

A file that is written to should have a write-ahead log, once and for good: `sqlite3 FILE 'PRAGMA journal_mode = WAL'`.
Without one, whoever reads keeps writers out: a stream whose reader pauses does so for as long as `timeouts.stream` lets
it, and all that write meanwhile get `LOCK_TIMEOUT`; and while a write waits for readers, no new ones begin. With one,
readers and a writer do not wait for each other. It is two more files beside the first, so the directory must be
writable, on a disk of the machine's own and no network file system; while a stream is read, the log grows by all that
is written.

The gateway changes no file's mode: others may use the file, too. At the start, and in `check`, it warns of one that has
no write-ahead log, unless it is opened with `mode=ro`. The [demo](demo.md) has one.
"""

_WORDS: dict[Any, str] = {
    bool: "`true` or `false`",
    Address: "address",
    Address | None: "address or `off`",
    DatabaseUrl: "[URL](#database-urls)",
    str | None: "name of a database",
    str: "text",
    SecretStr: "text",
    TableColumns: "`table=column`, with commas between several",
    Words: "names, with commas between several",
    Pairs: "`name=value`, with commas between several",
}
_UNIT_WORDS = {Unit.SECONDS: "duration", Unit.BYTES: "size", None: "number"}


def reference_markdown() -> str:
    """The whole page."""
    flags = "\n".join(f"| `{flag}` | {_setting(key)} |" for key, flag in FLAGS.items())
    return "\n".join([_INTRODUCTION.replace("{flags}", flags), "## Settings", "", *_sections(ROOT)])


def _setting(key: str) -> str:
    return "the path of the file, before `ROWGATE_CONFIG`" if key == "config" else f"`{key}`"


def _sections(branch: Branch) -> Iterator[str]:
    leaves = [child for child in branch.children.values() if isinstance(child, Leaf)]
    if leaves:
        yield f"### `{'.'.join(branch.path)}`" if branch.path else "### At the top"
        yield ""
        yield branch.description
        yield ""
        yield "| Setting | Accepts | Default | What it is |"
        yield "|---|---|---|---|"
        yield from map(_row, leaves)
        yield ""
    for child in branch.children.values():
        if isinstance(child, Branch):
            yield from _sections(child)


def _row(leaf: Leaf) -> str:
    cells = [f"`{leaf.path[-1]}`<br>`{leaf.variable}`", _accepts(leaf), _default(leaf), leaf.description]
    return f"| {' | '.join(cells)} |"


def _accepts(leaf: Leaf) -> str:
    if leaf.choices:
        return ", ".join(f"`{choice}`" for choice in leaf.choices)
    if leaf.bounds is None:
        return _WORDS[leaf.info.annotation]
    least, greatest = (format_quantity(number, leaf.unit) for number in leaf.bounds)
    return f"{_UNIT_WORDS[leaf.unit]}, {least} to {greatest}"


def _default(leaf: Leaf) -> str:
    if leaf.required:
        return "required"
    if leaf.derived is not None:
        return leaf.derived
    if not str(leaf.info.default):
        return "empty"
    value = show(leaf, leaf.info.default)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
