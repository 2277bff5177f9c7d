"""A batch with more in it than may be is refused before any of it is decoded."""

from __future__ import annotations

from typing import Any

import pytest

from rowgate.v1.batch_pb2 import BatchStep, ParamSet
from rowgate.v1.query_service_pb2 import ExecuteBatchRequest
from rowgate.v1.value_pb2 import Value
from rowgate_server.engines.beside import whole
from rowgate_server.errors import RowgateError
from rowgate_server.transport.codec.batches import decode_batch

UNDECODABLE: Any = [Value()]
"""It has no kind set."""


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([BatchStep(positional_params=UNDECODABLE)] * 1000, "no kind set"),
        ([BatchStep(positional_params=UNDECODABLE)] * 1001, "1 to 1000 steps"),
        ([BatchStep(param_sets=[ParamSet(positional_params=UNDECODABLE)] * 50_000)] * 2, "no kind set"),
        ([BatchStep(param_sets=[ParamSet(positional_params=UNDECODABLE)] * 50_001)] * 2, "at most 100000 runs"),
        ([BatchStep(positional_params=UNDECODABLE * 65_536)], "more than 65535"),
        ([], "1 to 1000 steps"),
    ],
)
def test_too_many_are_not_decoded(steps: list[BatchStep], words: str) -> None:
    with pytest.raises(RowgateError, match=words):
        whole(decode_batch(ExecuteBatchRequest(steps=steps), None))
