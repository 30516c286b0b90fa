"""The global state department: ``init``, ``flush``, ``shutdown``, and everything they set up."""

import atexit
import functools
import logging
import os
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Tracer

from quarterdeck import addresses, process_pools, semconv, termination, threads
from quarterdeck.addresses import base_url, checked_exporters, default_endpoint, default_service_name, is_http
from quarterdeck.capture import MODES, Capture, Mode, from_environment
from quarterdeck.channel import Channel, otlp_log_exporter
from quarterdeck.context import StampProcessor, captured_here, share_before_fork
from quarterdeck.control import Control
from quarterdeck.export import (
    MAKING,
    REFUSED_EXIT_S,
    CleanBatchProcessor,
    CleanExporter,
    LazyExporter,
    Relay,
    otlp_span_exporter,
)
from quarterdeck.guard import guarded
from quarterdeck.health import Health, install_hush
from quarterdeck.live import EndProcessor, Live
from quarterdeck.logs import Bridge
from quarterdeck.redaction import RULES, Hook, Redactor, parsed

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter

log: Final = logging.getLogger("quarterdeck")

_MAX_ATTRIBUTES: Final = 4_096
_MAX_EVENTS: Final = 1_024
_LAST: Final = -100
_EXIT_S: Final = 5.0
_TERMINATED_S: Final = 2.0


class ConfigError(ValueError):
    """An argument of :func:`init` that cannot mean anything; the message says what to pass instead."""


@dataclass(frozen=True)
class Settings:
    """What ``init`` was asked for, resolved against the environment."""

    endpoint: str
    service_name: str
    runner_url: str
    capture: Mode
    resource_attributes: tuple[tuple[str, Any], ...] = ()
    token: str = field(default="", repr=False)
    urls: tuple[str, ...] = ()
    rules: tuple[str, ...] = RULES[:1]


@dataclass(frozen=True)
class Senders:
    """How exporters for a collector's base URL and token are made; tests put their own here."""

    spans: Callable[[str, str], SpanExporter] = otlp_span_exporter
    logs: "Callable[[str, str], LogRecordExporter]" = otlp_log_exporter


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
    live: Live | None = None
    bridge: Bridge | None = None
    control: Control | None = None


