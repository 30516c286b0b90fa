"""Two runs, log records and metrics, told at a given time: few, but of every kind."""

import itertools
from typing import Any

from quarterdeck import semconv
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES, Kind
from support import otlp

SECOND = 1_000_000_000
RUNS = ("run-1", "run-2")
BEGUN = "run-3"
EVENTS = (semconv.EVENT_PIPELINE_STARTED, semconv.EVENT_HEARTBEAT)


def _call(run: str, step: str, number: int, **attributes: Any) -> dict[str, Any]:
    return {
        "name": "chat",
        "kind": 3,
        "attributes": {
            semconv.RUN_ID: run,
            semconv.PIPELINE_NAME: "digest",
            semconv.STEP_ID: step,
            semconv.STEP_NAME: "summarise",
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.PROVIDER_NAME: semconv.PROVIDER_ANTHROPIC,
            semconv.REQUEST_MODEL: "claude-sonnet-4-5",
            semconv.RESPONSE_ID: f"msg_{run}_{number}",
            semconv.USAGE_INPUT_TOKENS: 100 * number,
            semconv.USAGE_OUTPUT_TOKENS: 10,
            semconv.INPUT_MESSAGES: f'["question {number} of {run}"]',
            semconv.PROMPT_PARTS: '[{"kind": "static", "source": "", "text": "question"}]',
            semconv.OUTPUT_MESSAGES: f'["answer {number} of {run}"]',
            **attributes,
        },
    }


def _spans(run: str, start: int) -> list[dict[str, Any]]:
    """Give the spans of a run with a step of two calls, one of which fails, in the order in which they end."""
    own = {semconv.RUN_ID: run, semconv.PIPELINE_NAME: "digest"}
    trace, step = run.encode().ljust(16, b"\0"), run.encode()[-2:] * 4
    failed = {"status": {"code": 2, "message": f"no answer after {len(run)} s"}}
    told = [
        _call(run, step.hex(), 1) | {"parent_span_id": step},
        _call(run, step.hex(), 2, **{semconv.ERROR_TYPE: "timeout"}) | {"parent_span_id": step} | failed,
        {
            "name": "step summarise",
            "span_id": step,
            "parent_span_id": b"rootroot",
            "attributes": own
            | {semconv.STEP_ID: step.hex(), semconv.STEP_NAME: "summarise", semconv.STEP_INDEX: 1}
            | {semconv.STEP_STATUS: "completed"},
        },
        {
            "name": "invoke_workflow digest",
            "span_id": b"rootroot",
            "attributes": own
            | {semconv.RUN_STATUS: "completed", semconv.PIPELINE_CONFIG: "{}", semconv.RUN_OUTPUT: f'"{run}"'},
        },
    ]
    return [
        {
            "span_id": number.to_bytes(8),
            "trace_id": trace,
            "start_time_unix_nano": start + number * SECOND,
            "end_time_unix_nano": start + 2 * number * SECOND,
            **span,
        }
        for number, span in enumerate(told, start=1)
    ]


def _points(start: int) -> Any:
    """Give a metric of every type, with one data point."""
    point = {"time_unix_nano": start, "start_time_unix_nano": start}
    kinds: dict[str, dict[str, float]] = {
        "gauge": {"as_int": 1},
        "sum": {"as_double": 0.5},
        "histogram": {"sum": 2.5, "count": 1},
    }
    kinds |= {"exponential_histogram": {"scale": 2, "count": 3}, "summary": {"sum": 4.0, "count": 5}}
    return otlp.metrics(*({"name": name, name: {"data_points": [point | own]}} for name, own in kinds.items()))


def events(start: int) -> list[dict[str, Any]]:
    """Tell of runs that are open: of one of them spans have ended already."""
    return [
        {
            "Position": start + number,
            "Timestamp": f"{start / SECOND:.9f}",
            "StartTime": f"{start / SECOND:.9f}",
            "EventName": name,
            "RunId": run,
            "PipelineName": "digest",
            "Attributes": {"quarterdeck.run.status": "running"},
        }
        for number, (name, run) in enumerate(itertools.product(EVENTS, (RUNS[0], BEGUN)))
    ]


def requests(start: int) -> list[tuple[Kind, Any]]:
    """Give requests: what ends at one time in one of its own, as spans of a run come in many batches."""
    spans = zip(*(_spans(run, start) for run in RUNS), strict=True)
    return [
        *((TRACES, otlp.traces(*some)) for some in spans),
        *((LOGS, otlp.logs({"time_unix_nano": start, "body": word})) for word in ("one", "two")),
        *((METRICS, _points(start + number)) for number in range(2)),
    ]
