"""What each shape of call leaves behind in each situation: the whole trace, compared with a file.

A synchronous and an asynchronous call must leave the same. To write the files anew after a change that is wanted::

    pytest tests/instrumentation/test_provider_snapshots.py --update-snapshots
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import pytest
from google import genai
from google.genai import types
from opentelemetry.sdk.trace import ReadableSpan

import quarterdeck as qd
from quarterdeck import live
from quarterdeck.testing import Recording
from support import claude_scenarios as claude
from support import gemini_scenarios as gemini
from support.snapshots import as_text, compare

FOLDER = Path(__file__).parent / "snapshots"
SPANS_OF: dict[str, Any] = {"claude-sdk": None, "claude-own": False}
"""Who makes the spans of a Claude call: the SDK, or we because its own are switched off."""

Matches = Callable[[str], None]


class Scenario(NamedTuple):
    """A shape of call, in a situation, with spans of somebody."""

    maker: str
    shape: str
    situation: str

    def __str__(self) -> str:
        """The name of the file."""
        return "-".join(self)


CLAUDE = [Scenario(maker, *found) for maker in SPANS_OF for found in claude.all_scenarios()]
GEMINI = [Scenario("gemini", *found) for found in gemini.all_scenarios()]
OTHERS = (
    "claude-sdk-raw_response",
    "claude-sdk-streaming_response",
    "claude-sdk-beta",
    "claude-sdk-tool_runner",
    "claude-sdk-count_tokens",
    "claude-own-raw_response",
    "claude-own-streaming_response",
    "claude-own-beta",
    "claude-own-tool_runner",
    "claude-own-count_tokens",
    "gemini-embeddings",
    "gemini-count_tokens",
)


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture(autouse=True)
def _one_tls_context(monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext) -> None:
    """Every client reads all root certificates, which takes longer than a call; none of them is needed here."""
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: tls)


@pytest.fixture(autouse=True)
def _told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the live channel look once, right before each span ends: what it tells no longer depends on speed."""
    ended = live.Live.ended

    def look_and_end(self: live.Live, span: ReadableSpan) -> None:
        context = span.get_span_context()
        with self._lock:
            item = self._open.get(context.span_id) if context else None
            if item is not None:
                self._announce(item)
                self._flush_item(item)
        ended(self, span)

    monkeypatch.setattr(live, "INTERVAL_S", 3600)
    monkeypatch.setattr(live.Live, "ended", look_and_end)
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.01)
    qd.instrument()


@pytest.fixture
def matches(telemetry: Recording, request: pytest.FixtureRequest) -> Matches:
    update = bool(request.config.getoption("--update-snapshots", default=False))

    def check(name: str) -> None:
        compare(FOLDER / f"{name}.txt", as_text(telemetry), update=update)

    return check


@contextlib.contextmanager
def outcome(*, fails: bool) -> Iterator[None]:
    """Let the block fail, if it is to fail."""
    error: Exception | None = None
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - whatever the client raises
        error = problem
    assert (error is not None) == fails, error


