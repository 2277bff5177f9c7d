"""One asyncpg connection: prepare, run, read from a portal, wipe the session clean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any

import asyncpg
from asyncpg import connect_utils

from rowgate_server.engines.beside import if_many
from rowgate_server.engines.description import Description, ParameterType
from rowgate_server.engines.dialects.postgresql import types
from rowgate_server.engines.dialects.postgresql.arrays import ArrayColumns
from rowgate_server.engines.dialects.postgresql.commits import make_last
from rowgate_server.engines.dialects.postgresql.cursor import Cursor, PortalCursor, WholeCursor, affected
from rowgate_server.engines.dialects.postgresql.ending import Control
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter
from rowgate_server.engines.dialects.postgresql.origins import Origins, fields, may_add_nulls
from rowgate_server.engines.dialects.postgresql.preparing import Preparing, convert_each
from rowgate_server.engines.driver import ExecuteMode, Remains, Standing, TransactionOptions
from rowgate_server.engines.limits import wire_bytes
from rowgate_server.engines.many import RunFailedError
from rowgate_server.engines.results import Columns, StatementWarning, result_too_large
from rowgate_server.engines.values import NO_MEMBERS, AnyStatement, BoundRows, BoundStatement

_KILL_TIMEOUT = 2.0
_OVERTAKEN = 0.05
"""Seconds until a statement that still runs was overtaken by the request to cancel it."""
_REQUESTS = 3
"""Until it is taken for one that takes no notice."""
_MOST_WARNINGS, _MOST_OF_A_WARNING = 64, 4096
"""How many, and characters of each: what comes beyond is never kept."""
_ALTERING = (b"ALTER", b"DO", b"CALL")
"""Tags of what may give a table another name."""
_utils: Any = connect_utils
"""Its types leave out the request to cancel."""
_BEFORE = "rowgate_before"


class PostgreSQLSession:
    """The session on one connection."""

    begins_late = False

    def __init__(self, connection: Any, meter: ReceiveMeter, origins: Origins, control: Control) -> None:
        self._connection = connection
        self._control = control
        # asyncpg lets go of it when the connection is cut, and it knows the process to cancel.
        self._protocol = connection._protocol
        self._meter = meter
        self._preparing = Preparing(connection, meter)
        self._outside = origins
        self._look_up_in(origins)
        self._notices: list[StatementWarning] = []
        self._begun = self._only_reads = False
        self._prepared = False
        """The last statement was: it may have run."""

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> Cursor:
        """Run one statement: in the transaction that was begun, or in PostgreSQL's implicit one, or an explicit one.

        A portal to stream from, and a read-only session, need an explicit transaction.
        """
        if isinstance(statement, BoundRows):
            statement = statement.spread()
        self._prepared = False
        # In a transaction a statement that can't be prepared as it is would be the end of it.
        uncertain = self._begun and statement.values and not mode.typed
        async with self._saved() if uncertain else nullcontext(None) as place:
            prepared, arguments = await self._preparing.prepare(statement, place)
        self._prepared = True
        self._notices.clear()
        self._connection.add_log_listener(self._notice)
        ending = ""
        if mode.read_only and not self._begun:
            await self._connection.execute("BEGIN READ ONLY")
            ending = "ROLLBACK"  # a session that refuses writes still takes large objects and notifications
        elif mode.streaming and not self._begun:
            await self._connection.execute("BEGIN")
            ending = "COMMIT"
        columns = await self._columns(prepared, statement)
        attributes = prepared.get_attributes()
        arrays = ArrayColumns(attributes, self._connection.members)
        if mode.streaming and columns:
            narrow = types.are_narrow(attributes, fields(self._preparing.description))
            portal = await prepared.cursor(*arguments)
            return PortalCursor(
                self._connection,
                prepared,
                columns,
                arrays,
                portal,
                self._notices,
                self._meter,
                narrow=narrow,
                ending=ending,
            )
        answer = await self._whole(prepared, arguments, mode, arrays)
        if (answer[1] or b"").startswith(_ALTERING):
            self._origins.forget()
            self._connection.forget_types()
        return WholeCursor(self._connection, columns, arrays, answer, self._notices, ending=ending)

    async def execute_many(self, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        """Prepared once, and bound to many sets in one write; one by one where a value needs a cast of its own."""
        async with self._saved() as place:
            prepared, _ = await self._preparing.prepare(statements[0], place)
        converted = await convert_each(prepared, statements)
        if any(casts is not None for _, casts in converted) or any(NO_MEMBERS in each.values for each in statements):
            return [await self._changed(index, statement) for index, statement in enumerate(statements)]
        self._meter.listen()
        try:
            await prepared.executemany([arguments for arguments, _ in converted])
        except asyncpg.PostgresError as error:
            raise RunFailedError(len(self._meter.command_tags()), error) from error
        except BaseException:
            self._meter.command_tags()
            raise
        return await if_many(len(statements), lambda: [affected(tag) or 0 for tag in self._meter.command_tags()])

    async def _changed(self, index: int, statement: BoundStatement) -> int:
        try:
            cursor = await self.execute(statement, ExecuteMode())
            return (await cursor.finish()).affected_rows or 0
        except asyncpg.PostgresError as error:
            raise RunFailedError(index, error) from error

    async def describe(self, statement: BoundStatement, *, valued: bool) -> Description:
        """Prepare it: a NULL goes as any type, so without values each parameter has the type that is inferred."""
        del valued
        prepared, _ = await self._preparing.prepare(statement, None)
        return Description(
            columns=await self._columns(prepared, statement),
            parameters=tuple(ParameterType(types.value_type(kind), kind.name) for kind in prepared.get_parameters()),
        )

    async def begin(self, options: TransactionOptions) -> None:
        """Begin a transaction."""
        level = f" ISOLATION LEVEL {options.isolation.value}" if options.isolation else ""
        read_only, deferrable = " READ ONLY" * options.read_only, " DEFERRABLE" * options.deferrable
        waiting = (
            "" if options.lock_timeout is None else f"; SET LOCAL lock_timeout = {_milliseconds(options.lock_timeout)}"
        )
        await self.control(f"BEGIN{level}{read_only}{deferrable}{waiting}")
        self._begun, self._only_reads = True, options.read_only
        self._look_up_in(self._outside.inside())

    async def commit(self) -> None:
        """Commit it; one that is read-only is rolled back, as it takes large objects and notifications all the same.

        Nothing is lost by that: a serializable transaction that only reads fails at a statement, never at its commit.

        Raises:
            RowgateError: it was rolled back instead.
        """
        self._begun = False
        altered = self._origins.altered
        self._look_up_in(self._outside)
        if self._only_reads:
            await self.control("ROLLBACK")
        else:
            await make_last(self._connection)
        if altered:
            self._outside.forget()

    async def rollback(self) -> None:
        """Roll it back."""
        self._begun = False
        self._look_up_in(self._outside)
        await self.control("ROLLBACK")

    async def control(self, sql: str) -> None:
        """Run a command of the gateway's own."""
        await self._connection.execute(sql)

    async def standing(self, error: Exception | None) -> Standing:
        """After any error of the server's, PostgreSQL takes only a rollback."""
        if not self._connection.is_in_transaction():
            return Standing.ENDED
        return Standing.FAILED if isinstance(error, asyncpg.PostgresError) else Standing.ACTIVE

    async def remains(self) -> Remains:
        """Every statement is undone whole. A mistake in its text, or a name in it, is found when it is prepared."""
        return Remains.NOTHING if self._prepared else Remains.REFUSED

    async def reset(self) -> None:
        """Roll back, then wipe out what is left."""
        connection = self._connection
        self._begun = False
        self._look_up_in(self._outside)
        connection.remove_log_listener(self._notice)
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
        await connection.wiping.wipe(connection)
        connection.forget_types()
        self._meter.begin(None)

    def defer_reset(self, *, reads: bool) -> bool:
        """Never: asyncpg waits for the answer to each command."""
        del reads
        return False

    def alive(self) -> bool:
        """Whether the server has not said goodbye."""
        return not self._connection.is_closed()

    def lost(self) -> bool:
        """Whether it has, or the way to it is gone: a cancelled read leaves the connection open."""
        return not self.alive() and not self._meter.cut

    async def kill(self) -> bool:
        """Closing waits until a cancel request, which asyncpg sends when its caller is cancelled, was answered.

        A request that overtakes its statement finds nothing to cancel, so it is sent again; and a statement may take
        no notice of one, by catching the error. So what has not ended soon is ended with its process; and so is a
        connection's that is closed already, whose request was lost on the way.
        """
        connection = self._connection
        if connection.is_closed():
            try:
                return await self._control.end(self._protocol.backend_pid, connection.begun)
            except Exception:
                # It takes neither a login nor a permission.
                with suppress(OSError):
                    await self._request_cancel()
                raise
        closing = asyncio.ensure_future(connection.close(timeout=_KILL_TIMEOUT))
        try:
            for _ in range(_REQUESTS):
                if (await asyncio.wait({closing}, timeout=_OVERTAKEN))[0]:
                    await closing
                    return True
                with suppress(OSError):
                    await self._request_cancel()
            return await self._control.end(self._protocol.backend_pid, connection.begun)
        finally:
            closing.cancel()
            self.abort()

    async def _request_cancel(self) -> None:
        connection = self._connection
        await _utils._cancel(
            loop=asyncio.get_running_loop(),
            addr=connection._addr,
            params=connection._params,
            # By the time a new process has this number, its secret is another one.
            backend_pid=self._protocol.backend_pid,
            backend_secret=self._protocol.backend_secret,
        )

    @contextmanager
    def reflecting(self) -> Iterator[None]:
        """Reflection takes JSON as objects."""
        types.install_codecs(self._connection, json_decoder=json.loads)
        try:
            yield
        finally:
            if not self._connection.is_closed():
                types.install_codecs(self._connection)

    def abort(self) -> None:
        """Cut the link at once."""
        if not self._connection.is_closed():
            self._connection.terminate()

    def occupies(self) -> None:
        """Statements run on the server."""

    async def _whole(
        self, prepared: Any, arguments: list[Any], mode: ExecuteMode, arrays: ArrayColumns
    ) -> tuple[list[Any], bytes | None]:
        """What PreparedStatement.fetch does, with a limit: rows past the caller's cap are never sent."""
        columns = len(prepared.get_attributes())
        limit = mode.row_limit + 1 if mode.row_limit is not None and columns else 0
        with_status = True
        byte_cap = mode.byte_cap
        # Without columns it is notices that come, and they are as large as the caller makes them.
        most = byte_cap if byte_cap is None or not columns else wire_bytes(byte_cap, limit or None, columns)
        self._meter.begin(most, arrays.costs)
        try:
            rows, status, _ = await self._connection._protocol.bind_execute(
                prepared._state, arguments, "", limit, with_status, None
            )
        except Exception as error:
            if self._meter.tripped:
                raise result_too_large(f"{byte_cap} bytes", of_role=mode.role_bytes) from error
            raise
        finally:
            self._meter.begin(None)
        return rows, status

    async def _columns(self, prepared: Any, statement: BoundStatement) -> Columns:
        """The columns of what was prepared last, with the tables that they come from."""
        description, nulls = self._preparing.description, may_add_nulls(statement.fragments)
        found = self._origins.made(description, nulls)
        if found is not None:
            return found
        described = fields(description)
        if missing := self._origins.missing(described):
            await self._origins.learn(self._connection, missing)
        columns = types.columns(prepared.get_attributes(), described, self._origins, nulls=nulls)
        return self._origins.keep(description, nulls, columns) if described else columns

    def _look_up_in(self, origins: Origins) -> None:
        """From now on, tables' columns and types are looked up there."""
        self._origins = origins
        self._connection.own_types = origins.own_types

    def _notice(self, _: Any, message: Any) -> None:
        if len(self._notices) < _MOST_WARNINGS:
            self._notices.append(StatementWarning(message.sqlstate, _short(message.message), message.severity))

    @asynccontextmanager
    async def _saved(self) -> AsyncIterator[str]:
        """A savepoint to come back to."""
        await self._connection.execute(f"SAVEPOINT {_BEFORE}")
        yield f"ROLLBACK TO SAVEPOINT {_BEFORE}"
        await self._connection.execute(f"RELEASE SAVEPOINT {_BEFORE}")


def _short(text: str) -> str:
    return text if len(text) <= _MOST_OF_A_WARNING else text[: _MOST_OF_A_WARNING - 1] + "…"


def _milliseconds(seconds: float) -> int:
    """At least one: 0 is for ever."""
    return max(1, round(seconds * 1000))
