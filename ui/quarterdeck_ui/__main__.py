"""``quarterdeck ui``: serve the dashboard until interrupted."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings import CliApp

from quarterdeck.serving import PortError, listen, wrong_settings
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
        sys.stderr.write(wrong_settings(error.errors()) + "\n")
        return 2
    try:
        listen(settings.host, settings.ui_port, "ui-port").close()  # Streamlit takes the port itself, a moment later
    except PortError as error:
        sys.stderr.write(f"{error}\n")
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


if __name__ == "__main__":
    sys.exit(main())