async def run_task(work: Any, *, fails: bool) -> None:
    """Run in a task of its own, which may be cancelled."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task])
    error = asyncio.CancelledError() if task.cancelled() else done.pop().exception()
    assert (error is not None) == fails, error


async def until_ended(telemetry: Recording) -> None:
    """Let the event loop close what was dropped."""
    while len(telemetry.spans()) < 2:  # noqa: ASYNC110 - garbage collection sets no event
        await asyncio.sleep(0.01)


def claude_options(stand_in: str, scenario: Scenario) -> dict[str, Any]:
    spans = {"open_telemetry": SPANS_OF[scenario.maker]}
    return {
        "api_key": "k",
        "base_url": stand_in,
        "max_retries": 0,
        **spans,
        **claude.SITUATIONS[scenario.situation].client,
    }


def unique(word: str, scenario: Scenario) -> str:
    """A word that no other scenario has in its prompt: the stand-in counts how often a prompt comes."""
    return word[:-1] + "abcdefg"[[*claude.SHAPES, *gemini.SHAPES].index(scenario.shape)]


def synchronous(scenarios: list[Scenario]) -> list[Scenario]:
    return [scenario for scenario in scenarios if scenario.situation != "cancelled"]


@pytest.mark.parametrize("scenario", synchronous(CLAUDE), ids=str)
def test_claude(stand_in: str, matches: Matches, scenario: Scenario) -> None:
    what = claude.SITUATIONS[scenario.situation]
    mode = unique("alpha" if scenario.maker == "claude-sdk" else "delta", scenario)
    with anthropic.Anthropic(**claude_options(stand_in, scenario)) as client, qd.step("ask"), outcome(fails=what.fails):
        claude.call(client, scenario.shape, what, mode)
    matches(str(scenario))


@pytest.mark.parametrize("scenario", CLAUDE, ids=str)
async def test_claude_async(telemetry: Recording, stand_in: str, matches: Matches, scenario: Scenario) -> None:
    what = claude.SITUATIONS[scenario.situation]
    mode = unique("omega" if scenario.maker == "claude-sdk" else "gamma", scenario)
    async with anthropic.AsyncAnthropic(**claude_options(stand_in, scenario)) as client:
        with qd.step("ask"):
            await run_task(claude.call_async(client, scenario.shape, what, mode), fails=what.fails)
        await until_ended(telemetry)
    matches(str(scenario))


def gemini_client(stand_in: str, http: dict[str, Any]) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=stand_in, **http))


@pytest.mark.parametrize("scenario", synchronous(GEMINI), ids=str)
def test_gemini(stand_in: str, matches: Matches, scenario: Scenario) -> None:
    what = gemini.SITUATIONS[scenario.situation]
    with gemini_client(stand_in, what.http) as client, qd.step("ask"), outcome(fails=what.fails):
        gemini.call(client, scenario.shape, what, unique("alpha", scenario))
    matches(str(scenario))


@pytest.mark.parametrize("scenario", GEMINI, ids=str)
async def test_gemini_async(telemetry: Recording, stand_in: str, matches: Matches, scenario: Scenario) -> None:
    what = gemini.SITUATIONS[scenario.situation]
    with gemini_client(stand_in, what.http) as client:
        with qd.step("ask"):
            await run_task(gemini.call_async(client, scenario.shape, what, unique("omega", scenario)), fails=what.fails)
        await until_ended(telemetry)
        await client.aio.aclose()
    matches(str(scenario))


@anthropic.beta_tool
def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: where.
    """
    return f"sun in {city}"


def ask(text: str) -> dict[str, Any]:
    return {"model": claude.MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}


def other_way(client: anthropic.Anthropic, way: str) -> None:
    messages = client.messages
    if way == "raw_response":
        messages.with_raw_response.create(**ask("[[say:raw]]")).parse()
    elif way == "streaming_response":
        with messages.with_streaming_response.create(**ask("[[say:read later]]")) as response:
            response.parse()
        with messages.with_streaming_response.create(**ask("[[say:as bytes]]"), stream=True) as response:
            list(response.iter_lines())
    elif way == "beta":
        client.beta.messages.create(**ask("[[say:beta]]"))
    elif way == "tool_runner":
        text = '[[tool:weather:{"city":"Ulm"}]] [[say:sunny]]'
        client.beta.messages.tool_runner(**ask(text), tools=[weather]).until_done()
    else:
        messages.count_tokens(model=claude.MODEL, messages=[{"role": "user", "content": "count me"}])


@pytest.mark.parametrize("name", [name for name in OTHERS if name.startswith("claude")])
def test_other_ways_to_call_claude(stand_in: str, matches: Matches, name: str) -> None:
    maker, _, way = name.rpartition("-")
    options: dict[str, Any] = {"api_key": "k", "base_url": stand_in, "open_telemetry": SPANS_OF[maker]}
    with anthropic.Anthropic(**options) as client, qd.step("ask"):
        other_way(client, way)
    matches(name)


@pytest.mark.parametrize("name", [name for name in OTHERS if name.startswith("gemini")])
def test_other_ways_to_call_gemini(stand_in: str, matches: Matches, name: str) -> None:
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=stand_in)) as client, qd.step("ask"):
        if name == "gemini-embeddings":
            client.models.embed_content(model="gemini-embedding-001", contents=["a b", "c"])  # type: ignore[arg-type] # its lists are invariant
        else:
            client.models.count_tokens(model=gemini.MODEL, contents="count me")
    matches(name)


def test_every_file_belongs_to_a_scenario() -> None:
    wanted = {str(scenario) for scenario in [*CLAUDE, *GEMINI]} | set(OTHERS)
    assert {path.stem for path in FOLDER.iterdir()} == wanted
