"""Every dialect, one truth: spans of real libraries against the provider's own account of the same calls."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from quarterdeck_collector import prices
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from recording.texts import ANSWER, QUESTION
from support.dialect_gaps import NOT_REPORTED, expected, missing_texts
from support.recordings import Call, Recording, recordings

RECORDINGS = list(recordings())
COLUMNS = (
    *("Provider", "RequestModel", "Model", "ResponseId", "FinishReason"),
    *("InputTokens", "OutputTokens", "CacheReadTokens", "CacheWriteTokens", "ReasoningTokens"),
)
WORKFLOWS = [
    ("traceloop/workflow", "weather-brief", {"write", "editor"}),
    ("openinference-anthropic/workflow", "weather-brief", {"write"}),
    ("genai-anthropic/workflow", "weather-brief", {"writer"}),
    ("langfuse-anthropic/observed", "weather-brief-trace", {"write"}),
    ("quarterdeck-anthropic/workflow", "weather-brief", {"write"}),
    ("vercel-gen-ai/anthropic-tool_run", "weather-brief", set()),
    ("vercel-legacy/anthropic-tool_run", "weather-brief", set()),
]
Row = dict[str, Any]


def _insert(store: EmbeddedStore, folder: Path, name: str, requests: list[ExportTraceServiceRequest]) -> None:
    path = folder / f"{name}.otlp"
    path.write_bytes(b"".join(frame(request.SerializeToString()) for request in requests))
    store.insert_otlp("otlp_traces_in", path, "ExportTraceServiceRequest", name)


def _scopes(request: ExportTraceServiceRequest, wanted: Callable[[str], bool]) -> ExportTraceServiceRequest:
    """The spans of the libraries that are wanted."""
    copy = ExportTraceServiceRequest()
    copy.CopyFrom(request)
    for whole in copy.resource_spans:
        kept = [scoped for scoped in whole.scope_spans if wanted(scoped.scope.name)]
        del whole.scope_spans[:]
        whole.scope_spans.extend(kept)
    return copy


def _is_inner(scope: str) -> bool:
    """Whether spans of the library lie inside those of the other library of a pair."""
    return scope.startswith(("com.anthropic.", "quarterdeck", "opentelemetry.instrumentation.google_genai"))


def _new_store(engine: EmbeddedStore, name: str) -> EmbeddedStore:
    store = EmbeddedStore(Path(engine._path), name)
    migrate(store)
    prices.load(store)
    return store


class Collected:
    """What the collector made of all recordings."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self._calls = self._by("TraceId", "SELECT * FROM {}.model_calls ORDER BY Timestamp")
        self._spans = self._by(
            "TraceId",
            "SELECT TraceId, SpanName, Operation, PipelineName, StepName, RunId, SpanAttributes, "
            "arrayStringConcat(mapValues(Payload), ' ') AS Text FROM {}.otel_traces ORDER BY Timestamp",
        )
        self._runs = self._by("RunId", "SELECT * FROM {}.runs")

    def _by(self, key: str, query: str) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.store.json_rows(query.format(self.store.database)):
            found.setdefault(row[key], []).append(row)
        return found

    def calls(self, recording: Recording) -> list[Row]:
        """Counted calls in the order of time."""
        found = itertools.chain.from_iterable(self._calls.get(trace, []) for trace in recording.trace_ids)
        return sorted(found, key=lambda row: str(row["Timestamp"]))

    def spans(self, recording: Recording) -> list[Row]:
        """All spans."""
        return list(itertools.chain.from_iterable(self._spans.get(trace, []) for trace in recording.trace_ids))

    def totals(self, recording: Recording) -> tuple[int, int, int]:
        """Model calls, input and output tokens of the runs."""
        names = {span["RunId"] for span in self.spans(recording)}
        rows = [row for name in names for row in self._runs[name]]
        calls, read, written = (
            sum(row[column] for row in rows) for column in ("ModelCalls", "InputTokens", "OutputTokens")
        )
        return calls, read, written


@pytest.fixture(scope="module")
def collected(engine: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collected]:
    """All recordings in one insert, as a busy collector makes it."""
    store = _new_store(engine, "dialects")
    _insert(store, tmp_path_factory.mktemp("dialects"), "all", [each.request for each in RECORDINGS])
    yield Collected(store)
    store.command(f"DROP DATABASE {store.database}")
    store.close()


