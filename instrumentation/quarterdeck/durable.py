"""Runs that outlive a process: ids are hashes of the run id, the root span is written once, at the very end.

The YAML runner uses this. A run may be interrupted and continued by another process; all its spans meet in one trace.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import attach as attach_context
from opentelemetry.context import detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from quarterdeck import live_kinds, semconv
from quarterdeck.config import capture as capture_policy
from quarterdeck.config import deliver
from quarterdeck.config import live as live_channel
from quarterdeck.context import Run, context_with
from quarterdeck.failures import error_type, summary
from quarterdeck.guard import guarded

_STARTED: "Final[dict[str, Run]]" = {}
"""Runs that this process has begun and not finished."""


@dataclass(frozen=True)
class RunIdentity:
    """Who a durable run is; the same in every process.

    Args:
        run_id: id of the run.
        pipeline: name of the definition.
        version: version of the definition.
        trace_id: 128 bits, a hash of the run id.
        span_id: 64 bits, a hash of the run id: the root span.
    """

    run_id: str
    pipeline: str
    version: str
    trace_id: int
    span_id: int

    @property
    def span_context(self) -> SpanContext:
        """Span context of the root span, sampled."""
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(self.trace_id, self.span_id, is_remote=False, trace_flags=flags)


def identity(run_id: str, pipeline: str, version: str = "") -> RunIdentity:
    """Derive the identity of a run.

    Args:
        run_id: id of the run.
        pipeline: name of the definition.
        version: version of the definition.
    """
    digest = hashlib.sha256(f"quarterdeck-run:{run_id}".encode()).digest()
    # An id of all zeros is invalid in OpenTelemetry; a hash ending so is as good as impossible, not quite.
    trace_id = int.from_bytes(digest[:16]) or 1
    span_id = int.from_bytes(digest[16:24]) or 1
    return RunIdentity(run_id, pipeline, version, trace_id, span_id)


def started(run: RunIdentity, *, start_ns: int, config: Any, input: Any, steps_total: int | None) -> None:  # noqa: A002 - contract
    """Tell that a run has begun or goes on here; heartbeats begin. Idempotent per process.

    Args:
        run: whose.
        start_ns: when the run began, nanoseconds since the epoch.
        config: the definition's configuration.
        input: what the run was started with.
        steps_total: how many steps it has, where known.
    """
    with guarded("start a durable run"):
        if run.run_id in _STARTED:
            return
        handle = _handle(run)
        handle.steps_total = steps_total
        handle.started_ns = start_ns
        _STARTED[run.run_id] = handle
        channel = live_channel()
        if channel is None:
            return
        handle.on_status = channel.status
        attributes = _start_attributes(run, config, input)
        if steps_total is not None:
            attributes[semconv.STEP_TOTAL] = steps_total
        base = {
            semconv.RUN_ID: run.run_id,
            semconv.PIPELINE_NAME: run.pipeline,
            semconv.SPAN_NAME: _span_name(run),
            semconv.SPAN_PARENT_ID: "",
            semconv.SPAN_START: start_ns,
        }
        channel.register(
            live_kinds.Open(live_kinds.RUN, run.span_context, attributes, run=handle, base=base, start_ns=start_ns)
        )


def status(run: RunIdentity, status: str) -> None:
    """Tell a new status at once.

    Args:
        run: whose.
        status: ``running``, ``paused`` or ``waiting``.
    """
    with guarded("tell the status of a durable run"):
        handle = _STARTED.get(run.run_id)
        if handle is not None:
            handle.status = status


def elsewhere(run_id: str) -> None:
    """Tell no more of a run, because another process goes on with it.

    Args:
        run_id: id of the run.
    """
    with guarded("leave a durable run to another process"):
        handle = _STARTED.pop(run_id, None)
        channel = live_channel()
        if handle is not None and channel is not None:
            channel.forget(handle.span.get_span_context().span_id)


def finished(
    run: RunIdentity,
    *,
    start_ns: int,
    end_ns: int,
    status: str,
    output: Any = None,
    error: BaseException | None = None,
    config: Any = None,
    input: Any = None,  # noqa: A002 - contract
) -> None:
    """Write the root span and tell the end; heartbeats end.

    Args:
        run: whose.
        start_ns: when the run began, nanoseconds since the epoch.
        end_ns: when it ended.
        status: ``completed``, ``failed`` or ``cancelled``.
        output: what it returned.
        error: why it failed.
        config: the definition's configuration.
        input: what it was started with.
    """
    with guarded("finish a durable run"):
        handle = _STARTED.pop(run.run_id, None)
        attributes = _start_attributes(run, config, input)
        attributes[semconv.RUN_STATUS] = status
        captured = capture_policy().value(output)
        if captured is not None:
            attributes[semconv.RUN_OUTPUT] = captured
        if handle is not None and handle.steps_total is not None:
            attributes[semconv.STEP_TOTAL] = handle.steps_total
        if error is not None:
            attributes[semconv.ERROR_TYPE] = error_type(error)
        _deliver(run, attributes, start_ns, end_ns, _span_status(status, error))


@contextmanager
def attach(run: RunIdentity) -> Iterator[None]:
    """Make the block part of the run: steps and model calls inside belong to it.

    Args:
        run: whose.
    """
    handle = _STARTED.get(run.run_id) or _handle(run)
    token = attach_context(context_with(handle, None, handle.span))
    try:
        yield
    finally:
        detach(token)


@contextmanager
def hosted(run: RunIdentity) -> Iterator[None]:
    """Make the first pipeline that begins in the block this very run; another process tells its beginning and end.

    Args:
        run: whose.
    """
    handle = _handle(run)
    handle.hosted = True
    token = attach_context(context_with(handle, None, handle.span))
    try:
        yield
    finally:
        detach(token)


def _handle(run: RunIdentity) -> Run:
    handle = Run(run.run_id, run.pipeline, version=run.version, span=NonRecordingSpan(run.span_context))
    handle.capture = capture_policy()
    return handle


def _span_name(run: RunIdentity) -> str:
    return f"{semconv.OPERATION_WORKFLOW} {run.pipeline}"


def _span_status(status: str, error: BaseException | None) -> Status:
    if error is not None:
        return Status(StatusCode.ERROR, summary(error))
    return Status(StatusCode.ERROR) if status == "failed" else Status()


def _start_attributes(run: RunIdentity, configuration: Any, given: Any) -> dict[str, Any]:
    capture = capture_policy()
    attributes = {
        semconv.OPERATION_NAME: semconv.OPERATION_WORKFLOW,
        semconv.WORKFLOW_NAME: run.pipeline,
        semconv.AGENT_NAME: run.pipeline,
        semconv.PIPELINE_NAME: run.pipeline,
        semconv.PIPELINE_VERSION: run.version or None,
        semconv.PIPELINE_CONFIG: capture.value(configuration),
        semconv.RUN_ID: run.run_id,
        semconv.RUN_INPUT: capture.value(given),
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _deliver(run: RunIdentity, attributes: dict[str, Any], start_ns: int, end_ns: int, status: Status) -> None:
    provider = trace.get_tracer_provider()
    span = ReadableSpan(
        name=_span_name(run),
        context=run.span_context,
        resource=getattr(provider, "resource", None) or Resource.get_empty(),
        attributes=attributes,
        status=status,
        start_time=start_ns,
        end_time=end_ns,
        instrumentation_scope=InstrumentationScope(semconv.SCOPE),
    )
    deliver(span)
