"""Pools and drivers: everything that touches a database connection. Knows no request and no table."""
