"""Run the collector: ``python -m quarterdeck_collector`` or ``quarterdeck collector``."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp

from quarterdeck_collector.settings import Settings

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

log = logging.getLogger("quarterdeck.collector")


class PortInUseError(Exception):
    """Another program listens on a port."""


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
        for problem in error.errors():
            name = "--" + "-".join(map(str, problem["loc"])).replace("_", "-")
            print(f"{name}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - answer to a command line
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
    from quarterdeck_collector.lock import DirectoryInUseError
    from quarterdeck_collector.migrate import MigrationError
    from quarterdeck_collector.store import StoreError

    try:
        with contextlib.ExitStack() as sockets:
            otlp = sockets.enter_context(_listen(settings.host, settings.otlp_http_port, "otlp-http-port"))
            sql = (
                None
                if settings.clickhouse_url
                else sockets.enter_context(_listen(settings.host, settings.clickhouse_port, "clickhouse-port"))
            )
            return await _serve(settings, otlp, sql)
    except PortInUseError as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, not a traceback
        return USAGE
    except (DirectoryInUseError, MigrationError, StoreError) as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return FAILED


def _listen(host: str, port: int, flag: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise
        variable = f"QUARTERDECK_{flag.upper().replace('-', '_')}"
        raise PortInUseError(
            f"port {port} is in use on {host}; stop that program or choose another with --{flag} / {variable}"
        ) from None
    return listener


async def _serve(settings: Settings, otlp: socket.socket, sql: socket.socket | None) -> int:
    from quarterdeck_collector.app import create_app
    from quarterdeck_collector.embedded import Limits, create_sql_app

    app = create_app(settings)
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
    where = f"OTLP on {_url(otlp)}"
    if sql is not None:
        where += f", ClickHouse on {_url(sql)}"
    log.info("listening: %s", where)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
