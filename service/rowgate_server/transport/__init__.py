"""gRPC: the server, its interceptors, the codec, status mapping, and one servicer per service."""
