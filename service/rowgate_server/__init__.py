"""Rowgate's server: a gRPC gateway to SQL databases.

The way through it, top to bottom, is also who may import whom:
`app` builds everything; `transport` speaks gRPC; `core` knows what a request means; `engines` runs statements on
pooled connections; `errors` and `observability` serve them all.
"""

__version__ = "0.1.0"
