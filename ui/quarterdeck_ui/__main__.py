"""``quarterdeck ui``: serve the dashboard until interrupted."""

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings import CliApp

from quarterdeck_ui.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the dashboard.

    Args:
        argv: Flags; those of the process when omitted.

    Returns:
        Exit code: 0 after an interrupt, 2 for wrong settings or a busy port.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for chatty in ("httpx", "httpcore", "urllib3.connectionpool", "clickhouse_connect"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # the poller says once when a service is away
    try:
        settings = CliApp.run(Settings, cli_args=list(sys.argv[1:] if argv is None else argv))
    except ValidationError as error:
        for problem in error.errors():
            sys.stderr.write(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}\n")
        return 2
    if reason := _port_taken(settings.host, settings.ui_port):
        sys.stderr.write(reason + "\n")
        return 2
    logging.getLogger("quarterdeck.ui").info("listening: dashboard on http://%s:%d", settings.host, settings.ui_port)
    _serve(settings)
    return 0


def _serve(settings: Settings) -> None:
    os.environ.setdefault("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false")
    from quarterdeck_ui.server import application, streamlit_config

    # uvicorn shuts down, then hands the signal on: here it ends the process with success
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        application(settings).run(config=streamlit_config(settings))


def _port_taken(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return (
                f"port {port} is in use or cannot be opened on {host} ({error.strerror}); stop that program or choose "
                "another with --ui-port / QUARTERDECK_UI_PORT"
            )
    return ""


if __name__ == "__main__":
    sys.exit(main())
