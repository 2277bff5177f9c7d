"""The configuration: frozen settings, and the only reader of the environment and of files.

`load` merges flags, `ROWGATE_` variables and a YAML file into `Settings`, or raises `ConfigError` with every problem.
"""

from rowgate_server.config.audit import Audit
from rowgate_server.config.auth import Auth
from rowgate_server.config.changes import fixed, same_connections
from rowgate_server.config.database import Catalog, Database, Limits, Login, Pool, Replica, Routing, Tables, Timeouts
from rowgate_server.config.errors import ConfigError, UnreachedError
from rowgate_server.config.grpc_server import Server
from rowgate_server.config.loading import files, load, read_policy
from rowgate_server.config.reference import reference_markdown
from rowgate_server.config.report import effective, json_schema
from rowgate_server.config.settings import Admin, Health, Log, Settings, Tracing
from rowgate_server.config.tls import Certificates
from rowgate_server.config.url import DatabaseUrl, SslMode
from rowgate_server.config.values import Address

__all__ = [
    "Address",
    "Admin",
    "Audit",
    "Auth",
    "Catalog",
    "Certificates",
    "ConfigError",
    "Database",
    "DatabaseUrl",
    "Health",
    "Limits",
    "Log",
    "Login",
    "Pool",
    "Replica",
    "Routing",
    "Server",
    "Settings",
    "SslMode",
    "Tables",
    "Timeouts",
    "Tracing",
    "UnreachedError",
    "effective",
    "files",
    "fixed",
    "json_schema",
    "load",
    "read_policy",
    "reference_markdown",
    "same_connections",
]
