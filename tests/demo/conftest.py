from collections.abc import AsyncIterator, Iterator

import pytest
from anthropic import Anthropic, AsyncAnthropic
from google import genai
from google.genai import types

from quarterdeck_runner.demo.provider import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from support.servers import serve


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    """Base URL of a stand-in that does not dawdle."""
    with serve(create_app(StandInSettings(tokens_per_second=100_000, ttft=0))) as url:
        yield url


@pytest.fixture
def claude(stand_in: str) -> Iterator[Anthropic]:
    with Anthropic(api_key="key", base_url=stand_in, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_claude(stand_in: str) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(api_key="key", base_url=stand_in, max_retries=0) as client:
        yield client


def gemini_client(url: str, version: str | None = None) -> genai.Client:
    return genai.Client(api_key="key", http_options=types.HttpOptions(base_url=url, api_version=version))


@pytest.fixture(params=["v1", "v1beta"])
def gemini(stand_in: str, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with gemini_client(stand_in, request.param) as client:
        yield client
