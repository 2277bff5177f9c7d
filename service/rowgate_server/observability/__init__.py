"""Metrics and logs. Imports nothing of the gateway's."""
