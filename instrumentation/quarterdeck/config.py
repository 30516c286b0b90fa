"""The global state department: ``init``, ``flush``, ``shutdown``, and everything they set up."""

import atexit
import functools
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Tracer

from quarterdeck import addresses, otel_variables, process_pools, semconv, termination, threads
from quarterdeck.addresses import (
    base_url,
    checked_exporters,
    default_service_name,
    is_otlp,
)
from quarterdeck.capture import Capture, Mode, from_environment
from quarterdeck.channel import BATCH_RECORDS, QUEUE_RECORDS, Channel
from quarterdeck.context import StampProcessor, captured_here, share_before_fork
from quarterdeck.control import Commander, Control
from quarterdeck.delivery import Delivery
from quarterdeck.export import REFUSED_EXIT_S, CleanBatchProcessor, CleanExporter, Relay
from quarterdeck.forks import MAKING
from quarterdeck.guard import guarded
from quarterdeck.health import Health, install_hush
from quarterdeck.live import EndProcessor, Live
from quarterdeck.logs import Bridge
from quarterdeck.otlp_target import shown
from quarterdeck.outgoing import Records
from quarterdeck.outlets import Address, Buffer
from quarterdeck.redaction import RULES, Hook, Redactor, parsed
from quarterdeck.sampling import sampler
from quarterdeck.settings import ConfigError, Settings, resolve

log: Final = logging.getLogger("quarterdeck")

_LAST: Final = -100
_EXIT_S: Final = 5.0
_TERMINATED_S: Final = 2.0


@dataclass(frozen=True)
class Senders:
    """What takes spans and records instead of a collector; the test kit keeps them."""

    spans: SpanExporter
    records: Records


@dataclass
class State:
    """What ``init`` set up."""

    settings: Settings
    exporters: tuple[SpanExporter | str, ...]
    provider: TracerProvider
    health: Health
    tracer: Tracer
    capture: Capture
    batches: list[CleanBatchProcessor] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    live: Live | None = None
    bridge: Bridge | None = None
    control: Commander | None = None


_redactor: Final = Redactor()
_relays: "Final[weakref.WeakKeyDictionary[TracerProvider, Relay]]" = weakref.WeakKeyDictionary()
_state: State | None = None
_ending = threading.Lock()
"""Held by whoever shuts down: who comes meanwhile, to end the program say, waits until everything is sent."""


def init(
    endpoint: str | None = None,
    *,
    service_name: str | None = None,
    runner_url: str | None = None,
    control: bool | None = None,
    capture: Mode | None = None,
    exporters: Sequence[SpanExporter | str] = (),
    resource_attributes: Mapping[str, Any] | None = None,
    token: str | None = None,
    redact: Sequence[Hook | str] | None = None,
    buffer: str | os.PathLike[str] | None = None,
) -> None:
    """Start sending telemetry; calling it again with the same arguments changes nothing.

    Args:
        endpoint: base URL of the collector, ``http://…`` or ``grpc://…``; ``""`` sends to ``exporters`` only.
            Default: ``QUARTERDECK_ENDPOINT``, else ``OTEL_EXPORTER_OTLP_ENDPOINT``, else ``http://127.0.0.1:4318``.
        service_name: name of this program; default ``OTEL_SERVICE_NAME``, else the script's name.
        runner_url: base URL of the runner, to be paused, resumed and cancelled from there; default
            ``QUARTERDECK_RUNNER_URL``, else no control.
        control: whether runs obey the runner; default: where its address is known, else it is
            ``http://127.0.0.1:8700``.
        capture: ``full``, ``hash`` or ``off``; default ``QUARTERDECK_CAPTURE``, else ``full``.
        exporters: further OpenTelemetry span exporters, or base URLs of OTLP backends such as
            ``"http://jaeger:4318"`` or ``"grpc://tempo:4317?header.x-scope-orgid=me"``; they receive the same redacted
            spans, and nothing live.
        resource_attributes: further resource attributes.
        token: for a collector that asks for one, sent to nobody else; default ``QUARTERDECK_TOKEN``, else none.
        redact: built-in rules (``"secrets"``, ``"email"``, ``"card"``) and functions ``hook(attribute_name, text) ->
            text`` over every text that leaves the process; rules default to ``QUARTERDECK_REDACT``, else ``secrets``.
        buffer: folder where telemetry waits while an endpoint is away; ``""`` keeps it in memory. Default:
            ``QUARTERDECK_BUFFER_DIR``, else ``quarterdeck/buffer`` in the user's state folder.

    Raises:
        ConfigError: if an argument has a wrong type, or what it needs is not installed.
    """
    try:
        runner_url = addresses.runner_to_obey(runner_url, control)
        settings = resolve(endpoint, service_name, runner_url, capture, resource_attributes, token=token, buffer=buffer)
        given = checked_exporters(exporters)
        rules, hooks = parsed(redact)
        urls = tuple(target for target in given if isinstance(target, str))
        settings = replace(settings, urls=urls, rules=rules)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if _state is not None:
        asked = (endpoint, service_name, runner_url, capture, resource_attributes, token, buffer) != (None,) * 7
        if (asked and settings != _state.settings) or (given and given != _state.exporters):
            log.warning("quarterdeck is already initialised differently; call quarterdeck.shutdown() first")
        return
    if otel_variables.disabled():
        log.info("OTEL_SDK_DISABLED is true: no telemetry is sent")
        return
    with guarded("start telemetry"):
        _redactor.rules = rules
        _redactor.hooks += [hook for hook in hooks if hook not in _redactor.hooks]
        begin(settings, given)
        _instrument_providers()


