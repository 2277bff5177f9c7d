"""The only way to a database for what callers ask: it takes what the RPC needs, and who calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.ddl.maker import TableMaker
from rowgate_server.core.policy.errand import current_need
from rowgate_server.core.policy.guard import GuardedDatabases, access_to, enter
from rowgate_server.core.policy.needs import Need, Operation
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Limits, Policy, Role, Rule
from rowgate_server.engines.database import Databases
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.identity.principal import Method, Principal, current_principal

_READS = Rule(("main",), frozenset({Operation.READ}), tables=("*",))
_POLICY = Policy(
    {
        "reader": Role(
            "reader", (Rule(("main",), frozenset({Operation.READ}), tables=("*",)),), Limits(rows=7, time=1.0)
        ),
        "maker": Role("maker", (Rule(("*",), frozenset({Operation.DDL})),)),
    }
)


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Databases]:
    fill(tmp_path / "main.db", "create table things (id integer primary key)")
    async with databases({"main": tmp_path / "main.db"}, default="main") as found:
        yield found


@pytest.fixture
def calling() -> Iterator[None]:
    tokens = current_principal.set(Principal("r", Method.API_KEY, ("reader",))), current_need.set(Need.READ)
    yield
    current_principal.reset(tokens[0])
    current_need.reset(tokens[1])


def _guarded(plain: Databases, policy: Policy | None) -> GuardedDatabases:
    return GuardedDatabases({each.name: each for each in plain}, plain.default, {}, Policies(policy))


@pytest.mark.usefixtures("calling")
async def test_tables_are_dropped_by_whoever_may_whatever_the_rpc_needs(plain: Databases) -> None:
    guarded = _guarded(plain, _POLICY)
    maker = TableMaker(guarded, Catalog(guarded), {"main": True}, lambda _: None)
    with pytest.raises(RowgateError) as caught:
        await maker.drop("main", "", "things", if_exists=True, call_timeout=None)
    assert caught.value.reason is Reason.PERMISSION_DENIED
    current_principal.set(Principal("m", Method.API_KEY, ("maker",)))
    current_need.set(Need.DDL)
    assert await maker.drop("main", "", "things", if_exists=True, call_timeout=None)


@pytest.mark.usefixtures("calling")
@pytest.mark.parametrize("need", Need, ids=lambda need: need.value)
def test_a_database_is_open_to_whoever_may_what_the_rpc_needs(plain: Databases, need: Need) -> None:
    guarded = _guarded(plain, _POLICY)
    current_need.set(need)
    if need in (Need.READ, Need.CONNECT):
        assert guarded.get("main").name == "main"
        assert [each.name for each in guarded] == ["main"]
        return
    assert list(guarded) == []
    for name in ("main", "nowhere", ""):
        with pytest.raises(RowgateError) as caught:
            guarded.get(name)
        assert caught.value.reason is Reason.PERMISSION_DENIED
        assert set(caught.value.metadata) == {"outcome"}


@pytest.mark.usefixtures("calling")
def test_a_role_narrows_the_bounds_and_names_its_own(plain: Databases) -> None:
    access, database = enter(_guarded(plain, _POLICY), "main")
    assert access is not None
    assert (database.bounds.unary_rows, database.bounds.stream_rows) == (7, 7)
    assert (database.bounds.statement_timeout, database.statement_limit) == (1.0, "the role's limits.time")
    assert plain.get("main").statement_limit == "databases.main.timeouts.statement"


def test_without_a_policy_everything_is_as_it_was(plain: Databases) -> None:
    guarded = _guarded(plain, None)
    assert guarded.get("main") is plain.get("main")
    assert access_to(guarded, "main") is None
    with pytest.raises(RowgateError) as caught:
        guarded.get("nowhere")
    assert caught.value.reason is Reason.UNKNOWN_DATABASE


def test_where_nobody_has_noted_a_need_nothing_is_open(plain: Databases) -> None:
    with pytest.raises(RowgateError):
        _guarded(plain, _POLICY).get("main")
