"""Who calls: principals, and the credentials that prove them. Knows neither gRPC nor databases.

Everything here is given plain values; nothing of a credential is ever in a log line, an error or a metric.
"""
