from __future__ import annotations

import math

from bench import lag

TEXT = """\
# TYPE rowgate_event_loop_lag_seconds histogram
rowgate_event_loop_lag_seconds_bucket{le="0.005"} 90.0
rowgate_event_loop_lag_seconds_bucket{le="0.02"} 99.0
rowgate_event_loop_lag_seconds_bucket{le="+Inf"} 100.0
rowgate_event_loop_lag_seconds_count 100.0
"""


def test_a_histogram_is_read_from_an_exposition() -> None:
    assert lag.buckets(TEXT) == {0.005: 90, 0.02: 99, math.inf: 100}


def test_the_percentile_is_of_what_came_between() -> None:
    before = {0.005: 50.0, 0.02: 50.0, math.inf: 50.0}
    after = {0.005: 140.0, 0.02: 149.0, math.inf: 150.0}
    assert lag.percentile(before, after, 50) == 0.005
    assert lag.percentile(before, after, 99) == 0.02
    assert lag.percentile(before, after, 99.5) == math.inf


def test_there_is_no_percentile_of_nothing() -> None:
    assert lag.percentile({math.inf: 5.0}, {math.inf: 5.0}, 99) is None
    assert lag.percentile({}, {}, 99) is None
