"""Who waits for whom: priorities in the queue, and limits of the providers."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quarterdeck_runner.app import create_app
from quarterdeck_runner.limits import Limited, Limits, parsed
from quarterdeck_runner.providers import Answer, ModelCall
from quarterdeck_runner.settings import Settings
from quarterdeck_runner.spec import TokenBudget
from support.runner import PATIENCE, Runner
from support.servers import serve

ORDER = """
workflow:
  name: order
  inputs: {mark: {type: string}}
  steps:
    - {name: only, type: claude, prompt: "[[say:x]] order-{{ inputs.mark }}"}
"""
FIRST = ORDER.replace("[[say:x]]", "[[n:60]][[delay:0.05]]").replace("name: order", "name: first")


@pytest.fixture
def single(
    tmp_path: Path,
    provider_environment: dict[str, str],
    exported: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Runner]:
    """A runner that does one run at a time."""
    for name, value in provider_environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pipelines").mkdir()
    settings = Settings(data_dir=tmp_path, pipelines=tmp_path / "pipelines", runner_db=None, runner_concurrency=1)
    with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield Runner(http, tmp_path / "pipelines", tmp_path, exported)


def test_runs_of_higher_priority_leave_the_queue_first(single: Runner, stand_in: str) -> None:
    single.pipeline(ORDER)
    first = single.start(single.pipeline(FIRST), mark="holds-the-place")
    single.until(first, current_step="only")
    ids = [
        single.http.post(
            "/v1/runs", json={"pipeline": "order", "inputs": {"mark": str(priority)}, "priority": priority}
        ).json()["id"]
        for priority in (1, 9, 5, 0)
    ]
    single.tell(first, "cancel")
    for run_id in ids:
        assert single.result(run_id)["status"] == "completed"
    prompts = [json.dumps(request["body"]) for request in httpx.get(f"{stand_in}/__requests").json()]
    asked = [prompt.split("order-")[1][0] for prompt in prompts if "order-" in prompt and "holds" not in prompt]
    assert asked == ["9", "5", "1", "0"]


@dataclass
class Counting:
    """Answers after a while and notes how many calls were under way at most."""

    now: int = 0
    most: int = 0
    begun: list[float] = field(default_factory=list)

    async def ask(self, call: ModelCall) -> Answer:
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        self.now -= 1
        return Answer("", call.model, "")


def call(provider: str) -> ModelCall:
    return ModelCall(provider, "m", "p", "", TokenBudget(), 1.0, client_retries=False)  # type: ignore[arg-type]


async def test_no_more_calls_at_once_than_the_provider_may_have() -> None:
    models = Counting()
    limited = Limited(models, Limits({"claude": 3}, {}))
    await asyncio.gather(*(limited.ask(call("claude")) for _ in range(12)))
    assert (models.most, len(models.begun)) == (3, 12)
    await asyncio.gather(*(limited.ask(call("gemini")) for _ in range(12)))
    assert models.most == 12


async def test_calls_begin_at_the_pace_of_the_provider() -> None:
    models = Counting()
    limited = Limited(models, Limits({}, {"claude": 1_200}))
    await asyncio.gather(*(limited.ask(call("claude")) for _ in range(5)))
    # A twentieth of a second each, the first at once; timers may be a little early.
    assert models.begun[-1] - models.begun[0] >= 0.19


async def test_whoever_waits_for_a_place_can_be_cancelled() -> None:
    limited = Limited(Counting(), Limits({"claude": 1}, {}))
    held = asyncio.create_task(limited.ask(call("claude")))
    waiting = asyncio.create_task(limited.ask(call("claude")))
    await asyncio.sleep(0)
    waiting.cancel()
    assert (await held).model == "m"
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await limited.ask(call("claude"))).model == "m"


def test_limits_are_read_from_words() -> None:
    assert parsed(" claude = 8, gemini=4 ") == {"claude": 8, "gemini": 4}
    assert parsed("") == {}
    for wrong in ("claude", "claude=0", "gpt=3", "claude=many"):
        with pytest.raises(ValueError, match="write 'claude=8,gemini=4'"):
            parsed(wrong)