_redactor: Final = Redactor()
_relays: "Final[weakref.WeakKeyDictionary[TracerProvider, Relay]]" = weakref.WeakKeyDictionary()
_state: State | None = None


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
) -> None:
    """Start sending telemetry; calling it again with the same arguments changes nothing.

    Args:
        endpoint: base URL of the collector; ``""`` sends to ``exporters`` only. Default: ``QUARTERDECK_ENDPOINT``,
            else ``OTEL_EXPORTER_OTLP_ENDPOINT``, else ``http://127.0.0.1:4318``.
        service_name: name of this program; default ``OTEL_SERVICE_NAME``, else the script's name.
        runner_url: base URL of the runner, to be paused, resumed and cancelled from there; default
            ``QUARTERDECK_RUNNER_URL``, else no control.
        control: whether runs obey the runner; default: where its address is known, else it is
            ``http://127.0.0.1:8700``.
        capture: ``full``, ``hash`` or ``off``; default ``QUARTERDECK_CAPTURE``, else ``full``.
        exporters: further OpenTelemetry span exporters, or base URLs of OTLP/HTTP collectors such as
            ``"http://jaeger:4318"``; they receive the same redacted spans, and nothing live.
        resource_attributes: further resource attributes.
        token: for a collector that asks for one, sent to nobody else; default ``QUARTERDECK_TOKEN``, else none.
        redact: built-in rules (``"secrets"``, ``"email"``, ``"card"``) and functions ``hook(attribute_name, text) ->
            text`` over every text that leaves the process; rules default to ``QUARTERDECK_REDACT``, else ``secrets``.

    Raises:
        ConfigError: if an argument has a wrong type.
    """
    try:
        runner_url = addresses.runner_to_obey(runner_url, control)
        settings = _resolve(endpoint, service_name, runner_url, capture, resource_attributes, token=token)
        given = checked_exporters(exporters)
        rules, hooks = parsed(redact)
        urls = tuple(target for target in given if isinstance(target, str))
        settings = replace(settings, urls=urls, rules=rules)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if _state is not None:
        asked = (endpoint, service_name, runner_url, capture, resource_attributes, token) != (None,) * 6
        if (asked and settings != _state.settings) or (given and given != _state.exporters):
            log.warning("quarterdeck is already initialised differently; call quarterdeck.shutdown() first")
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
        senders: how to reach the collector; OTLP/HTTP by default.
    """
    global _state  # noqa: PLW0603 - the one place where the SDK keeps state
    _state = _start(settings, exporters, senders or Senders())


def begin_in_worker(settings: Settings, hooks: tuple[Hook, ...]) -> None:
    """Start in a worker process as its parent did, unless the worker has started by itself."""
    if _state is None:
        _redactor.rules, _redactor.hooks = settings.rules, list(hooks)
        begin(settings, settings.urls)
        _instrument_providers()


def settings() -> tuple[Settings, tuple[Hook, ...]] | None:
    """What a worker process needs to start as this one did; None where there is nothing to send to."""
    if _state is None or not (is_http(_state.settings.endpoint) or _state.settings.urls):
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
    import threading

    done: list[bool] = []

    def work() -> None:
        with guarded("flush"):
            sent = [batch.force_flush() for batch in state.batches]
            sent.append(state.live is None or state.live.flush())
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
    state, _state = _state, None
    if state is None:
        return
    with termination.last(), guarded("shut telemetry down"):
        threads.remove()
        process_pools.remove()
        if state.bridge is not None:
            state.bridge.remove()
        if state.control is not None:
            state.control.close()
        for batch in state.batches:
            batch.close(timeout_s)
        if state.live is not None:
            state.live.close(REFUSED_EXIT_S if state.health.away else timeout_s)
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


def control() -> Control | None:
    """The connection to the runner, where there is one."""
    return _state.control if _state is not None else None


def deliver(span: Any) -> None:
    """Hand a finished span that no tracer made to every span processor of the program."""
    if _state is not None:
        _state.provider._active_span_processor.on_end(span)  # noqa: SLF001 - the SDK has no public way in


@functools.cache
def _uninitialised_capture() -> Capture:
    return from_environment()


def _resolve(
    endpoint: str | None,
    service_name: str | None,
    runner_url: str | None,
    mode: Mode | None,
    resource_attributes: Mapping[str, Any] | None,
    *,
    token: str | None = None,
) -> Settings:
    texts = {"endpoint": endpoint, "service_name": service_name, "runner_url": runner_url, "token": token}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{name} must be a string, not {type(value).__name__}")
    if mode is not None and mode not in MODES:
        raise ConfigError(f"capture must be one of {', '.join(MODES)}, not {mode!r}")
    if resource_attributes is not None and not isinstance(resource_attributes, Mapping):
        raise ConfigError(f"resource_attributes must be a mapping, not {type(resource_attributes).__name__}")
    runner = os.environ.get("QUARTERDECK_RUNNER_URL", "") if runner_url is None else runner_url
    return Settings(
        endpoint=base_url(default_endpoint() if endpoint is None else endpoint, "endpoint"),
        service_name=service_name or default_service_name(),
        runner_url=base_url(runner, "runner"),
        capture=mode or from_environment().mode,
        resource_attributes=tuple(sorted((resource_attributes or {}).items())),
        token=os.environ.get("QUARTERDECK_TOKEN", "").strip() if token is None else token,
    )


def _start(settings: Settings, exporters: tuple[SpanExporter | str, ...], senders: Senders) -> State:
    install_hush()
    provider = _provider(settings)
    tracer = trace.get_tracer(semconv.SCOPE, tracer_provider=provider)
    capture = Capture(settings.capture)
    state = State(settings, exporters, provider, Health(settings.endpoint), tracer, capture)
    targets: list[SpanProcessor] = [StampProcessor()]
    if settings.endpoint:
        state.live = _start_live(state, functools.partial(senders.logs, settings.endpoint, settings.token))
        targets.append(EndProcessor(state.live))
        state.batches.append(_to_url(settings.endpoint, settings.token, senders, state.health))
    for target in exporters:
        url = base_url(target, "exporter") if isinstance(target, str) else ""
        state.batches.append(_to_url(url, "", senders, Health(url)) if isinstance(target, str) else _batches(target))
    _relay(provider).targets = (*targets, *state.batches)
    if settings.runner_url:
        state.control = Control(settings.runner_url, settings.service_name)
    _register_hooks()
    threads.install()
    process_pools.install()
    termination.install(functools.partial(shutdown, _TERMINATED_S))
    return state


def _batches(exporter: SpanExporter, health: Health | None = None) -> CleanBatchProcessor:
    return CleanBatchProcessor(CleanExporter(exporter, _redactor, health or Health(type(exporter).__name__)))


def _to_url(url: str, token: str, senders: Senders, health: Health) -> CleanBatchProcessor:
    return _batches(LazyExporter(functools.partial(senders.spans, url, token)), health)


def _start_live(state: State, make: "Callable[[], LogRecordExporter]") -> Live:
    resource = state.provider.resource
    events = Channel(semconv.LIVE_SCOPE, resource, make, _redactor, state.health)
    logs = Channel(semconv.LOG_SCOPE, resource, make, _redactor, state.health)
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
        resource=Resource.create(attributes),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_span_attributes=_MAX_ATTRIBUTES, max_events=_MAX_EVENTS),
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
    termination.forget()
    if _state is None:
        return
    for part in (*_state.batches, _state.live, _state.control):
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
