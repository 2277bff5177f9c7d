"""The policy's file: read, checked, and made the roles and rules that `core/policy` goes by."""

from rowgate_server.config.policy.loading import load_policy

__all__ = ["load_policy"]
