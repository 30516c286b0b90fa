"""``quarterdeck demo`` and the stand-in as programs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from demo.doubles import Collector, Runner, until
from quarterdeck_runner.demo import __main__ as demo
from quarterdeck_runner.demo.__main__ import PIPELINES
from quarterdeck_runner.demo.client import Runner as RunnerClient
from quarterdeck_runner.demo.client import Service
from quarterdeck_runner.demo.environment import (
    Providers,
    loopback_url,
    provider_environment,
    providers,
    stand_in_needed,
)
from quarterdeck_runner.demo.lanes import PythonLane, YamlLane
from quarterdeck_runner.demo.provider import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from support.deck import free_ports
from support.servers import serve

FAST = {"QUARTERDECK_STAND_IN_TOKENS_PER_SECOND": "100000", "QUARTERDECK_STAND_IN_TTFT": "0"}
MARK = "quarterdeck.provider.stand_in=true"


def clean_environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.endswith(("_API_KEY", "_BASE_URL"))}
    return {**{key: value for key, value in kept.items() if not key.startswith(("QUARTERDECK_", "OTEL_"))}, **FAST}


@contextmanager
def program(*words: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A program of ours with its messages on a pipe, ended after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment or clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def messages(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.read()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_provider_without_a_key_is_sent_to_the_stand_in() -> None:
    url = "http://127.0.0.1:1"
    assert stand_in_needed({"ANTHROPIC_API_KEY": "k"})
    assert not stand_in_needed({"ANTHROPIC_API_KEY": "k", "GEMINI_API_KEY": "k"})
    added = provider_environment(url, {"ANTHROPIC_API_KEY": "k"})
    assert added == {
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "stand-in",
        "OTEL_RESOURCE_ATTRIBUTES": MARK,
    }
    assert providers({"ANTHROPIC_API_KEY": "k", **added}, url) == Providers(real=("anthropic",), stand_in=("gemini",))


def test_a_stand_in_that_is_given_is_kept_and_marked_once() -> None:
    url = "http://127.0.0.1:1"
    given = provider_environment(url, {}) | {"OTEL_RESOURCE_ATTRIBUTES": f"team=deck,{MARK}"}
    assert loopback_url(given) == url
    assert provider_environment(url, given) == {"OTEL_RESOURCE_ATTRIBUTES": f"team=deck,{MARK}"}
    assert providers(given, url) == Providers(real=(), stand_in=("anthropic", "gemini"))
    assert loopback_url({"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}) == ""


def test_one_round_runs_every_example_once() -> None:
    collector, runner = Collector(), Runner(PIPELINES)
    with (
        serve(collector.app()) as endpoint,
        serve(runner.app()) as runner_url,
        program("quarterdeck_runner.demo", "--once", "--endpoint", endpoint, "--runner-url", runner_url) as process,
    ):
        said = messages(process)
        assert process.wait(90) == 0, said
    assert "anthropic: the local stand-in at http://127.0.0.1:" in said
    assert "gemini: the local stand-in at http://127.0.0.1:" in said
    assert sorted(runner.started) == sorted(PIPELINES)
    assert set(collector.names_under("invoke_workflow briefing")) == {
        "chat claude-sonnet-5-5",
        "generate_content gemini-3.8-flash",
        "invoke_workflow briefing",
        "step chunk",
        "step critique",
        "step draft",
        "step extract_facts",
        "step load_documents",
        "step revise",
    }
    assert collector.names_under("invoke_workflow triage") == [
        *["chat claude-haiku-5-5"] * 4,
        *["generate_content gemini-3.8-flash"] * 4,
        "invoke_workflow triage",
    ]
    assert {span["resource"]["quarterdeck.provider.stand_in"] for span in collector.spans()} == {"true"}


def test_rounds_go_on_until_a_signal_and_leave_no_child() -> None:
    slow = clean_environment() | {"QUARTERDECK_STAND_IN_TTFT": "30"}
    runner = Runner(PIPELINES)
    with serve(Collector().app()) as endpoint, serve(runner.app()) as runner_url:
        words = ("quarterdeck_runner.demo", "--endpoint", endpoint, "--runner-url", runner_url)
        with program(*words, environment=slow) as process:
            until(lambda: runner.started)
            child = until(lambda: children(process.pid))[0]
            process.send_signal(signal.SIGTERM)
            assert process.wait(90) == 0
            assert messages(process).count("\n") == 2
    assert not Path(f"/proc/{child}").exists()


def test_a_real_provider_is_asked_for_one_round_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner(PIPELINES)
    for key in [key for key in os.environ if key.endswith(("_API_KEY", "_BASE_URL"))]:
        monkeypatch.delenv(key)
    monkeypatch.setattr(demo, "PROGRAMS", ())  # the YAML examples are enough here
    with serve(_proxy()) as real, serve(Collector().app()) as endpoint, serve(runner.app()) as runner_url:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", real)
        assert demo.main(["--endpoint", endpoint, "--runner-url", runner_url]) == 0
    said = [record.getMessage() for record in caplog.records]
    assert "anthropic: the real provider answers, and this costs money; the examples run once" in said
    assert any(line.startswith("gemini: the local stand-in at ") for line in said)
    assert runner.started == list(PIPELINES)


def _proxy() -> Starlette:
    """Something on this machine that answers for Anthropic and is not the stand-in, as far as one can tell."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    app = create_app(StandInSettings(tokens_per_second=100_000, ttft=0))
    return Starlette(routes=[Route("/healthz", healthz), Mount("/", app)])


@pytest.mark.parametrize(
    ("runner", "reason"),
    [
        (Runner(("a",), refuses="the queue is full"), "a: the runner does not start it: the queue is full"),
        (Runner(()), "a: the runner does not offer this pipeline"),
    ],
)
async def test_what_the_runner_refuses_is_said_once(
    runner: Runner, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(runner.app()) as url:
        client = RunnerClient("runner", url, "", 0)
        async with client.http:
            lane = YamlLane(["a"], client)
            assert not await lane.round()
            assert not await lane.round()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith(reason)


async def test_the_last_words_of_a_failed_program_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such folder')")
    with serve(Collector().app()) as url:
        collector = Service("collector", url, "", 0)
        async with collector.http:
            assert not await PythonLane([broken], collector, dict(os.environ)).round()
    assert [record.getMessage() for record in caplog.records] == [f"{broken}: exit code 1: no such folder"]


async def test_a_service_that_is_away_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    away = Service("collector", f"http://127.0.0.1:{free_ports(1)[0]}", "start it with: quarterdeck collector", 0)
    async with away.http:
        assert not await away.wait()
        assert not await away.wait()
    assert [record.getMessage() for record in caplog.records] == [
        f"the collector at {away.url} does not answer; waiting (start it with: quarterdeck collector)"
    ]


def test_the_stand_in_serves_until_a_signal() -> None:
    port = str(free_ports(1)[0])
    with program("quarterdeck_runner.demo.provider", "--port", port) as stand_in:
        until(lambda: _healthy(f"http://127.0.0.1:{port}/healthz"))
        with program("quarterdeck_runner.demo.provider", "--port", port) as second:
            assert second.wait(90) == 2
            assert f"port {port} is in use" in messages(second)
        stand_in.send_signal(signal.SIGTERM)
        assert stand_in.wait(90) == 0
        assert messages(stand_in) == f"provider stand-in on http://127.0.0.1:{port}\n"


def _healthy(url: str) -> bool:
    try:
        return bool(httpx.get(url).json() == {"status": "ok"})
    except httpx.ConnectError:
        return False
