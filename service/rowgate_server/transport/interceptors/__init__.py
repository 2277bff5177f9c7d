"""What every call passes through, in one order. `chain.py` runs them; each other file is one of them."""

from rowgate_server.transport.interceptors.chain import Chain, Interceptor, RpcCall, current_call

__all__ = ["Chain", "Interceptor", "RpcCall", "current_call"]
