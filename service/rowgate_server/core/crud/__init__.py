"""Rows of any table: what the requests of TableService mean, from frozen values to frozen values.

A request is planned against a table's description (`core/table_cache`): names are looked up, values are made what the
columns hold. The plan is frozen, and `core/compiler` makes SQL of it. No gRPC here, and no connection.

The way through: `requests`, `write_requests` and `filters` are what is asked; `reads`, `pages`, `counts`, `inserts` and
`changes` answer it. `conditions`, `orders`, `keys`, `meant`, `conflicts` and `row_values` look it up and give `plans`.
`changing` runs an update or a delete, `upserts` and `meetings` on_conflict, `statements` an insert, `writing` any of
them. `coercion`, with `numbers`, `texts`, `times` and `affinity`, makes values the columns' own.
"""
