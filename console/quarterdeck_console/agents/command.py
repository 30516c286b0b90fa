"""The command: serves on standard input and output, or on a port of this machine."""

import argparse
import hmac
import logging
import sys
from collections.abc import Sequence
from typing import Final

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from quarterdeck.serving import PortError, listen, require_loopback, url_of
from quarterdeck.tokens import token_in
from quarterdeck_console.agents.server import create_server
from quarterdeck_console.settings import CLICKHOUSE_URL, DATABASE, MCP_PORT, add_settings, place_of
from quarterdeck_console.web import AwayError

USAGE: Final = 2
"""Exit code."""

_PATH: Final = "/mcp"
_ASK: Final = "send 'Authorization: Bearer TOKEN' with the token that this server was started with"
_DANGER: Final = "read your prompts and answers"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client goes, or until Ctrl+C.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0, or 2 for a wrong argument.
    """
    chosen = _parser().parse_args(argv)
    place = place_of(chosen)
    try:
        server = create_server(place)
        if not chosen.http:
            server.run("stdio")
            return 0
        listener = listen(require_loopback(chosen.host, _DANGER), int(chosen.mcp_port), MCP_PORT.name)
    except (AwayError, PortError, ValueError) as error:
        print(f"quarterdeck mcp: {error}", file=sys.stderr)  # noqa: T201 - a command line answers in the terminal
        return USAGE
    except KeyboardInterrupt:
        return 0
    app: ASGIApp = server.streamable_http_app(streamable_http_path=_PATH, stateless_http=True, host=chosen.host)
    if place.token:
        app = Door(app, place.token)
    print(f"MCP server on {url_of(listener)}{_PATH}", file=sys.stderr, flush=True)  # noqa: T201 - as above
    logging.getLogger("mcp").setLevel(logging.WARNING)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on")).run(sockets=[listener])
    return 0


class Door:
    """ASGI middleware: who uses this server's right to read has to show the same token.

    Args:
        app: the server.
        token: what it reads with.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            headers: dict[bytes, bytes] = dict(scope["headers"])
            given = token_in(headers.get(b"authorization", b"").decode("latin-1"))
            if not hmac.compare_digest(given.encode(), self._token):
                refusal = PlainTextResponse(_ASK, 401, {"WWW-Authenticate": 'Bearer realm="quarterdeck"'})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quarterdeck mcp",
        description="Let coding agents read runs, errors, costs and prompts over the Model Context Protocol: on "
        "standard input and output, as they start it themselves, or with --http on a port of this machine. It changes "
        "nothing. "
        "QUARTERDECK_TOKEN is the token for a collector that asks for one.",
    )
    parser.add_argument("--http", action="store_true", help=f"serve streamable HTTP at {_PATH} instead")
    parser.add_argument("--host", default="127.0.0.1", help="address of this machine to listen on [127.0.0.1]")
    add_settings(parser, MCP_PORT, CLICKHOUSE_URL, DATABASE)
    return parser


if __name__ == "__main__":
    sys.exit(main())
