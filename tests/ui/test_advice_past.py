"""Ninety days with habits and failures planted in them: what the debugger suggests, and what a coding agent is told."""

import json
import time
from contextlib import closing
from typing import Any

import pytest
from mcp import Client

from quarterdeck_console.agents.server import create_server
from quarterdeck_console.query.command import main
from quarterdeck_console.settings import Place
from quarterdeck_console.tail.command import main as tail
from quarterdeck_ui.pages.debugger.suggestions import Suggestion, suggestions
from quarterdeck_ui.queries import Store, evidence
from quarterdeck_ui.scope import Scope
from support.past import SITES
from support.past.serve import Served

DAY_S = 86_400


def moment(at: float) -> str:
    """As people write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def day(at: float) -> str:
    """The day of it (UTC)."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def suggested(history: Served) -> list[Suggestion]:
    with closing(Store(history.home.clickhouse, "quarterdeck")) as store:
        return suggestions(evidence(store, Scope(seconds=7 * DAY_S), time.time_ns()))


def test_the_debugger_names_planted_habits_and_nothing_of_a_clean_history(planted: Served, clean: Served) -> None:
    same, silent, worse = (
        (SITES[fact].pipeline, SITES[fact].step) for fact in ("duplicates", "silent", "regression")
    )  # fmt: skip
    made = suggested(planted)
    found = {(each.where[:2], each.kind) for each in made}
    assert found >= {
        (same, "Same question again"),
        (silent, "JSON that is none"),
        (worse, "JSON that fails its schema"),
    }
    assert found <= {
        (same, "Same question again"),
        (silent, "JSON that is none"),
        (silent, "Answers cut off"),
        (worse, "JSON that fails its schema"),
        (worse, "Repeated retries"),
    }
    twice = [each.saving for each in made if (each.where[:2], each.kind) == (worse, "Repeated retries")]
    assert set(twice) <= {None}, "what is paid for in vain is counted where the schema is named"
    assert suggested(clean) == []


async def test_a_coding_agent_is_told_why_last_weeks_runs_failed(planted: Served) -> None:
    """By the official client: the storm, the failure that nobody saw, and the day that was dear."""
    begin, end = planted.past.span_of("storm")
    spike, _ = planted.past.span_of("cost_spike")
    silent, _ = planted.past.span_of("silent")
    home, dear = planted.home, SITES["cost_spike"].pipeline
    async with Client(create_server(Place(home.otlp, home.clickhouse, "quarterdeck", ""))) as agent:

        async def ask(tool: str, **arguments: Any) -> Any:
            answer = await agent.call_tool(tool, arguments)
            assert not answer.is_error, answer.content
            return answer.structured_content

        runs = (await ask("find_runs", since=moment(begin), until=moment(end), status="failed", limit=100))["runs"]
        limited = [run for run in runs if run["error_type"] == "RateLimitError"]
        told = await ask("explain_failure", run_id=limited[0]["run_id"])
        groups = (await ask("list_error_groups", since=moment(silent), limit=100))["groups"]
        costs = (await ask("costs", group_by=["day"], pipeline=dear, since="90d", limit=1))["rows"]
        apology = "cannot work with this material"
        answers = (await ask("search_prompts", text=apology, inside="answer", since="14d"))["hits"]

    assert len(limited) > len(runs) / 2
    assert told["verdict"].startswith("The run failed: the call of claude-")
    assert "ended with RateLimitError" in told["verdict"]
    assert "rate limit of 400000 input tokens per minute" in told["untrusted_message"]
    assert told["last_good"]["run"]["status"] == "completed"
    empty = next(group for group in groups if group["error_type"] == "quarterdeck.EmptyOutput")
    assert empty["pipelines"] == [SITES["silent"].pipeline]
    assert empty["first_seen"][:10] == day(silent)
    assert costs[0]["what"] == [day(spike)]
    assert {hit["pipeline"] for hit in answers} == {SITES["silent"].pipeline}


def test_the_dear_day_is_one_question_of_the_terminal_away(planted: Served, capfd: pytest.CaptureFixture[str]) -> None:
    spike, _ = planted.past.span_of("cost_spike")
    given = {"by": "day", "pipeline": SITES["cost_spike"].pipeline, "since": "90d", "limit": "1"}
    words = ["costs", *(f"--param={name}={value}" for name, value in given.items()), "--format", "json"]
    assert main([*words, "--clickhouse-url", planted.home.clickhouse]) == 0
    out, said = capfd.readouterr()
    assert said == ""
    (dearest,) = json.loads(out)
    assert day(spike) in dearest["what"]


def test_tail_tells_of_a_run_that_ended_before_anybody_looked(
    planted: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    home = planted.home
    run, status, calls = home.sql(
        "SELECT RunId, max(Status), sum(ModelCalls) FROM runs GROUP BY RunId HAVING max(RootSeen) "
        "ORDER BY max(End) DESC LIMIT 1"
    ).split("\t")
    code = tail(["--run", run, "--no-follow", "--endpoint", home.otlp, "--clickhouse-url", home.clickhouse])
    (line,) = capfd.readouterr().out.splitlines()
    assert code == (0 if status == "completed" else 1)
    assert f"Σ {status} · " in line
    assert f"· {calls} call{'' if calls == '1' else 's'} · " in line
