"""Run the runner: ``python -m quarterdeck_runner`` or ``quarterdeck runner``."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from pydantic_settings import CliApp

import quarterdeck as qd
from quarterdeck.serving import INTERNAL_TOKEN, InUseError, PortError, is_loopback, listen, url_of, wrong_settings
from quarterdeck.tokens import Scope, Tokens
from quarterdeck_runner.key_stores import KeyStoreError
from quarterdeck_runner.keys import scrub
from quarterdeck_runner.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

log = logging.getLogger("quarterdeck.runner")


_OPEN_DOOR: Final = (
    "%s can be reached from other machines, and whoever reaches it could spend your API keys; make a token first with "
    "'quarterdeck token create --name NAME --scope run --data-dir %s', or listen on 127.0.0.1"
)


class _CleanFormatter(logging.Formatter):
    """Writes no key, whoever quotes one."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record with its traceback, then clean it."""
        return scrub(super().format(record))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0 after a stop, 1 if the database could not be opened, 2 for a wrong setting or a busy port.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_CleanFormatter("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
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
    local, siblings = is_loopback(settings.host), os.environ.get(INTERNAL_TOKEN, "")
    tokens = Tokens(settings.token_file, local=local, siblings=siblings, opens=[Scope.ADMIN])
    if not local and not tokens.usable:
        log.error(_OPEN_DOOR, settings.host, settings.data_dir)
        return USAGE
    try:
        with listen(settings.host, settings.runner_port, "runner-port") as listener:
            from quarterdeck_runner.app import create_app  # after what may be refused: it takes a second

            app = create_app(settings, tokens)
            async with app.router.lifespan_context(app):
                await _serve(app, listener, settings)
    except (PortError, KeyStoreError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, not a traceback
        return USAGE
    except InUseError as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return FAILED
    return 0


async def _serve(app: "ASGIApp", listener: socket.socket, settings: Settings) -> None:
    from quarterdeck.connections import server

    serving = server(app, settings.client_patience, settings.max_connections)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: setattr(serving, "should_exit", True))
    log.info("listening: %s", url_of(listener))
    await serving.serve(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
