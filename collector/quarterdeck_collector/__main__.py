"""Run the collector: ``python -m quarterdeck_collector`` or ``quarterdeck collector``."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_settings import CliApp

from quarterdeck.serving import (
    INTERNAL_TOKEN,
    InUseError,
    PortError,
    is_loopback,
    listen,
    url_at,
    url_of,
    wrong_settings,
)
from quarterdeck.tokens import Tokens
from quarterdeck_collector.settings import Settings

if TYPE_CHECKING:
    from quarterdeck_collector.receive.grpc import Bound

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

_OPEN_DOOR: Final = (
    "%s can be reached from other machines, and whoever reaches it could read and write your telemetry; make a token "
    "first with 'quarterdeck token create --name NAME --scope ingest --data-dir %s', or listen on 127.0.0.1"
)

log = logging.getLogger("quarterdeck.collector")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code: 0 after a stop, 1 if the store could not be opened, 2 for a wrong setting or a busy port.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    try:
        settings = CliApp.run(Settings, cli_args=list(sys.argv[1:] if argv is None else argv))
    except ValidationError as error:
        print(wrong_settings(error.errors()), file=sys.stderr)  # noqa: T201 - answer to a command line
        return USAGE
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_run(settings))


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _run(settings: Settings) -> int:
    from quarterdeck_collector.forward.targets import TargetError, refuse_own_addresses
    from quarterdeck_collector.migrate import MigrationError
    from quarterdeck_collector.receive import grpc
    from quarterdeck_collector.refusals import StoreError

    local = is_loopback(settings.host)
    tokens = Tokens(settings.token_file, local=local, siblings=os.environ.get(INTERNAL_TOKEN, ""))
    if not local and not tokens.usable:
        log.error(_OPEN_DOOR, settings.host, settings.data_dir)
        return USAGE
    try:
        with contextlib.ExitStack() as sockets:
            otlp = sockets.enter_context(listen(settings.host, settings.otlp_http_port, "otlp-http-port"))
            sql = (
                None
                if settings.clickhouse_url
                else sockets.enter_context(listen(settings.host, settings.clickhouse_port, "clickhouse-port"))
            )
            rpc = grpc.bind(settings)
            refuse_own_addresses(settings.targets(), [otlp.getsockname()[:2], rpc.address])
            return await _serve(settings, tokens, otlp, sql, rpc)
    except (PortError, TargetError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, not a traceback
        return USAGE
    except (InUseError, MigrationError, StoreError) as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return FAILED


async def _serve(
    settings: Settings, tokens: Tokens, otlp: socket.socket, sql: socket.socket | None, rpc: "Bound"
) -> int:
    from quarterdeck.connections import server
    from quarterdeck_collector.app import create_app
    from quarterdeck_collector.doors import guard_clickhouse, guard_otlp
    from quarterdeck_collector.embedded import create_sql_app
    from quarterdeck_collector.queries import Limits, end_queries
    from quarterdeck_collector.receive import grpc
    from quarterdeck_collector.threads import offload

    app = create_app(settings, url_of(otlp), tokens)
    patience, most = settings.client_patience, settings.max_connections
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with app.router.lifespan_context(app):
        collector = app.state.collector
        guarded = guard_otlp(app, tokens, patience, settings.cors)
        servers = [(server(guarded, patience, most), otlp)]
        if sql is not None:
            limits = Limits(settings.query_max_seconds, settings.query_max_bytes)
            guarded = guard_clickhouse(create_sql_app(collector.store, limits), tokens, patience)
            servers.append((server(guarded, patience, most), sql))
        tasks = [asyncio.create_task(each.serve(sockets=[listener])) for each, listener in servers]
        await grpc.serve(rpc.server, collector)
        _announce(otlp, sql, rpc)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, collector.failed, *tasks], return_when=asyncio.FIRST_COMPLETED)
        collector.broker.close()
        for each, _ in servers:
            each.should_exit = True
        if sql is not None:
            await offload(end_queries, collector.store)
        await asyncio.gather(rpc.server.stop(grpc.GRACE_SECONDS), *tasks)
        stopped.cancel()
        if collector.failed.done():
            collector.failed.result()
    return 0


def _announce(otlp: socket.socket, sql: socket.socket | None, rpc: "Bound") -> None:
    where = f"OTLP on {url_of(otlp)}, OTLP/gRPC on {url_at(rpc.address)}"
    if sql is not None:
        where += f", ClickHouse on {url_of(sql)}"
    log.info("listening: %s", where)


if __name__ == "__main__":
    sys.exit(main())
