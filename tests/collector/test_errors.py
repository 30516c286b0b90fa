"""Which failures are one error, which errors one group, and of what category: on the real engine, with real errors."""

import itertools
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck import semconv
from quarterdeck.failures import described, error_type, summary
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest
from support.failures import Case, cases, caught
from support.recordings import recordings

START = 1_767_225_600_000_000_000  # 2026-01-01
_IDS = itertools.count(1)
Span = dict[str, Any]


def failed(error: BaseException | None = None, parent: Span | None = None, /, **attributes: Any) -> Span:
    """A span that failed as our SDK tells it; without an error one that says nothing."""
    told: dict[str, Any] = {"status": {"code": 2}}
    if error is not None:
        attributes = {semconv.ERROR_TYPE: error_type(error), **attributes}
        event = {"name": "exception", "time_unix_nano": START, "attributes": described(error)}
        told = {"status": {"code": 2, "message": summary(error)}, "events": [event]}
    return {
        "trace_id": parent["trace_id"] if parent else otlp.new_trace_id(),
        "span_id": next(_IDS).to_bytes(8),
        "parent_span_id": parent["span_id"] if parent else b"",
        "name": "work",
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 10**9,
        "attributes": attributes,
        **told,
    }


def groups(store: EmbeddedStore) -> list[dict[str, Any]]:
    columns = "Category, ErrorType, Message, UserFrame, toUInt32(sum(Errors)) AS Count"
    return store.json_rows(f"SELECT {columns} FROM $error_groups GROUP BY ALL ORDER BY Category, Message")  # noqa: S608


def test_real_errors_of_one_cause_are_one_group_and_no_others(store: EmbeddedStore, ingest: Ingest) -> None:
    spans: dict[str, Case] = {}
    requests = []
    with cases() as every:
        for case in every:
            requests.append(failed(caught(case.work), **{semconv.PIPELINE_NAME: case.cause}))
            spans[requests[-1]["span_id"].hex()] = case
    ingest(otlp.traces(*requests))

    found: dict[str, set[str]] = defaultdict(set)
    for row in store.json_rows("SELECT SpanId, toString(Fingerprint) AS Group FROM $errors"):
        found[row["Group"]].add(spans[row["SpanId"]].cause)
    assert sorted(sorted(causes) for causes in found.values()) == sorted([cause] for cause in {c.cause for c in every})
    told = store.json_rows("SELECT DISTINCT PipelineName, Category FROM $error_groups")
    assert {row["PipelineName"]: row["Category"] for row in told} == {case.cause: case.category for case in every}


WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
VARYING = st.one_of(
    st.integers(0, 10**12).map(str),
    st.uuids().map(str),
    st.from_regex(r"req_[a-zA-Z0-9]{20}", fullmatch=True),
    st.text(alphabet="abc dé'xyz.,:-0123456789", max_size=20).map(lambda text: '"' + text + '"'),
    st.lists(WORDS, min_size=1, max_size=3).map(lambda words: "'" + " ".join(words) + "'"),
    st.sampled_from(["'don't'", "'the model's answer'", "“so”", "https://api.example.org/v1/x?y=1"]),
)


def _array(*texts: str) -> str:
    return "[" + ", ".join("'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" for text in texts) + "]"


def _text(store: EmbeddedStore, *messages: str) -> list[str]:
    (row,) = store.json_rows(f"SELECT arrayMap(m -> quarterdeck_error_text(m), {_array(*messages)}) AS Texts")
    return list(row["Texts"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, min_size=2, max_size=5), st.lists(VARYING, min_size=4, max_size=4), st.integers(0, 4))
def test_ids_numbers_and_quoted_words_tell_no_messages_apart_but_all_other_words_do(
    store: EmbeddedStore, words: list[str], varying: list[str], at: int
) -> None:
    def message(words: list[str], *varying: str) -> str:
        return " ".join(itertools.chain.from_iterable(zip(words, itertools.cycle(varying), strict=False)))

    other = [*words[: at % len(words)], "otherwise", *words[at % len(words) + 1 :]]
    one, same, different = _text(
        store, message(words, *varying[:2]), message(words, *varying[2:]), message(other, *varying[:2])
    )
    assert one == same
    assert one != different


PYTHON = """Traceback (most recent call last):
  File "/home/ann/.venv/lib/python3.13/site-packages/httpx/_client.py", line 914, in send
    raise exc
httpx.ConnectError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/flows/run.py", line 9, in <module>
    main()
  File "/srv/shop/flows/invoice.py", line 41, in extract
    return client.messages.create(**question)
  File "/home/ann/.venv/lib/python3.13/site-packages/anthropic/resources/messages.py", line 1001, in create
  File "/usr/lib/python3.13/asyncio/runners.py", line 118, in run
  File "<frozen runpy>", line 88, in _run_code
  File "/opt/quarterdeck/instrumentation/quarterdeck/shapes.py", line 70, in call
anthropic.APIConnectionError: Connection error."""
WINDOWS = (
    'Traceback (most recent call last):\n  File "C:\\work\\flows\\a.py", line 3, in step\n    1/0\nZeroDivisionError: x'
)
SCRIPT = 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nKeyError: 1'
NODE = """AI_APICallError: The request is not valid.
    at file:///app/node_modules/@ai-sdk/provider/dist/index.mjs:1651:22
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
    at async answer (file:///app/src/flows/reply.ts:12:7)
    at async file:///app/src/main.ts:3:1"""
