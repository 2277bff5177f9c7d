"""QueryService's messages: options, results, figures."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from rowgate.v1 import query_service_pb2, result_pb2
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, ExecuteQueryResponse, StreamQueryRequest
from rowgate.v1.value_pb2 import Value
from rowgate_server.core.query import QueryOptions, QueryRequest
from rowgate_server.engines.results import Column, Completion, StatementWarning, Stats, Truncation
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.codec.answers import sealed
from rowgate_server.transport.codec.encodings import ROWS, heading
from rowgate_server.transport.codec.queries import decode_query, write_stats

Options = query_service_pb2.QueryOptions


def _decoded(options: Options) -> QueryOptions:
    query, _ = decode_query(ExecuteQueryRequest(sql="select 1", options=options), None, "q")
    return query.options


def _refused(options: Options) -> RowgateError:
    with pytest.raises(RowgateError) as caught:
        _decoded(options)
    return caught.value


@pytest.mark.parametrize("kind", [ExecuteQueryRequest, StreamQueryRequest])
def test_a_request_is_decoded_whole(kind: type[ExecuteQueryRequest | StreamQueryRequest]) -> None:
    request = kind(
        database="main",
        sql="select :x",
        params={"x": Value(int_value=1)},
        positional_params=[Value(string_value="a")],
        options=Options(timeout=Duration(seconds=2), max_rows=3, max_bytes=4, read_only=True, tag="job/7"),
    )
    query, _ = decode_query(request, 5.0, "q")
    assert query == QueryRequest(
        database="main",
        sql="select :x",
        params={"x": BoundValue(ValueType.INT, 1)},
        positional_params=[BoundValue(ValueType.STRING, "a")],
        options=QueryOptions(timeout=2.0, max_rows=3, max_bytes=4, read_only=True, tag="job/7"),
        call_timeout=5.0,
        query_id="q",
    )


@pytest.mark.parametrize("request_", [ExecuteQueryRequest(), ExecuteQueryRequest(options=Options())])
def test_what_is_left_out_is_no_limit(request_: ExecuteQueryRequest) -> None:
    query, encoding = decode_query(request_, None, "q")
    assert query.options == QueryOptions()
    assert encoding is ROWS


# Timeouts


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (Duration(seconds=1, nanos=500_000_000), 1.5),
        (Duration(nanos=1), 1e-9),
        (Duration(seconds=10**11), 1e11),
        (Duration(seconds=2**63 - 1, nanos=999_999_999), 2.0**63),
        (Duration(seconds=2, nanos=-500_000_000), 1.5),
    ],
)
def test_a_timeout_is_taken_to_the_nanosecond_and_however_long(duration: Duration, seconds: float) -> None:
    assert _decoded(Options(timeout=duration)).timeout == pytest.approx(seconds)


@pytest.mark.parametrize(
    "duration",
    [
        Duration(),
        Duration(seconds=-1),
        Duration(nanos=-1),
        Duration(seconds=-(2**63)),
        Duration(seconds=1, nanos=-(2**31)),
    ],
)
def test_a_timeout_that_is_not_above_zero_is_refused(duration: Duration) -> None:
    error = _refused(Options(timeout=duration))
    assert (error.reason, error.field) == (Reason.INVALID_REQUEST, "options.timeout")


# Limits, encoding, tag


@pytest.mark.parametrize("field", ["max_rows", "max_bytes"])
@pytest.mark.parametrize("number", [-1, -(2**63)])
def test_a_negative_limit_is_refused(field: str, number: int) -> None:
    options = Options()
    setattr(options, field, number)
    error = _refused(options)
    assert (error.reason, error.field) == (Reason.INVALID_REQUEST, f"options.{field}")


@pytest.mark.parametrize("field", ["max_rows", "max_bytes"])
@pytest.mark.parametrize(("number", "limit"), [(0, None), (1, 1), (2**63 - 1, 2**63 - 1)])
def test_zero_is_no_limit(field: str, number: int, limit: int | None) -> None:
    options = Options()
    setattr(options, field, number)
    assert getattr(_decoded(options), field) == limit


@pytest.mark.parametrize("number", [99, -1, 2**31 - 1])
def test_an_encoding_of_a_newer_caller_is_not_supported(number: int) -> None:
    options = Options.FromString(Options(encoding=number).SerializeToString())  # type: ignore[arg-type]  # unknown on purpose
    error = _refused(options)
    assert (error.reason, error.field) == (Reason.NOT_SUPPORTED, "options.encoding")


@pytest.mark.parametrize("tag", ["a", "A-Z_0.9/x:y", "x" * 64])
def test_a_decent_tag_is_taken(tag: str) -> None:
    assert _decoded(Options(tag=tag)).tag == tag


@pytest.mark.parametrize(
    "tag", [" ", "a b", "x" * 65, "a\n", "a\x00", "é", '"', "a;b", "a=b", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_any_other_tag_is_refused(tag: str) -> None:
    error = _refused(Options(tag=tag))
    assert (error.reason, error.field) == (Reason.INVALID_REQUEST, "options.tag")
    assert tag not in error.message or tag in " -"


# Results


def test_columns_tell_what_is_known_and_nothing_else() -> None:
    known = Column("amount", ValueType.DECIMAL, "decimal(12,2)", nullable=False, precision=12, scale=0, table="things")
    unknown = Column("", ValueType.DYNAMIC)
    result = result_pb2.ResultSet()
    ROWS.start((known, unknown), result).put([("1.00", None)], result)
    assert result.columns[0] == result_pb2.Column(
        name="amount",
        type=result_pb2.COLUMN_TYPE_DECIMAL,
        database_type="decimal(12,2)",
        nullable=False,
        precision=12,
        scale=0,
        table="things",
    )
    assert result.columns[0].HasField("nullable")
    assert result.columns[1].type == result_pb2.COLUMN_TYPE_DYNAMIC
    assert not [name for name in ("nullable", "precision", "scale") if result.columns[1].HasField(name)]
    assert [value.WhichOneof("kind") for value in result.rows[0].values] == ["decimal_value", "null_value"]


def test_an_answer_is_refused_exactly_where_grpc_would_not_send_it() -> None:
    response = ExecuteQueryResponse()
    columns = (Column("x", ValueType.STRING),)
    ROWS.encoder(columns).put([("é" * 1000,)], response.result)
    octets: Any = sealed(response, heading(columns), 10_000)
    size = len(octets)
    assert sealed(response, heading(columns), size) == octets
    with pytest.raises(RowgateError) as caught:
        sealed(response, heading(columns), size - 1)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    assert caught.value.metadata["limit"].startswith(f"{size - 1} bytes")


def test_an_answer_laid_out_in_two_parts_reads_as_one() -> None:
    columns = (Column("x", ValueType.STRING, nullable=False), Column("y", ValueType.INT))
    parts, whole = ExecuteQueryResponse(), ExecuteQueryResponse()
    for encoder, response in ((ROWS.encoder(columns), parts), (ROWS.start(columns, whole.result), whole)):
        encoder.put([("a", 1), (None, 2)], response.result)
        write_stats(Stats("q", elapsed=1.5, row_count=2), response.stats)
    octets: Any = sealed(parts, heading(columns), 10_000)
    assert ExecuteQueryResponse.FromString(octets) == whole


def test_a_result_without_columns_is_there_all_the_same() -> None:
    octets: Any = sealed(ExecuteQueryResponse(), heading(()), 10_000)
    assert ExecuteQueryResponse.FromString(octets).HasField("result")


# Figures


def _encoded(stats: Stats) -> result_pb2.QueryStats:
    figures = result_pb2.QueryStats()
    write_stats(stats, figures)
    return figures


def test_figures_that_the_statement_has_not_are_absent() -> None:
    stats = _encoded(Stats("q", elapsed=0.0, row_count=0))
    assert not stats.HasField("affected_rows")
    assert not stats.HasField("last_insert_id")
    assert (stats.truncated, stats.truncation_reason) == (False, result_pb2.TRUNCATION_REASON_UNSPECIFIED)


def test_figures_are_told() -> None:
    warnings = (StatementWarning("1265", "Data truncated", "Warning"), StatementWarning("x", "y", "Note"))
    completion = Completion(affected_rows=0, last_insert_id=2**64 - 1, warnings=warnings)
    stats = _encoded(Stats("q", elapsed=1.25, row_count=2**40, completion=completion))
    assert (stats.affected_rows, stats.HasField("affected_rows"), stats.last_insert_id) == (0, True, 2**64 - 1)
    assert (stats.row_count, stats.query_id, stats.elapsed.ToMicroseconds()) == (2**40, "q", 1_250_000)
    assert [(warning.code, warning.message, warning.level) for warning in stats.warnings] == [
        ("1265", "Data truncated", "Warning"),
        ("x", "y", "Note"),
    ]


@pytest.mark.parametrize("truncation", list(Truncation))
def test_a_cut_result_says_so_and_why(truncation: Truncation) -> None:
    stats = _encoded(Stats("q", elapsed=0.0, row_count=1, truncation=truncation))
    assert stats.truncated
    assert result_pb2.TruncationReason.Name(stats.truncation_reason) == f"TRUNCATION_REASON_{truncation.name}"


@given(st.floats(min_value=0, max_value=1e9))
def test_elapsed_is_told_to_the_microsecond(seconds: float) -> None:
    elapsed = _encoded(Stats("q", elapsed=seconds, row_count=0)).elapsed
    assert elapsed.ToMicroseconds() == pytest.approx(seconds * 1e6, abs=1)
