import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck import config
from quarterdeck.guard import Switch
from quarterdeck.pytest_plugin import telemetry
from support.otlp_receiver import Receiver
from support.servers import serve

__all__ = ["telemetry"]


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """In tests a guarded error is an error, the environment says nothing, and nothing stays initialised."""
    for name in list(os.environ):
        if name.startswith(("QUARTERDECK_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("QUARTERDECK_BUFFER_DIR", str(tmp_path / "buffer"))
    monkeypatch.setattr(Switch, "reraise", True)
    yield
    config.shutdown()
    config.remove_redaction_hooks()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def collector(receiver: Receiver) -> Iterator[str]:
    with serve(receiver.app()) as url:
        yield url


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    from quarterdeck_runner.demo.provider import create_app

    with serve(create_app()) as url:
        yield url
