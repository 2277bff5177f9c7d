"""What every call passes through, in one order: `chain.py` runs them. What they count is in files of its own."""

from rowgate_server.transport.interceptors.call import RpcCall, current_call
from rowgate_server.transport.interceptors.chain import Chain, Interceptor

__all__ = ["Chain", "Interceptor", "RpcCall", "current_call"]
