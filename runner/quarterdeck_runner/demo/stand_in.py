"""The stand-in of a demo: one that already runs, or one in a thread of this process."""

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn

from quarterdeck_runner.demo.provider.app import MARK, create_app
from quarterdeck_runner.demo.provider.listening import listen

_PATIENCE_S = 5.0


def is_stand_in(url: str) -> bool:
    """Whether the stand-in answers at ``url``; a proxy to the real providers is not it."""
    try:
        return MARK in httpx.get(f"{url.rstrip('/')}/healthz", timeout=2).headers
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve the stand-in on a free port until the block ends and give its base URL."""
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="error", ws="none", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _PATIENCE_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_S)
        sock.close()
