"""Run the collector: ``python -m quarterdeck_collector`` or ``quarterdeck collector``."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp

from quarterdeck.serving import InUseError, PortError, listen, url_of, wrong_settings
from quarterdeck_collector.settings import Settings

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

log = logging.getLogger("quarterdeck.collector")


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
    from quarterdeck_collector.store import StoreError

    try:
        with contextlib.ExitStack() as sockets:
            otlp = sockets.enter_context(listen(settings.host, settings.otlp_http_port, "otlp-http-port"))
            sql = (
                None
                if settings.clickhouse_url
                else sockets.enter_context(listen(settings.host, settings.clickhouse_port, "clickhouse-port"))
            )
            refuse_own_addresses(settings.targets(), [otlp.getsockname()[:2]])
            return await _serve(settings, otlp, sql)
    except (PortError, TargetError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, not a traceback
        return USAGE
    except (InUseError, MigrationError, StoreError) as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return FAILED


async def _serve(settings: Settings, otlp: socket.socket, sql: socket.socket | None) -> int:
    from quarterdeck_collector.app import create_app
    from quarterdeck_collector.embedded import Limits, create_sql_app

    app = create_app(settings, url_of(otlp))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with app.router.lifespan_context(app):
        collector = app.state.collector
        servers = [(_server(app), otlp)]
        if sql is not None:
            limits = Limits(settings.query_max_seconds, settings.query_max_bytes)
            servers.append((_server(create_sql_app(collector.store, limits)), sql))
        tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers]
        _announce(otlp, sql)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, collector.failed, *tasks], return_when=asyncio.FIRST_COMPLETED)
        collector.broker.close()
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)
        stopped.cancel()
        if collector.failed.done():
            collector.failed.result()
    return 0


def _server(app: Any) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            ws="none",
        )
    )


def _announce(otlp: socket.socket, sql: socket.socket | None) -> None:
    where = f"OTLP on {url_of(otlp)}"
    if sql is not None:
        where += f", ClickHouse on {url_of(sql)}"
    log.info("listening: %s", where)


if __name__ == "__main__":
    sys.exit(main())
