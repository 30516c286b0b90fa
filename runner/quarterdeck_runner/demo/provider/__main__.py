"""``python -m quarterdeck_runner.demo.provider``."""

import signal
import sys
from collections.abc import Sequence

import uvicorn
from pydantic_settings import CliApp

from quarterdeck_runner.demo.provider.app import create_app
from quarterdeck_runner.demo.provider.listening import listen
from quarterdeck_runner.demo.provider.settings import StandInSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.

    Args:
        argv: command-line words without the program's name; the process's own by default.

    Returns:
        0 after a signal, 2 when the port is taken.
    """
    settings = CliApp.run(StandInSettings, cli_args=list(sys.argv[1:] if argv is None else argv))
    try:
        sock = listen(settings.host, settings.port)
    except OSError as problem:
        sys.stderr.write(
            f"port {settings.port} is in use ({problem.strerror}); stop that program or choose another with "
            "--port / QUARTERDECK_STAND_IN_PORT\n"
        )
        return 2
    sys.stderr.write(f"provider stand-in on http://{settings.host}:{sock.getsockname()[1]}\n")
    config = uvicorn.Config(create_app(settings), log_level="warning", ws="none", timeout_graceful_shutdown=2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn raises the signal again once it has closed
    try:
        uvicorn.Server(config).run(sockets=[sock])
    except KeyboardInterrupt:
        pass
    finally:
        sock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