ANONYMOUS = "Error: x\n    at /app/src/index.js:3:9\n    at Module._compile (node:internal/modules/cjs/loader:1:1)"


FRAMES = (
    (PYTHON, "flows/invoice.py:extract"),
    (WINDOWS, "flows\\a.py:step"),
    (SCRIPT, "a.py:<module>"),
    (NODE, "flows/reply.ts:answer"),
    (ANONYMOUS, "src/index.js:"),
    ("java.lang.IllegalStateException\n\tat com.example.Main.main(Main.java:3)", ""),
    ("", ""),
)


def test_the_innermost_frame_of_the_users_own_code(store: EmbeddedStore) -> None:
    found = store.json_rows(
        f"SELECT arrayMap(stack -> quarterdeck_user_frame(stack), {_array(*dict(FRAMES))}) AS Frames"
    )
    assert found == [{"Frames": [frame for _, frame in FRAMES]}]


def _limit() -> Exception:
    return RuntimeError("Error code: 429 - {'error': {'message': 'too much'}}")


def _chained() -> Exception:
    try:
        try:
            raise _limit()
        except RuntimeError as cause:
            raise ValueError("no answer for case 7") from cause
    except ValueError as error:
        return error


def _counted(store: EmbeddedStore, ingest: Ingest, *spans: Span, apart: bool = False) -> list[tuple[str, int]]:
    for batch in [[span] for span in spans] if apart else [spans]:
        ingest(otlp.traces(*batch))
    return [(row["Message"], row["Count"]) for row in groups(store)]


TOO_MUCH = [(str(_limit()), 1)]


@pytest.mark.parametrize("apart", [False, True])
def test_a_call_its_step_and_its_run_that_fail_of_one_cause_are_one_error(
    store: EmbeddedStore, ingest: Ingest, apart: bool
) -> None:
    root = failed(_limit())
    step = failed(_limit(), root)
    call = failed(_limit(), step)
    assert _counted(store, ingest, root, step, call, apart=apart) == TOO_MUCH


def test_who_wraps_an_error_or_passes_it_on_is_an_echo(store: EmbeddedStore, ingest: Ingest) -> None:
    class RunFailedError(Exception): ...

    RunFailedError.__module__, RunFailedError.__qualname__ = "quarterdeck_runner.announce", "RunFailedError"
    root = failed(RunFailedError("a.yaml:3: step 'x': Claude answered 429"))
    step = failed(_chained(), root)
    call = failed(_limit(), step)
    outer = failed(None, root)  # says nothing
    retried = failed(ValueError(f"Failed after 3 attempts. Last error: {_limit()}"), root)
    assert _counted(store, ingest, root, step, call, outer, retried, failed(_limit(), retried)) == [(str(_limit()), 2)]


def test_another_failure_after_one_that_was_overcome_is_an_error_of_its_own(
    store: EmbeddedStore, ingest: Ingest
) -> None:
    root = failed(KeyError("total"))
    assert _counted(store, ingest, failed(_limit(), root), root) == [*TOO_MUCH, ("'total'", 1)]


def test_a_child_that_says_nothing_leaves_the_word_to_its_parent(store: EmbeddedStore, ingest: Ingest) -> None:
    step = failed(_limit())
    assert _counted(store, ingest, failed(None, step), step) == TOO_MUCH


def test_a_run_that_completes_with_nothing_is_a_silent_failure(store: EmbeddedStore, ingest: Ingest) -> None:
    def run(pipeline: str, **output: str) -> Span:
        told = {semconv.PIPELINE_NAME: pipeline, semconv.RUN_STATUS: "completed", **output}
        return failed(None, None, **told) | {"status": {}}

    key = semconv.RUN_OUTPUT
    given = [run("a", **{key: each}) for each in ('""', "[]", "{}", "null", '"text"', "0", "false", "[0]")]
    ingest(otlp.traces(*given, run("a"), run("b", **{key: '""'})))
    assert store.rows("SELECT PipelineName, Category, sum(Errors) FROM $error_groups GROUP BY ALL ORDER BY 1") == [
        ["a", "silent", "4"],
        ["b", "silent", "1"],
    ]


def test_an_overcome_error_of_a_tool_is_the_tools(store: EmbeddedStore, ingest: Ingest) -> None:
    ingest(otlp.traces(failed(_limit(), **{semconv.OPERATION_NAME: "execute_tool"})))
    assert [row["Category"] for row in groups(store)] == ["tool"]


def test_every_dialect_tells_of_a_refused_call_as_one_error(store: EmbeddedStore, ingest: Ingest) -> None:
    refused = [each for each in recordings() if each.case.endswith("error")]
    for recording in refused:
        ingest(recording.request)

    query = "SELECT TraceId, Category FROM $errors AS e ANY LEFT JOIN $error_groups AS g USING Fingerprint"
    told = {row["TraceId"]: row["Category"] for row in store.json_rows(query)}
    assert len(store.json_rows(query)) == len(told) == len(refused)
    for recording in refused:
        (category,) = {told[trace] for trace in recording.trace_ids if trace in told}
        limited = not recording.dialect.startswith("vercel") and "google" not in f"{recording.dialect}/{recording.case}"
        assert category == ("rate_limit" if limited else "request"), f"{recording.dialect}/{recording.case}"
