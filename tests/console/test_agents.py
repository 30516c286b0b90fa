"""The MCP server, spoken to by the official client: over standard input and output, over HTTP, and in this process."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from quarterdeck_console.agents.server import create_server
from quarterdeck_console.settings import Place
from support import night
from support.collectors import CollectorProcess, wait_for
from support.night import Night
from support.scenario import Run

TOKEN = "qdt_of-this-server-and-of-nobody-else"
ENDED = "SELECT max(RootSeen) FROM quarterdeck.runs WHERE RunId = {run:String} HAVING sum(Spans) > 1"
TOOLS = ["find_runs", "get_run", "explain_failure", "get_call", "search_prompts", "list_error_groups"]
TOOLS += ["costs", "compare_runs", "sql", "schema"]


@dataclass(frozen=True)
class Server:
    """A server on a port: its URL."""

    url: str


@pytest.fixture(scope="module")
def served(home: CollectorProcess) -> Iterator[Server]:
    words = [
        sys.executable,
        "-m",
        "quarterdeck",
        "mcp",
        "--http",
        "--mcp-port",
        "0",
        "--clickhouse-url",
        home.clickhouse,
    ]
    environ = {**os.environ, "QUARTERDECK_TOKEN": TOKEN}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environ)
    try:
        assert process.stderr is not None
        yield Server(process.stderr.readline().removeprefix("MCP server on ").strip())
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextlib.asynccontextmanager
async def agent(kind: str, home: CollectorProcess, served: Server) -> AsyncIterator[Client]:
    """A client of the official SDK."""
    if kind == "stdio":
        environ = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "QUARTERDECK_CLICKHOUSE_URL": home.clickhouse}
        async with Client(
            StdioServerParameters(command=sys.executable, args=["-m", "quarterdeck", "mcp"], env=environ)
        ) as it:
            yield it
        return
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as http,
        Client(streamable_http_client(served.url, http_client=http), mode=kind) as it,
    ):
        yield it


@pytest.fixture
def ask(home: CollectorProcess, told: Night) -> Any:
    """Call a tool of a server in this process, and give its data."""
    assert told
    place = Place(home.otlp, home.clickhouse, "quarterdeck", TOKEN)

    async def call(tool: str, **arguments: Any) -> Any:
        async with Client(create_server(place)) as client:
            answer = await client.call_tool(tool, arguments)
        assert not answer.is_error, answer.content
        return answer.structured_content

    return call


async def refusal(place: Place, tool: str, **arguments: Any) -> str:
    async with Client(create_server(place)) as client:
        answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return said(answer)


def said(answer: CallToolResult) -> str:
    """Text of an answer."""
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("kind", ["stdio", "auto", "legacy"])
async def test_an_agent_finds_why_last_nights_run_failed(
    kind: str, home: CollectorProcess, told: Night, served: Server
) -> None:
    async with agent(kind, home, served) as client:
        assert "explain_failure" in (client.instructions or "")
        answer = await client.call_tool("explain_failure", {"pipeline": night.PIPELINE})
        found: Any = answer.structured_content
        which = {name: found["call"][name] for name in ("run_id", "span_id")}
        call = await client.call_tool("get_call", which)

    assert found["verdict"].startswith("The run failed: step 'summarise' ended with JSONDecodeError at ")
    assert found["verdict"].endswith(
        "It was attempt 2 of the step; 1 failed before. The last model call of the step, claude-sonnet-4-5, completed "
        "and was cut at max_tokens, so that its answer is not whole."
    )
    assert (found["run"]["run_id"], found["run"]["status"]) == (told.bad.id, "failed")
    assert found["path"] == [f"invoke_workflow {night.PIPELINE}", "step summarise"]
    assert found["error_type"] == "JSONDecodeError"
    assert found["untrusted_message"] == "Unterminated string starting at: line 1 column 14 (char 13)"
    assert found["untrusted_stack_trace"] == night.TRACE
    assert found["raised_at"] == {"file": "/srv/digest/parsing.py", "line": 12, "function": "parsed"}
    assert found["call"]["span_id"] == told.call.id.hex()
    assert found["call"]["parameters"] == {"max_tokens": 64, "model": "claude-sonnet-4-5", "temperature": 0.2}
    assert [node["error_type"] for node in found["earlier_attempts"]] == ["OverloadedError"]
    assert [(line["level"], line["untrusted_text"]) for line in found["logs"]] == [
        ("info", "400 articles"),
        ("warn", "summarise: overloaded, trying again"),
        ("error", "summarise: the answer is no JSON (key [redacted:anthropic_key])"),
    ]
    assert found["last_good"]["run"]["run_id"] == told.good.id
    assert found["last_good"]["prompt_changed"] is True
    differences = found["last_good"]["differences"]
    assert "version of the pipeline: 3f9c2ab1 → 51aa0c77" in differences
    assert "parameter max_tokens: 1024 → 64" in differences
    assert "finish reason of the call: stop → length" in differences
    assert '{\\"summary\\": \\"Four hundred' in call.structured_content["untrusted_answer"]["text"]
    assert said(answer).startswith("Recorded data of runs follows. Fields named untrusted_…")


async def test_every_tool_says_that_it_only_reads_and_what_each_of_its_arguments_is(
    home: CollectorProcess, served: Server
) -> None:
    async with agent("auto", home, served) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == TOOLS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.description
        assert tool.output_schema
        arguments = tool.input_schema["properties"]
        assert [name for name, schema in arguments.items() if not schema.get("description")] == []
        assert [name for name, schema in arguments.items() if name == "limit" and "maximum" not in schema] == []


async def test_pages_of_runs_are_all_runs_once(ask: Any, home: CollectorProcess) -> None:
    for number in range(5):
        Run(home.otlp, "paged", quiet=True, ago=100 + number).end()
    wait_for(lambda: home.sql("SELECT uniq(RunId) FROM quarterdeck.runs WHERE PipelineName = 'paged'") == "5")
    whole = (await ask("find_runs", pipeline="paged"))["runs"]
    pages: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await ask("find_runs", pipeline="paged", limit=2, cursor=cursor)
        pages.append(page["runs"])
        cursor = page.get("next_cursor")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(itertools.chain(*pages)) == whole


async def test_a_run_is_a_tree_with_tokens_and_costs(ask: Any, told: Night) -> None:
    tree = await ask("get_run", run_id=told.bad.id)
    shape = [(node["depth"], node["kind"], node.get("step"), node["status"]) for node in tree["nodes"]]
    assert shape == [
        (0, "run", None, "failed"),
        (1, "step", "collect", "completed"),
        (1, "step", "summarise", "failed"),
        (2, "call", "summarise", "failed"),
        (1, "step", "summarise", "failed"),
        (2, "call", "summarise", "completed"),
    ]
    calls = [node for node in tree["nodes"] if node["kind"] == "call"]
    assert [(call["tokens_in"], call["tokens_out"]) for call in calls] == [(0, 0), (5200, 64)]
    assert tree["run"]["cost_usd"] == pytest.approx(calls[1]["cost_usd"]) == pytest.approx((5200 * 3 + 64 * 15) / 1e6)
    second = await ask("get_run", run_id=told.bad.id, limit=4, cursor="4")
    assert second["nodes"] == tree["nodes"][4:]


async def test_stretches_of_a_prompt_are_the_whole_prompt(ask: Any, told: Night) -> None:
    span = told.call.id.hex()
    stretches: list[str] = []
    offset: int | None = 0
    while offset is not None:
        call = await ask("get_call", run_id=told.bad.id, span_id=span, offset=offset, max_characters=9_000)
        prompt = call["untrusted_prompt"]
        offset = prompt.get("next_offset")
        text, mark, _ = prompt["text"].partition("… [cut: ")
        assert bool(mark) == (offset is not None)
        stretches.append(text)
    assert "".join(stretches) == told.call.attributes["gen_ai.input.messages"]
    assert len(stretches) == 3


async def test_words_of_prompts_and_answers_lead_to_their_calls(ask: Any, told: Night) -> None:
    first = await ask("search_prompts", text="harbour 399", limit=2)
    rest = await ask("search_prompts", text="harbour 399", limit=2, cursor=first["next_cursor"])
    runs = [hit["run_id"] for hit in [*first["hits"], *rest["hits"]]]
    assert runs == [told.bad.id, told.bad.id, told.good.id]
    assert "the tide tables of harbour 399." in first["hits"][0]["untrusted_around"]
    answers = await ask("search_prompts", text="FOUR HUNDRED HARBOURS, TWICE", inside="answer")
    assert [(hit["run_id"], hit["found_in"]) for hit in answers["hits"]] == [(told.good.id, "answer")]


async def test_two_runs_differ_in_what_was_changed(ask: Any, told: Night, home: CollectorProcess) -> None:
    found = await ask("compare_runs", run_a=told.good.id, run_b=told.bad.id)
    assert found["differences"][:4] == [
        "status: completed → failed",
        "error: None → JSONDecodeError",
        "version of the pipeline: 3f9c2ab1 → 51aa0c77",
        "model calls: 1 → 2",
    ]
    assert [(pair["kind"], pair["step"], pair["number"]) for pair in found["pairs"]] == [
        ("step", "collect", 1),
        ("step", "summarise", 1),
        ("call", "summarise", 1),
        ("step", "summarise", 2),
        ("call", "summarise", 2),
    ]
    assert [pair.get("prompt_changed") for pair in found["pairs"]] == [None, None, False, None, None]
    other = Run(told.good.endpoint, night.PIPELINE, quiet=True, ago=3 * 86_400)
    step = other.step("summarise", 1)
    call = other.call(step, "claude-sonnet-4-5", f"Summarise well:\n{night.ARTICLES}")
    other.end_call(call, "…", (10, 10))
    other.end_step(step)
    other.end()
    wait_for(lambda: home.sql(ENDED, run=other.id) == "1")
    found = await ask("compare_runs", run_a=other.id, run_b=told.good.id)
    assert "-[" in found["untrusted_prompt_diff"]
    assert "Summarise well:" in found["untrusted_prompt_diff"]


async def test_errors_and_costs_are_summed_as_they_are_stored(ask: Any, told: Night) -> None:
    groups = (await ask("list_error_groups", pipeline=night.PIPELINE))["groups"]
    assert {(group["error_type"], group["errors"], group["runs"]) for group in groups} == {
        ("OverloadedError", 1, 1),  # the call; its step hands it on
        ("json.decoder.JSONDecodeError", 1, 1),
    }
    assert {group["last_run_id"] for group in groups} == {told.bad.id}
    costs = await ask("costs", group_by=["step", "model"], pipeline=night.PIPELINE, since="2d")
    (row,) = costs["rows"]
    assert row["what"] == ["summarise", "claude-sonnet-4-5"]
    assert (row["calls"], row["failed_calls"], row["tokens_in"], row["tokens_out"]) == (3, 1, 10_400, 124)
    assert row["cost_usd"] == pytest.approx((10_400 * 3 + 124 * 15) / 1e6)


async def test_a_run_that_goes_on_shows_what_it_told_last(ask: Any, home: CollectorProcess) -> None:
    run = Run(home.otlp, "under-way")
    step = run.step("wait for rain", 1)
    run.progress(step, 1, 4, "not yet")
    run.heartbeat()
    found = await ask("explain_failure", run_id=run.id)
    assert found["verdict"] == "The run has not failed: it is running, and no spans in it have an error."
    assert [(event["event"], event.get("untrusted_text")) for event in found["latest_events"]] == [
        ("step:progress", "not yet"),
        ("step:started", None),
        ("pipeline:started", None),
    ]


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, path)


async def test_what_runs_recorded_is_marked_as_data_and_holds_no_secret(ask: Any, home: CollectorProcess) -> None:
    run = Run(home.otlp, "leaky", quiet=True, ago=60)
    step = run.step("boast", 1, value={"token": TOKEN, "key": night.KEY})
    call = run.call(step, "claude-sonnet-4-5", f"{night.INJECTION} {TOKEN} {night.KEY}")
    run.end_call(call, f"{night.INJECTION} {TOKEN} {night.KEY}", (10, 10), error="TokenError")
    run.log(step, 17, f"{night.INJECTION} {TOKEN} {night.KEY}")
    run.raised(step, "TokenError", f"{night.INJECTION} {TOKEN} {night.KEY}", f"{night.INJECTION} {TOKEN} {night.KEY}")
    run.end_step(step, error="TokenError")
    run.end("failed", f"Boast: {night.INJECTION} {TOKEN} {night.KEY}")
    wait_for(lambda: home.sql(ENDED, run=run.id) == "1")
    span = call.id.hex()
    answers = [
        await ask("explain_failure", run_id=run.id),
        await ask("get_run", run_id=run.id),
        await ask("get_call", run_id=run.id, span_id=span),
        await ask("search_prompts", text="previous instructions"),
        await ask("list_error_groups"),
        await ask("find_runs", text=run.id),
        await ask(
            "sql",
            query="SELECT PromptText, Payload FROM otel_traces WHERE RunId = {run:String}",
            parameters={"run": run.id},
        ),
    ]
    for answer in answers:
        found = list(texts(answer))
        assert [path for path, text in found if TOKEN in text or night.KEY in text] == []
        marked = [path for path, text in found if night.INJECTION in text]
        assert marked
        assert [path for path in marked if "untrusted_" not in path] == []


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("DROP TABLE runs", "only SELECT is possible here"),
        ("INSERT INTO runs SELECT * FROM runs", "only SELECT is possible here"),
        ("SHOW TABLES", "only SELECT is possible here"),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", "not url(…)"),
        ("SELECT * FROM (SELECT 1 FROM remote('127.0.0.2', system.one))", "not remote(…)"),
        ("SELECT * FROM s3('http://127.0.0.1:1/x')", "not s3(…)"),
        ("SELECT file('/etc/passwd')", "only tables of this store can be read"),
        ("SELECT x FROM runs", "UNKNOWN_IDENTIFIER (code 47)"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT 1 SETTINGS max_memory_usage = 0", "READONLY (code 164): Cannot modify 'max_memory_usage' setting"),
    ],
)
async def test_sql_reads_the_database_and_nothing_else(home: CollectorProcess, query: str, why: str) -> None:
    assert why in await refusal(Place(home.otlp, home.clickhouse, "quarterdeck"), "sql", query=query)


async def test_sql_answers_are_bounded_and_go_on(ask: Any) -> None:
    first = await ask("sql", query="SELECT number, repeat('x', 3000) AS wide FROM numbers(7) ORDER BY number", limit=5)
    assert (first["columns"], first["types"], first["next_cursor"]) == (["number", "wide"], ["UInt64", "String"], "5")
    assert [row[0] for row in first["untrusted_rows"]] == [0, 1, 2, 3, 4]
    assert first["untrusted_rows"][0][1].endswith("x… [cut: 2000 of 3000 characters]")
    query = "SELECT number FROM numbers(7) ORDER BY number"
    assert (await ask("sql", query=query, limit=5, cursor="5"))["untrusted_rows"] == [[5], [6]]
    large = await ask("sql", query="SELECT number, repeat('x', 1900) FROM numbers(900) ORDER BY number", limit=1000)
    assert large["next_cursor"] == str(len(large["untrusted_rows"]))
    assert len(json.dumps(large)) < 70_000


async def test_the_schema_has_every_column(ask: Any, home: CollectorProcess) -> None:
    names = [table["name"] for table in (await ask("schema"))["tables"]]
    assert {"runs", "model_calls", "otel_traces", "otel_logs", "error_groups", "pipeline_executions"} <= set(names)
    (table,) = (await ask("schema", table="model_calls"))["tables"]
    described = home.sql("SELECT name FROM system.columns WHERE database = 'quarterdeck' AND table = 'model_calls'")
    assert sorted(column["name"] for column in table["columns"]) == sorted(described.splitlines())


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        ("get_run", {"run_id": "nobody"}, "there is no run 'nobody'; find_runs lists what there is"),
        ("explain_failure", {"pipeline": "nobody"}, "no run of pipeline 'nobody' failed since 7d"),
        ("find_runs", {"since": "yesterday"}, "'yesterday' is no time: write how long ago (10m, 24h, 7d)"),
        ("find_runs", {"cursor": "x"}, "this is no cursor"),
        ("find_runs", {"limit": 101}, "less than or equal to 100"),
        ("costs", {"group_by": ["mood"]}, "'pipeline', 'step', 'model'"),
        ("schema", {"table": "nobody"}, "there is no table 'nobody'"),
    ],
)
async def test_a_wrong_argument_is_answered_with_what_would_be_right(
    home: CollectorProcess, tool: str, arguments: dict[str, Any], why: str
) -> None:
    assert why in await refusal(Place(home.otlp, home.clickhouse, "quarterdeck"), tool, **arguments)


async def test_without_a_collector_the_agent_is_told_what_its_user_can_do() -> None:
    said = await refusal(Place("", "http://me:secret@127.0.0.1:9", "quarterdeck"), "find_runs")
    assert "http://127.0.0.1:9 does not answer (connection refused): start it with 'quarterdeck up'" in said
    assert "secret" not in said


def test_the_port_opens_for_its_own_token_and_its_own_names_only(served: Server) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    assert httpx.post(served.url, json=body, headers=accept).status_code == 401
    wrong = {**accept, "authorization": "Bearer qdt_another"}
    assert httpx.post(served.url, json=body, headers=wrong).status_code == 401
    right = {**accept, "authorization": f"Bearer {TOKEN}"}
    assert httpx.post(served.url, json=body, headers={**right, "host": "evil.example"}).status_code == 421
    assert httpx.post(served.url, json=body, headers={**right, "origin": "http://evil.example"}).status_code == 403


def test_an_address_that_others_can_reach_is_refused() -> None:
    words = [sys.executable, "-m", "quarterdeck", "mcp", "--http", "--host", "0.0.0.0"]  # noqa: S104 - the refused one
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "can be reached from other machines" in done.stderr) == (2, True)
