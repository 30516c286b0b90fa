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

MAX_MEMBERS: Final = 200_000
"""How many members of all collections of a value are looked at; texts count by their length."""

_CHARACTERS_PER_MEMBER: Final = 256
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


class Budget:
    """How much of a value may still be looked at, and which objects are being looked at now."""

    def __init__(self) -> None:
        self.left = MAX_MEMBERS
        self.seen: list[int] = []


def plain(value: Any, budget: Budget | None = None) -> Any:
    """Turn ``value`` into JSON types: str, int, float, bool, None, list, dict.

    Args:
        value: anything.
        budget: what several values share; default: a whole one.
    """
    return _plain(value, MAX_DEPTH, budget or Budget())


def _plain(value: Any, depth: int, budget: Budget) -> Any:  # noqa: PLR0911 - one line per type
    budget.left -= 1
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        budget.left -= min(len(value), MAX_TEXT_BYTES) // _CHARACTERS_PER_MEMBER
        return cut(str(value))
    if isinstance(value, Enum):
        return _plain(value.value, depth - 1, budget) if depth > 0 else type(value).__name__
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if id(value) in budget.seen:
        return "<cycle>"
    if depth <= 0:
        return f"<{type(value).__qualname__}, too deep>"
    budget.seen.append(id(value))
    try:
        return _structured(value, depth - 1, budget)
    except Exception as error:  # noqa: BLE001 - a user's object may do anything when looked at
        return f"<{type(value).__qualname__}: {type(error).__name__} when read>"
    finally:
        budget.seen.pop()


def _integer(value: int) -> int | str:
    return int(value) if value.bit_length() <= 63 else f"{value:#x}"  # noqa: PLR2004 - JSON readers take 64 bits


def _structured(value: Any, depth: int, budget: Budget) -> Any:  # noqa: PLR0911 - one line per type
    if isinstance(value, Mapping):
        return _mapping(value.items(), len(value), depth, budget)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _items(value, len(value), depth, budget)
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
        return _mapping(((name, getattr(value, name, None)) for name in names), len(names), depth, budget)
    return _foreign(value, depth, budget)


def _foreign(value: Any, depth: int, budget: Budget) -> Any:
    kind = type(value)
    model_dump: Callable[..., Any] | None = getattr(kind, "model_dump", None)
    if model_dump is not None:
        return _plain(model_dump(value), depth, budget)
    if {"shape", "dtype"} <= set(dir(kind)):
        return _array(value, depth, budget)
    if {"shape", "columns", "head"} <= set(dir(kind)):
        head = value.head(_MAX_ARRAY_ITEMS).to_dict(orient="records")
        return {"type": kind.__name__, "shape": list(value.shape), "head": _plain(head, depth, budget)}
    if getattr(kind, "__repr__", None) == object.__repr__ and hasattr(value, "__dict__"):
        public = {key: item for key, item in vars(value).items() if not key.startswith("_")}
        return {"type": kind.__qualname__, **_mapping(public.items(), len(public), depth, budget)}
    return cut(repr(value))


def _array(value: Any, depth: int, budget: Budget) -> Any:
    if not value.shape:
        return _plain(value.item(), depth, budget)
    flat = (
        value.head(_MAX_ARRAY_ITEMS).tolist() if hasattr(value, "head") else value.ravel()[:_MAX_ARRAY_ITEMS].tolist()
    )
    size = math.prod(value.shape)
    facts = {"type": type(value).__name__, "shape": list(value.shape), "dtype": str(value.dtype)}
    return {**facts, "values": _plain(flat, depth, budget), **({"of": size} if size > len(flat) else {})}


def _mapping(pairs: Iterable[tuple[Any, Any]], size: int, depth: int, budget: Budget) -> dict[str, Any]:
    out: dict[str, Any] = {}
    kept = 0
    for key, item in islice(pairs, MAX_ITEMS):
        if budget.left <= 0:
            break
        out[cut(str(key), 1_024)] = _plain(item, depth, budget)
        kept += 1
    if size > kept:
        out["…"] = f"{size - kept} more of {size}"
    return out


def _items(members: Iterable[Any], size: int, depth: int, budget: Budget) -> list[Any]:
    out: list[Any] = []
    for item in islice(members, MAX_ITEMS):
        if budget.left <= 0:
            break
        out.append(_plain(item, depth, budget))
    if size > len(out):
        out.append(f"… {size - len(out)} more of {size}")
    return out


def _blob(raw: bytes) -> dict[str, Any]:
    kept = raw[:_MAX_BLOB_BYTES]
    return {"type": "bytes", "base64": base64.b64encode(kept).decode(), **mark(raw, len(kept))}
