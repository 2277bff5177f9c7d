"""The admin port: `/metrics` for Prometheus, `/livez` and `/readyz` for probes that speak HTTP."""

from __future__ import annotations

import asyncio
import gzip
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from rowgate_server.observability.exposition import Snapshot, written

_NOTHING = re.compile(r"q\s*=\s*0(\.0*)?")
_LEVEL = 1
"""Of gzip: 205 kB become 9 in 0.6 ms; at the usual level 7, in 6.6."""


class State(NamedTuple):
    """Whether calls are welcome, and which databases answer."""

    ready: bool
    databases: Mapping[str, bool]


class _Form(NamedTuple):
    """How the metrics are written."""

    openmetrics: bool
    packed: bool


class AdminServer:
    """A small HTTP server on the same event loop: when that is stuck, `/livez` does not answer either.

    Args:
        metrics: everything that there is to tell at this moment.
        state: the same of health.
    """

    def __init__(self, metrics: Callable[[], Awaitable[Snapshot]], state: Callable[[], State]) -> None:
        self._collect = metrics
        self._state = state
        self._under_way: dict[_Form | None, asyncio.Future[Any]] = {}
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def listen(self, host: str, port: int, path: str, tls: ssl.SSLContext | None = None) -> str:
        """Listen on a socket file, or on a host and port; returns where.

        Raises:
            OSError: the address cannot be had.
        """
        if path:
            await self.start_unix(path, tls)
            return f"unix:{path}"
        bound = await self.start(host, port, tls)
        return f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; returns the port, which is another one if 0 was asked for.

        Raises:
            OSError: the address cannot be had.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def start_unix(self, path: str, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a socket file."""
        await self._runner.setup()
        await web.UnixSite(self._runner, path, ssl_context=tls).start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            _, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (ValueError, TypeError):
            # It asks for a version that is no number.
            _, content_type = choose_encoder("")
        headers = {"Content-Type": content_type, "Vary": "Accept-Encoding"}
        packed = _takes_gzip(request.headers.get("Accept-Encoding", ""))
        if packed:
            headers["Content-Encoding"] = "gzip"
        form = _Form("openmetrics" in content_type, packed)
        return web.Response(body=await self._shared(form, partial(self._body, form)), headers=headers)

    async def _body(self, form: _Form) -> bytes:
        told = await self._shared(None, self._collect)
        # In a thread: many series take milliseconds to write out.
        return await asyncio.to_thread(_written, told, form)

    async def _shared(self, what: _Form | None, make: Callable[[], Awaitable[Any]]) -> Any:
        """What is being made for somebody already, or is made now: many scrapes at once cost no more than one."""
        if what not in self._under_way:
            self._under_way[what] = asyncio.ensure_future(make())
            self._under_way[what].add_done_callback(lambda _: self._under_way.pop(what))
        # Whoever asked first may leave.
        return await asyncio.shield(self._under_way[what])

    async def _livez(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "ok"})

    async def _readyz(self, request: web.Request) -> web.Response:
        del request
        ready, databases = self._state()
        status = "ready" if ready else "not ready"
        told = {name: "up" if up else "down" for name, up in databases.items()}
        return web.json_response({"status": status, "databases": told}, status=200 if ready else 503)


def _written(told: Snapshot, form: _Form) -> bytes:
    text = written(told, openmetrics=form.openmetrics)
    return gzip.compress(text, _LEVEL) if form.packed else text


def _takes_gzip(accepted: str) -> bool:
    """Whether a header Accept-Encoding names gzip, and not as what is refused."""
    for coding in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        if name == "gzip":
            return not any(_NOTHING.fullmatch(parameter) for parameter in parameters)
    return False