def begin(settings: Settings, exporters: tuple[SpanExporter | str, ...], senders: Senders | None = None) -> None:
    """Set everything up from resolved settings.

    Args:
        settings: what to do.
        exporters: further span exporters or base URLs.
        senders: what takes everything instead of a collector.
    """
    global _state  # noqa: PLW0603 - the one place where the SDK keeps state
    _state = _start(settings, exporters, senders)


def begin_in_worker(settings: Settings, hooks: tuple[Hook, ...]) -> None:
    """Start in a worker process as its parent did, unless the worker has started by itself."""
    if _state is None:
        _redactor.rules, _redactor.hooks = settings.rules, list(hooks)
        begin(settings, settings.urls)
        _instrument_providers()


def settings() -> tuple[Settings, tuple[Hook, ...]] | None:
    """What a worker process needs to start as this one did; None where there is nothing to send to."""
    if _state is None or not (is_otlp(_state.settings.endpoint) or _state.settings.urls):
        return None
    return _state.settings, tuple(_redactor.hooks)


def flush(timeout_s: float = 5) -> bool:
    """Send everything that has ended so far.

    Args:
        timeout_s: seconds to wait at most.

    Returns:
        Whether everything was delivered.
    """
    state = _state
    if state is None:
        return True
    done: list[bool] = []

    def work() -> None:
        with guarded("flush"):
            sent = [batch.force_flush(round(timeout_s * 1_000)) for batch in state.batches]
            sent.append(state.live is None or state.live.flush())
            sent += [delivery.flush(timeout_s) for delivery in state.deliveries]
            done.append(all(sent))

    worker = threading.Thread(target=work, name="quarterdeck-flush", daemon=True)
    worker.start()
    worker.join(timeout_s)
    return done == [True]


def shutdown(timeout_s: float = _EXIT_S) -> None:
    """Send what is left and stop; the program goes on without telemetry and may call :func:`init` again.

    Args:
        timeout_s: seconds to wait at most for a collector that does not answer.
    """
    global _state
    with termination.last(), _ending, guarded("shut telemetry down"):
        state, _state = _state, None
        if state is None:
            return
        threads.remove()
        process_pools.remove()
        if state.bridge is not None:
            state.bridge.remove()
        if state.control is not None:
            state.control.close()
        deadline = time.monotonic() + timeout_s
        for batch in state.batches:
            batch.stop()
        if state.live is not None:
            state.live.close(REFUSED_EXIT_S if state.health.away else timeout_s)
        parts: list[CleanBatchProcessor | Delivery] = [*state.batches, *state.deliveries]
        for part in parts:
            part.close(max(REFUSED_EXIT_S, deadline - time.monotonic()))
        if state.provider in _relays:
            _relays[state.provider].targets = ()


def on_redact(hook: Hook) -> None:
    """Let ``hook(attribute_name, text) -> text`` clean every text that leaves the process.

    Args:
        hook: runs on the export thread after the built-in rules; if it raises, the text is withheld.
    """
    _redactor.hooks.append(hook)


def remove_redaction_hooks() -> None:
    """Forget every hook and rule but the default one."""
    _redactor.hooks.clear()
    _redactor.rules = RULES[:1]


def tracer() -> Tracer:
    """The tracer of our scope: ours after ``init``, else whatever the program has set up."""
    return _state.tracer if _state is not None else trace.get_tracer(semconv.SCOPE)


def capture() -> Capture:
    """The capture policy in force: of the step or run around the calling code, else of the program."""
    return captured_here() or (_state.capture if _state is not None else _uninitialised_capture())


def live() -> Live | None:
    """The live channel, where there is one."""
    return _state.live if _state is not None else None


def control() -> Commander | None:
    """Whoever commands the runs of this process, if anybody."""
    return _state.control if _state is not None else None


def obey(commander: Commander) -> None:
    """Let somebody else than a runner over HTTP command the runs of this process."""
    if _state is not None:
        _state.control = commander


def deliver(span: Any) -> None:
    """Hand a finished span that no tracer made to every span processor of the program."""
    if _state is not None:
        _state.provider._active_span_processor.on_end(span)  # noqa: SLF001 - the SDK has no public way in


