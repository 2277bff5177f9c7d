"""What servers of a cluster tell of themselves, and how far their data goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.role import NotReadyError, role_of
from rowgate_server.engines.hosts import Positions
from rowgate_server.engines.roles import reached

SYNCED = {
    "wsrep_ready": "ON",
    "wsrep_local_state": "4",
    "wsrep_last_committed": "17",
    "wsrep_cluster_state_uuid": "91bd7c2f",
}
POSITIONS = st.dictionaries(st.sampled_from("0123"), st.integers(0, 9), min_size=1)


def test_mariadb_without_a_cluster_counts_by_domains() -> None:
    role = role_of(read_only=False, gtids=["0-1-100,5-1-3", "0-2-90,7-1-2"], galera={"wsrep_ready": "OFF"})
    assert role.writable
    assert role.in_step
    assert role.written == (None, {"0": 100, "5": 3, "7": 2}, None)
    assert role.applied == (None, {"0": 90, "7": 2}, None)


def test_nothing_written_to_a_log_tells_nothing() -> None:
    role = role_of(read_only=True, gtids=["", ""], galera={})
    assert not role.writable
    assert not role.shared
    assert role.written == role.applied == (None, None, None)
    assert reached(role.applied, role.written) is None


def test_mysql_without_gtids_tells_only_whether_it_takes_writes() -> None:
    role = role_of(read_only=True, gtids=[], galera={})
    assert (role.writable, reached(role.applied, role.written)) == (False, None)


@pytest.mark.parametrize(("state", "in_step"), [("4", True), ("2", False), ("1", False), ("3", False)])
def test_node_is_in_step_only_when_it_is_synced(state: str, in_step: bool) -> None:
    role = role_of(read_only=False, gtids=["", ""], galera={**SYNCED, "wsrep_local_state": state})
    assert role.in_step is in_step
    assert role.shared
    assert role.written == role.applied == ({"91bd7c2f": 17}, None, None)


def test_node_that_has_lost_its_cluster_is_not_there() -> None:
    with pytest.raises(NotReadyError):
        role_of(read_only=False, gtids=["", ""], galera={**SYNCED, "wsrep_ready": "OFF"})


def test_nodes_are_compared_as_such_and_a_replica_of_theirs_by_domains() -> None:
    node = ({"91bd7c2f": 17}, {"0": 100})
    assert reached(({"91bd7c2f": 16}, {"0": 100}), node) is False
    assert reached(({"91bd7c2f": 17}, None), node) is True
    assert reached((None, {"0": 99}), node) is False
    assert reached((None, {"0": 100}), node) is True


@given(applied=POSITIONS, written=POSITIONS)
def test_a_replica_has_everything_when_no_source_is_ahead_of_it(
    applied: dict[str, int], written: dict[str, int]
) -> None:
    ahead = [source for source, number in written.items() if number > applied.get(source, -1)]
    assert reached((applied,), (written,)) is (not ahead)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.integers(0, 20))
def test_staleness_never_promises_more_than_the_replica_has(numbers: list[int], applied: int) -> None:
    """The primary's positions grow; the time that is told is one at which the replica had all there was."""
    positions = Positions()
    written = sorted(numbers)
    for at, number in enumerate(written):
        positions.note(float(at), ({"": number},))
    latest = positions.latest_in(({"": applied},))
    had = [at for at, number in enumerate(written) if number <= applied]
    assert latest == (float(had[-1]) if had else float("-inf"))


def test_where_nothing_can_be_compared_there_is_no_time() -> None:
    positions = Positions()
    assert positions.latest_in(({"": 1},)) is None
    positions.note(1.0, (None,))
    assert positions.latest_in(({"": 1},)) is None
