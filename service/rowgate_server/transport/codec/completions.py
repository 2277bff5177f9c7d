"""CompleteSql's messages."""

from __future__ import annotations

from rowgate.v1 import schema_service_pb2 as pb
from rowgate_server.core.completion.completer import Completion, CompletionRequest
from rowgate_server.core.completion.records import Candidate


def decode_completion_request(request: pb.CompleteSqlRequest, call_timeout: float | None) -> CompletionRequest:
    """What to complete, and where."""
    return CompletionRequest(
        database=request.database,
        sql=request.sql,
        cursor=request.cursor,
        schema=request.schema,
        max_candidates=request.max_candidates,
        call_timeout=call_timeout,
    )


def encode_completion(completion: Completion) -> pb.CompleteSqlResponse:
    """The candidates."""
    return pb.CompleteSqlResponse(
        replace_start=completion.start,
        replace_end=completion.end,
        candidates=[_candidate(candidate) for candidate in completion.candidates],
        truncated=completion.truncated,
    )


def _candidate(candidate: Candidate) -> pb.Candidate:
    return pb.Candidate(
        text=candidate.text,
        kind=pb.CandidateKind.ValueType(candidate.kind.value),
        label=candidate.label,
        detail=candidate.detail,
        table=candidate.table,
    )
