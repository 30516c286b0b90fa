"""Run the runner: ``python -m quarterdeck_runner`` or ``quarterdeck runner``."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp

import quarterdeck as qd
from quarterdeck.serving import InUseError, PortError, listen, url_of, wrong_settings
from quarterdeck_runner.settings import Settings

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

log = logging.getLogger("quarterdeck.runner")


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0 after a stop, 1 if the database could not be opened, 2 for a wrong setting or a busy port.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("quarterdeck").setLevel(logging.INFO)
    try:
        settings = CliApp.run(Settings, cli_args=list(sys.argv[1:] if argv is None else argv))
    except ValidationError as error:
        print(wrong_settings(error.errors()), file=sys.stderr)  # noqa: T201 - answer to a command line
        return USAGE
    # The runner commands others and obeys nobody: no runner URL for its own telemetry.
    qd.init(service_name="quarterdeck-runner", runner_url="")
    try:
        return asyncio.run(_run(settings))
    finally:
        qd.shutdown()


async def _run(settings: Settings) -> int:
    from quarterdeck_runner.app import create_app

    try:
        with listen(settings.host, settings.runner_port, "runner-port") as listener:
            app = create_app(settings)
            async with app.router.lifespan_context(app):
                await _serve(app, listener)
    except PortError as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, not a traceback
        return USAGE
    except InUseError as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return FAILED
    return 0


async def _serve(app: object, listener: socket.socket) -> None:
    server = _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]  # uvicorn's name for an application is private
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            ws="none",
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    log.info("listening: %s", url_of(listener))
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
