"""Spans of runs and steps by the shortest way through OpenTelemetry's SDK.

What they carry is known when they open, so it is put on the span in one piece, and a payload that nobody can change any
more becomes JSON only when somebody reads it: as a rule the thread that exports.
"""

import threading
from typing import Any, Final, NamedTuple

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context, create_key
from opentelemetry.sdk.trace import ReadableSpan, sampling
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import Span, Tracer

from quarterdeck.capture import Late
from quarterdeck.sampling import Usual

OPENING: Final = create_key("quarterdeck-opening")
"""Where the context that a span of ours starts in holds its attributes."""

_ROOM: Final = 64
"""A tracer provider that allows fewer attributes counts them itself."""

_BLIND: Final = frozenset({Usual, sampling.StaticSampler, sampling.TraceIdRatioBased, sampling.ParentBasedTraceIdRatio})
_USUAL: Final = sampling.DEFAULT_ON
"""Samplers that do not look at attributes."""

_KNOWN: Final = frozenset({"_dict", "maxlen", "dropped", "max_value_len", "_lock", "_immutable"})
_FITS: Final = vars(BoundedAttributes()).keys() == _KNOWN
"""Whether the SDK's attributes are made as ours expect; where not, the span takes them over one by one."""


class Keys(NamedTuple):
    """How a run or step calls what its span carries."""

    input: str
    output: str
    status: str


class Attributes(BoundedAttributes):
    """Attributes of one span, of which the input and the output may be JSON only from the first look on.

    Args:
        ready: what the span carries from its start, clean; taken over.
        keys: what the rest is called.
        given: the input.
    """

    maxlen: int | None = None
    max_value_len: int | None = None
    dropped = 0
    _immutable = False
    _given: Late | None = None
    _result: Late | None = None
    adopted = False
    """Whether a span has them."""

    def __init__(self, ready: dict[str, Any], keys: Keys, given: str | Late | None = None) -> None:
        # Not the SDK's own way to begin: what is there is clean, and nobody else has it yet.
        self._ready = ready
        self._keys = keys
        self._lock = threading.Lock()
        self.weight = 0
        """About how many characters there are, besides what every span carries."""
        if type(given) is Late:
            self._given = given
            self.weight = given.weight
        elif isinstance(given, str):
            self.put(keys.input, given)

    @property
    def _dict(self) -> dict[str, Any]:  # type: ignore[override] # the SDK only reads it, through its own methods
        # Without a lock: several threads may write the same text, each before it notes that it is written.
        given, result = self._given, self._result
        if given is not None:
            self._ready[self._keys.input] = given.text()
            self._given = None
        if result is not None:
            self._ready[self._keys.output] = result.text()
            self._result = None
        return self._ready

    def _setitem_locked(self, key: str, value: Any) -> None:
        super()._setitem_locked(key, value)
        if isinstance(value, str):
            self.weight += len(value)

    def put(self, key: str, text: str) -> None:
        """Put on a text that needs no cleaning, a captured one as a rule, and count it."""
        self._ready[key] = text
        self.weight += len(text)

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

    def add(self, span: Span, key: str, text: str) -> None:
        """Put a clean text on the span whose attributes these were meant to be."""
        if self.adopted:
            self._ready[key] = text
        else:
            span.set_attribute(key, text)

    def end(self, span: Span, status: str, result: str | Late | None) -> None:
        """Put the status and, where there is one, the output on the span whose attributes these were meant to be."""
        if not self.adopted:
            if result is not None:
                span.set_attribute(self._keys.output, result if isinstance(result, str) else result.text())
            span.set_attribute(self._keys.status, status)
            return
        self._ready[self._keys.status] = status
        if type(result) is Late:
            self._result = result
            self.weight += result.weight
        elif isinstance(result, str):
            self.put(self._keys.output, result)


def clean(attributes: dict[str, Any]) -> dict[str, Any]:
    """Make attributes what OpenTelemetry allows: it says so if something is not; ``None`` values are left out."""
    return BoundedAttributes(attributes={k: v for k, v in attributes.items() if v is not None}).copy()  # type: ignore[return-value] # a dictionary


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
    found: Any = span._attributes  # noqa: SLF001 - as above
    return found if type(found) is Attributes else None
