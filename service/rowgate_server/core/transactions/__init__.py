"""Transactions that a caller holds: begun within the share of the pool, used request by request, ended for certain."""
