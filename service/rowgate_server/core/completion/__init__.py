"""What could stand at one place of an SQL text that is still being written."""

from __future__ import annotations

from .completer import Completer, Completion, CompletionRequest
from .records import Candidate, CandidateKind

__all__ = ["Candidate", "CandidateKind", "Completer", "Completion", "CompletionRequest"]