@functools.cache
def _uninitialised_capture() -> Capture:
    return from_environment()


def _start(settings: Settings, exporters: tuple[SpanExporter | str, ...], senders: Senders | None) -> State:
    install_hush()
    provider = _provider(settings)
    tracer = trace.get_tracer(semconv.SCOPE, tracer_provider=provider)
    capture = Capture(settings.capture)
    state = State(settings, exporters, provider, Health(shown(settings.endpoint)), tracer, capture)
    targets: list[SpanProcessor] = [StampProcessor()]
    if settings.endpoint:
        state.live = _start_live(state, senders)
        targets.append(EndProcessor(state.live))
        state.batches.append(_to_collector(state, senders))
    for target in exporters:
        state.batches.append(_to_guest(target, settings.buffer))
    _relay(provider).targets = (*targets, *state.batches)
    if settings.runner_url:
        state.control = Control(settings.runner_url, settings.service_name, settings.token)
    _register_hooks()
    threads.install()
    process_pools.install()
    termination.install(functools.partial(shutdown, _TERMINATED_S))
    return state


def _to_collector(state: State, senders: Senders | None) -> CleanBatchProcessor:
    if senders is not None:
        return CleanBatchProcessor(CleanExporter(senders.spans, _redactor, state.health))
    return CleanBatchProcessor(_address(state.settings).spans(_redactor, state.health, state.settings.buffer))


def _to_guest(target: SpanExporter | str, buffer: Buffer) -> CleanBatchProcessor:
    if isinstance(target, str):
        address = Address(base_url(target, "exporter"), guest=True)
        return CleanBatchProcessor(address.spans(_redactor, Health(shown(address.url), ours=False), buffer))
    return CleanBatchProcessor(CleanExporter(target, _redactor, Health(type(target).__name__)))


def _address(settings: Settings) -> Address:
    return Address(settings.endpoint, settings.token, standard=settings.standard)


def _start_live(state: State, senders: Senders | None) -> Live:
    make_live: Callable[[], Records]
    if senders is not None:
        make_live = make_logs = lambda: senders.records
    else:
        address = _address(state.settings)
        delivery, records = address.logs(state.health, state.settings.buffer)
        state.deliveries.append(delivery)
        make_live, make_logs = address.live, lambda: records
    resource = state.provider.resource
    most = otel_variables.count("OTEL_BLRP_MAX_QUEUE_SIZE", QUEUE_RECORDS)
    batch = otel_variables.count("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", BATCH_RECORDS)
    events = Channel(semconv.LIVE_SCOPE, resource, make_live, _redactor, state.health)
    logs = Channel(semconv.LOG_SCOPE, resource, make_logs, _redactor, state.health, most=most, batch=batch)
    live = Live(events, logs)
    state.bridge = Bridge(logs, live)
    state.bridge.install()
    return live


def _provider(settings: Settings) -> TracerProvider:
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        return existing
    # OTEL_RESOURCE_ATTRIBUTES comes in through Resource.create; a service.name there wins over our guess.
    attributes = dict(settings.resource_attributes)
    named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not (named and settings.service_name == default_service_name()):
        attributes.setdefault(SERVICE_NAME, settings.service_name)
    provider = TracerProvider(
        sampler=sampler(),
        resource=Resource.create(attributes),
        shutdown_on_exit=False,
        span_limits=otel_variables.span_limits(),
    )
    trace.set_tracer_provider(provider)
    return provider


def _relay(provider: TracerProvider) -> Relay:
    if provider not in _relays:
        _relays[provider] = Relay()
        provider.add_span_processor(_relays[provider])
    return _relays[provider]


def _instrument_providers() -> None:
    from quarterdeck.providers import instrument_on_import

    instrument_on_import()


def _after_fork() -> None:
    global _ending  # noqa: PLW0603 - as above
    termination.forget()
    _ending = threading.Lock()
    if _state is None:
        return
    for part in (*_state.batches, *_state.deliveries, _state.live, _state.control):
        if part is not None:
            part.after_fork()
    # Processes of multiprocessing end without atexit.
    if "multiprocessing.util" in sys.modules:
        util = sys.modules["multiprocessing.util"]
        util.register_after_fork(_redactor, lambda _: util.Finalize(None, shutdown, exitpriority=_LAST))


@functools.cache
def _register_hooks() -> None:
    atexit.register(shutdown)
    if "multiprocessing.process" in sys.modules and sys.modules["multiprocessing.process"].parent_process():
        sys.modules["multiprocessing.util"].Finalize(None, shutdown, exitpriority=_LAST)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=MAKING.acquire, after_in_parent=MAKING.release, after_in_child=MAKING.release)
        os.register_at_fork(before=share_before_fork, after_in_child=_after_fork)
