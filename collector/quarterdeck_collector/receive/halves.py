"""A request in two."""

from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.receive.otlp import Kind


def halves(kind: Kind, body: bytes) -> tuple[bytes, bytes] | None:
    """Divide a request into two of about as many spans, records or metrics; None if it has one or cannot be read."""
    try:
        count = sum(len(getattr(scoped, kind.levels[-1])) for scoped in kind.scopes(kind.request.FromString(body)))
    except DecodeError:
        return None
    if count < 2:  # noqa: PLR2004 - two halves
        return None
    return _part(kind, body, 0, count // 2), _part(kind, body, count // 2, count)


def _part(kind: Kind, body: bytes, first: int, after: int) -> bytes:
    """Give the items from ``first`` to before ``after``, with the resources and scopes that they belong to."""
    message: Any = kind.request.FromString(body)
    outer, middle, inner = kind.levels
    at = 0
    for whole in getattr(message, outer):
        for scoped in getattr(whole, middle):
            items = getattr(scoped, inner)
            size = len(items)
            del items[min(size, max(0, after - at)) :]
            del items[: min(len(items), max(0, first - at))]
            at += size
        _keep(getattr(whole, middle), inner)
    _keep(getattr(message, outer), middle)
    return bytes(message.SerializeToString())


def _keep(parts: Any, inner: str) -> None:
    for index in range(len(parts) - 1, -1, -1):
        if not getattr(parts[index], inner):
            del parts[index]
