"""Tools that Anthropic's tool runner calls by itself: the SDK's ``execute_tool`` spans, enriched, or our own."""

import functools
import importlib
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span

from quarterdeck import semconv
from quarterdeck.guard import guarded
from quarterdeck.providers import tools
from quarterdeck.providers.patching import Patches


def instrument(patches: Patches) -> None:
    """Wrap what runs a tool, where the installed SDK has it."""
    functions = _module("anthropic.lib.tools._beta_functions")
    for name, wrap in (("BetaFunctionTool", _wrap_call), ("BetaAsyncFunctionTool", _wrap_async_call)):
        if hasattr(functions, name):
            patches.wrap(getattr(functions, name), "call", wrap)
    spans = _module("anthropic.lib._tracing._tools")
    if spans is not None:
        patches.wrap(spans, "end_tool_use_span", _wrap_end)


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:  # not in this version
        return None


def _wrap_end(original: Callable[..., None]) -> Callable[..., None]:
    def end(client: Any, span: Any, given: Any, run: Any) -> None:
        with guarded("record the call of a tool"):
            if isinstance(span, Span) and span.is_recording():
                name = (span.attributes or {}).get(semconv.TOOL_NAME, "")
                span.update_name(f"{semconv.OPERATION_EXECUTE_TOOL} {name}".strip())
                tools.record_call(span, given, run.result.get("content") if run.result else None)
        original(client, span, given, run)

    return end


def _wrap_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        compute = functools.partial(original, self, *args, **kwargs)
        return tools.run(_begin(self, args, kwargs), compute, lambda error: error)

    return call


def _wrap_async_call(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        compute = functools.partial(original, self, *args, **kwargs)
        return await tools.run_async(_begin(self, args, kwargs), compute, lambda error: error)

    return call


def _begin(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tools.Execution | None:
    with guarded("start the span of a tool"):
        if _sdk_tells(trace.get_current_span()):
            return None
        given = args[0] if args else kwargs.get("input")
        return tools.Execution(str(tool.name), given, **{semconv.TOOL_DESCRIPTION: str(tool.description or "")})
    return None


def _sdk_tells(span: Any) -> bool:
    attributes = (span.attributes or {}) if isinstance(span, ReadableSpan) else {}
    scope = span.instrumentation_scope if isinstance(span, ReadableSpan) else None
    operation = attributes.get(semconv.OPERATION_NAME)
    return operation == semconv.OPERATION_EXECUTE_TOOL and scope is not None and scope.name != semconv.SCOPE
