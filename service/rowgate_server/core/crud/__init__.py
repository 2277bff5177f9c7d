"""Rows of any table: what the requests of TableService mean, from frozen values to frozen values.

A request is planned against a table's description (`core/table_cache`): names are looked up, values are made what the
columns hold. The plan is frozen, and `core/compiler` makes SQL of it. No gRPC here, and no connection.
"""