def runs_a_tool(recording: Recording) -> bool:
    """Whether the library tells that a tool ran."""
    by_hand = {"openinference-anthropic/workflow", "traceloop/workflow", "genai-anthropic/workflow"}
    if str(recording) in by_hand | {"langfuse-anthropic/observed", "double-sdk-langfuse/observed"}:
        return True
    tells = ("anthropic-sdk", "quarterdeck", "double-quarterdeck", "vercel", "genai-google", "double-genai")
    return recording.case.endswith("tool_run") and recording.dialect.startswith(tells)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recording" in metafunc.fixturenames and not metafunc.definition.get_closest_marker("parametrize"):
        metafunc.parametrize("recording", RECORDINGS, ids=str)


def _told(call: Call, at: datetime) -> Row:
    """What the row of a call must say."""
    cost = call.cost(at)
    return {column: getattr(call, column) for column in COLUMNS} | {
        "Operation": "embeddings" if call.embeds else "chat",
        "failed": call.failed,
        "streamed": call.streamed,
        "Cost": None if cost is None else pytest.approx(cost, rel=1e-9),
    }


def _found(row: Row) -> Row:
    return {column: row[column] for column in COLUMNS} | {
        "Operation": row["Operation"].replace("generate_content", "chat"),  # Gemini's word for it, which most use
        "failed": row["ErrorType"] != "",
        "streamed": row["TimeToFirstChunk"] is not None,
        "Cost": row["Cost"],
    }


def _at(row: Row) -> datetime:
    return datetime.fromisoformat(row["Timestamp"][:26]).replace(tzinfo=UTC)


def test_calls_are_the_provider_s_own_account(recording: Recording, collected: Collected) -> None:
    rows = collected.calls(recording)
    calls = expected(recording)
    assert len(rows) == len(calls)
    assert [_found(row) for row in rows] == [_told(call, _at(row)) for call, row in zip(calls, rows, strict=True)]


def test_prompt_and_answer_can_be_read(recording: Recording, collected: Collected) -> None:
    text = " ".join(str(span["Text"]) for span in collected.spans(recording))
    hidden = missing_texts(recording)
    assert "prompt" in hidden or QUESTION in text
    answered = recording.case.rpartition("-")[2] in {"plain", "stream", "cache", "think", "limit"}
    assert "answer" in hidden or ANSWER in text or not answered


@pytest.mark.parametrize("recording", [each for each in RECORDINGS if runs_a_tool(each)], ids=str)
def test_a_tool_that_ran_is_an_operation_with_its_name(recording: Recording, collected: Collected) -> None:
    ran = [span for span in collected.spans(recording) if span["Operation"] == "execute_tool"]
    name = "get_weather" if "tool_run" in recording.case else "look_up"
    assert [name in f"{span['SpanName']} {span['SpanAttributes']}" for span in ran] == [True]


@pytest.mark.parametrize(("name", "pipeline", "steps"), WORKFLOWS)
def test_whole_traces_are_runs_of_a_named_pipeline(
    name: str, pipeline: str, steps: set[str], collected: Collected
) -> None:
    recording = next(each for each in RECORDINGS if str(each) == name)
    spans = collected.spans(recording)
    assert len({span["RunId"] for span in spans}) == 1
    assert {span["PipelineName"] for span in spans} - {""} == {pipeline}
    assert {span["StepName"] for span in spans} - {""} == steps


def test_two_spans_of_one_call_count_once_also_when_they_arrive_apart(engine: EmbeddedStore, tmp_path: Path) -> None:
    doubles = [each for each in RECORDINGS if each.dialect.startswith("double-")]
    store = _new_store(engine, "apart")
    _insert(store, tmp_path, "inner", [_scopes(each.request, _is_inner) for each in doubles])
    _insert(store, tmp_path, "outer", [_scopes(each.request, lambda scope: not _is_inner(scope)) for each in doubles])
    apart = Collected(store)
    store.command(f"DROP DATABASE {store.database}")
    store.close()
    assert {str(each): len(apart.calls(each)) for each in doubles} == {
        str(each): len(expected(each)) for each in doubles
    }


def test_runs_add_up_their_calls(collected: Collected) -> None:
    calls = {str(each): expected(each) for each in RECORDINGS}
    assert {str(each): collected.totals(each) for each in RECORDINGS} == {
        name: (len(of), sum(call.InputTokens for call in of), sum(call.OutputTokens for call in of))
        for name, of in calls.items()
    }


def test_every_gap_is_seen_in_a_recording() -> None:
    assert [gap.reason for gap in NOT_REPORTED if not any(gap.covers(each) for each in RECORDINGS)] == []
