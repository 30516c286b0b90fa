"""A runner in this process, answered by the provider stand-in in this process."""

from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import quarterdeck as qd
from quarterdeck_runner.app import create_app
from quarterdeck_runner.demo.provider import create_app as create_stand_in
from quarterdeck_runner.demo.provider.settings import StandInSettings
from quarterdeck_runner.settings import Settings
from support.runner import PATIENCE, Runner
from support.servers import serve


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    """URL of the provider stand-in, in a hurry."""
    with serve(create_stand_in(StandInSettings(tokens_per_second=100_000, ttft=0))) as url:
        yield url


@pytest.fixture(scope="session")
def provider_environment(stand_in: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": stand_in,
        "ANTHROPIC_API_KEY": "key",
        "GOOGLE_GEMINI_BASE_URL": stand_in,
        "GEMINI_API_KEY": "key",
    }


@pytest.fixture(scope="module")
def exported() -> Iterator[InMemorySpanExporter]:
    """Everything that telemetry exports during a module."""
    exporter = InMemorySpanExporter()
    qd.shutdown()
    qd.init(endpoint="", runner_url="", exporters=[exporter])
    yield exporter
    qd.shutdown()


@pytest.fixture(scope="module")
def runner(
    tmp_path_factory: pytest.TempPathFactory, provider_environment: dict[str, str], exported: InMemorySpanExporter
) -> Iterator[Runner]:
    """One runner for all tests of a module: the engine is a singleton of the process."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "pipelines"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in provider_environment.items():
            patch.setenv(name, value)
        settings = Settings(data_dir=data, pipelines=folder, runner_db=None)
        app = create_app(settings)
        with serve(app) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
            yield Runner(http, folder, data, exported, app)
