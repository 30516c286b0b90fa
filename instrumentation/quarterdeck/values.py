"""Any Python object as a bounded JSON string; never raises, never runs away."""

import base64
import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

MAX_VALUE_BYTES: Final = 1_048_576
"""Cap of one whole captured value, in UTF-8 bytes of its JSON."""

MAX_TEXT_BYTES: Final = 262_144
"""Cap of one text inside a captured value, in UTF-8 bytes."""

MAX_ITEMS: Final = 1_000
"""How many members of one collection are kept."""

MAX_DEPTH: Final = 12
"""How deep nested collections are followed."""

_MAX_BLOB_BYTES: Final = 1_024
_MAX_ARRAY_ITEMS: Final = 100


def to_json(value: Any, limit: int = MAX_VALUE_BYTES) -> str:
    """Write ``value`` as JSON of at most about ``limit`` bytes.

    A longer value becomes ``{"quarterdeck.truncated": {"kept_bytes", "original_bytes", "sha256"}, "text": …}``.

    Args:
        value: anything; unknown objects are described by their attributes or ``repr``.
        limit: size cap in UTF-8 bytes.
    """
    return bounded(dump(plain(value)), limit)


def dump(value: Any) -> str:
    """Write a value made of plain JSON types, compactly, with non-ASCII text kept readable."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def bounded(text: str, limit: int = MAX_VALUE_BYTES) -> str:
    """Keep JSON ``text`` if it fits, else replace it by a marker object that holds its beginning."""
    raw = text.encode("utf-8", "replace") if len(text) * 4 > limit else b""
    if len(raw) <= limit:
        return text
    kept = raw[:limit].decode("utf-8", "ignore")
    return dump({"quarterdeck.truncated": mark(raw, len(kept.encode())), "text": kept})


def cut(text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """Keep ``text`` if it fits, else its beginning followed by a visible marker."""
    if len(text) * 4 <= limit:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text
    kept = raw[:limit].decode("utf-8", "ignore")
    facts = mark(raw, len(kept.encode()))
    return (
        f"{kept}…[truncated: kept {facts['kept_bytes']} of {facts['original_bytes']} bytes, sha256 {facts['sha256']}]"
    )


def mark(raw: bytes, kept: int) -> dict[str, Any]:
    """Describe what was cut: kept bytes, original bytes, hash of the original."""
    return {"kept_bytes": kept, "original_bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def fingerprint(text: str) -> str:
    """Stand in for a text that may not be captured: its hash and size."""
    raw = text.encode("utf-8", "replace")
    return f"sha256:{hashlib.sha256(raw).hexdigest()} ({len(raw)} bytes)"


def plain(value: Any) -> Any:
    """Turn ``value`` into JSON types: str, int, float, bool, None, list, dict."""
    return _plain(value, MAX_DEPTH, ())


def _plain(value: Any, depth: int, seen: tuple[int, ...]) -> Any:  # noqa: PLR0911 - one line per type
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return cut(str(value))
    if isinstance(value, Enum):
        return _plain(value.value, depth - 1, seen) if depth > 0 else type(value).__name__
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if id(value) in seen:
        return "<cycle>"
    if depth <= 0:
        return f"<{type(value).__qualname__}, too deep>"
    try:
        return _structured(value, depth - 1, (*seen, id(value)))
    except Exception as error:  # noqa: BLE001 - a user's object may do anything when looked at
        return f"<{type(value).__qualname__}: {type(error).__name__} when read>"


def _integer(value: int) -> int | str:
    return int(value) if value.bit_length() <= 63 else f"{value:#x}"  # noqa: PLR2004 - JSON readers take 64 bits


def _structured(value: Any, depth: int, seen: tuple[int, ...]) -> Any:  # noqa: PLR0911 - one line per type
    if isinstance(value, Mapping):
        return _mapping(value.items(), len(value), depth, seen)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _items(value, len(value), depth, seen)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _blob(bytes(value))
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (timedelta, PurePath, UUID)):
        return str(value)
    if isinstance(value, BaseException):
        return {"type": type(value).__qualname__, "message": cut(str(value))}
    if isinstance(value, type) or callable(value):
        return f"<{getattr(value, '__qualname__', type(value).__qualname__)}>"
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.repr]
        return _mapping(((name, getattr(value, name, None)) for name in names), len(names), depth, seen)
    return _foreign(value, depth, seen)


def _foreign(value: Any, depth: int, seen: tuple[int, ...]) -> Any:
    kind = type(value)
    model_dump: Callable[..., Any] | None = getattr(kind, "model_dump", None)
    if model_dump is not None:
        return _plain(model_dump(value), depth, seen)
    if {"shape", "dtype"} <= set(dir(kind)):
        return _array(value, depth, seen)
    if {"shape", "columns", "head"} <= set(dir(kind)):
        head = value.head(_MAX_ARRAY_ITEMS).to_dict(orient="records")
        return {"type": kind.__name__, "shape": list(value.shape), "head": _plain(head, depth, seen)}
    if getattr(kind, "__repr__", None) == object.__repr__ and hasattr(value, "__dict__"):
        public = {key: item for key, item in vars(value).items() if not key.startswith("_")}
        return {"type": kind.__qualname__, **_mapping(public.items(), len(public), depth, seen)}
    return cut(repr(value))


def _array(value: Any, depth: int, seen: tuple[int, ...]) -> Any:
    if not value.shape:
        return _plain(value.item(), depth, seen)
    flat = (
        value.head(_MAX_ARRAY_ITEMS).tolist() if hasattr(value, "head") else value.ravel()[:_MAX_ARRAY_ITEMS].tolist()
    )
    size = math.prod(value.shape)
    facts = {"type": type(value).__name__, "shape": list(value.shape), "dtype": str(value.dtype)}
    return {**facts, "values": _plain(flat, depth, seen), **({"of": size} if size > len(flat) else {})}


def _mapping(pairs: Iterable[tuple[Any, Any]], size: int, depth: int, seen: tuple[int, ...]) -> dict[str, Any]:
    out = {cut(str(key), 1_024): _plain(item, depth, seen) for key, item in islice(pairs, MAX_ITEMS)}
    if size > MAX_ITEMS:
        out["…"] = f"{size - MAX_ITEMS} more of {size}"
    return out


def _items(members: Iterable[Any], size: int, depth: int, seen: tuple[int, ...]) -> list[Any]:
    out = [_plain(item, depth, seen) for item in islice(members, MAX_ITEMS)]
    if size > MAX_ITEMS:
        out.append(f"… {size - MAX_ITEMS} more of {size}")
    return out


def _blob(raw: bytes) -> dict[str, Any]:
    kept = raw[:_MAX_BLOB_BYTES]
    return {"type": "bytes", "base64": base64.b64encode(kept).decode(), **mark(raw, len(kept))}
