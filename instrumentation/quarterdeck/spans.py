"""Spans of runs and steps by the shortest way through OpenTelemetry's SDK.

What they carry is known when they open, so it is put on the span in one piece, and a payload that nobody can change any
more becomes JSON only when somebody reads it: as a rule the thread that exports.
"""

import threading
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context, create_key
from opentelemetry.sdk.trace import ReadableSpan, sampling
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import Span, Tracer

from quarterdeck.capture import Capture, Late

OPENING: Final = create_key("quarterdeck-opening")
"""Where the context that a span of ours starts in holds its attributes."""

_ROOM: Final = 64
"""A tracer provider that allows fewer attributes counts them itself."""

_BLIND: Final = frozenset({sampling.StaticSampler, sampling.TraceIdRatioBased, sampling.ParentBasedTraceIdRatio})
_USUAL: Final = sampling.DEFAULT_ON
"""Samplers that do not look at attributes."""

_KNOWN: Final = frozenset({"_dict", "maxlen", "dropped", "max_value_len", "_lock", "_immutable"})
_FITS: Final = vars(BoundedAttributes()).keys() == _KNOWN
"""Whether the SDK's attributes are made as ours expect; where not, the span takes them over one by one."""


class Attributes(BoundedAttributes):
    """Attributes of one span, of which the input and the output may be JSON only from the first look on.

    Args:
        ready: what the span carries from its start; taken over.
        key: name of the input.
        given: the input.
    """

    maxlen: int | None = None
    max_value_len: int | None = None
    dropped = 0
    _immutable = False
    _given: Late | None = None
    _result: Late | None = None
    _output_key = ""
    adopted = False
    """Whether a span has them."""

    def __init__(self, ready: dict[str, Any], key: str = "", given: str | Late | None = None) -> None:
        # Not the SDK's own way to begin: what is there is clean, and nobody else has it yet.
        self._ready = ready
        self._lock = threading.Lock()
        self._input_key = key
        self.weight = 0
        if type(given) is Late:
            self._given = given
            self.weight = given.weight
        elif given is not None:
            self.add(key, given)

    @property
    def _dict(self) -> dict[str, Any]:  # type: ignore[override] # the SDK only reads it, through its own methods
        # Without a lock: several threads may write the same text, each before it notes that it is written.
        given, result = self._given, self._result
        if given is not None:
            self._ready[self._input_key] = given.text()
            self._given = None
        if result is not None:
            self._ready[self._output_key] = result.text()
            self._result = None
        return self._ready

    def adopt(self, span: SdkSpan) -> None:
        """Become the attributes of ``span``, which starts, unless its provider limits them."""
        before = span._attributes  # noqa: SLF001 - the SDK has no public way in
        if self.adopted or not _FITS or type(before) is not BoundedAttributes or before.max_value_len is not None:
            return
        if before.maxlen is not None and before.maxlen < _ROOM:
            return
        self.maxlen = before.maxlen
        if before:
            self._ready = {**before.copy(), **self._ready}
        span._attributes = self  # noqa: SLF001 - as above
        self.adopted = True

    def _setitem_locked(self, key: str, value: Any) -> None:
        if type(value) is str:
            self.weight += len(value)
        super()._setitem_locked(key, value)

    def add(self, key: str, text: str) -> None:
        """Put on what needs no cleaning."""
        self._ready[key] = text
        self.weight += len(text)

    def end(self, span: Span, keys: tuple[str, str], status: str, result: str | Late | None) -> None:
        """Put on the status and, where there is one, the output.

        Args:
            span: whose end it is, with these or with attributes of its own.
            keys: names of the status and of the output.
            status: how it ended.
            result: the output.
        """
        status_key, output_key = keys
        if self.adopted:
            self._ready[status_key] = status
            if type(result) is Late:
                self._output_key, self._result = output_key, result
                self.weight += result.weight
            elif result is not None:
                self.add(output_key, result)
            return
        if result is not None:
            span.set_attribute(output_key, result if isinstance(result, str) else result.text())
        span.set_attribute(status_key, status)


def begin(tracer: Tracer, name: str, around: Context, attributes: Attributes) -> Span:
    """Start a span that brings its own identity along.

    Args:
        tracer: whose.
        name: its name.
        around: the context that it starts in.
        attributes: what it carries; its own from now on.
    """
    sampler = getattr(tracer, "sampler", None)
    blind = sampler is _USUAL or type(sampler) in _BLIND
    span = tracer.start_span(
        name, Context({**around, OPENING: attributes}), attributes=None if blind else attributes.copy()
    )
    if not attributes.adopted:
        span.set_attributes(attributes.copy())
    return span


def own(span: ReadableSpan) -> Attributes | None:
    """The attributes of a span of ours; None for any other."""
    found = span._attributes  # noqa: SLF001 - as above
    return found if type(found) is Attributes else None
