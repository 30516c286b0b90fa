"""Any Python object as a bounded JSON string; never raises, never runs away, never runs the object's own code.

What is kept is what is stored: items of collections, fields, attributes. Properties, ``repr`` and lazy things are left
alone, whatever they would say: they may ask a database, or a model.
"""

import array
import collections
import functools
import math
import mmap
import re
import types
from collections.abc import Iterable
from datetime import date, time
from enum import Enum
from itertools import islice
from typing import Any, Final

from quarterdeck.bounds import MAX_TEXT_BYTES, MAX_VALUE_BYTES, blob, bounded, cut, dump, fingerprint, mark
from quarterdeck.objects import decoded, described, encoded

__all__ = [
    "MAX_DEPTH",
    "MAX_ITEMS",
    "MAX_MEMBERS",
    "MAX_TEXT_BYTES",
    "MAX_VALUE_BYTES",
    "Budget",
    "bounded",
    "cut",
    "dump",
    "fingerprint",
    "mark",
    "plain",
    "to_json",
]

MAX_ITEMS: Final = 1_000
"""How many members of one collection are kept."""

MAX_DEPTH: Final = 12
"""How deep nested collections are followed."""

MAX_MEMBERS: Final = 200_000
"""How many members of all collections of a value are looked at; texts count by their length."""

_CHARACTERS_PER_MEMBER: Final = 256
_MAX_KEY_BYTES: Final = 1_024
_WORD_BITS: Final = 63
"""JSON readers take integers of 64 bits."""

_READY: Final = frozenset({bool, types.NoneType})
_NUMBERS: Final = frozenset({int, float})
_DICTIONARIES: Final = (types.MappingProxyType, collections.ChainMap, collections.UserDict)
_LISTS: Final[tuple[type, ...]] = (
    list,
    tuple,
    set,
    frozenset,
    collections.deque,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)
_BUFFERS: Final = (bytes, bytearray, memoryview, array.array, mmap.mmap)
_NAMED: Final = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    functools.partial,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
)
_SECRET_NAME: Final = re.compile(
    r"(?:.*[_-])?(?:password|passwd|secret|secret_key|api_?key|access_key|private_key|authorization|credentials?"
    r"|(?:access|auth|refresh|bearer|api)_?token)",
    re.IGNORECASE,
)
_MEDIA_KEYS: Final = ("media_type", "mime_type", "mimeType")


def to_json(value: Any, limit: int = MAX_VALUE_BYTES) -> str:
    """Write ``value`` as JSON of at most about ``limit`` bytes.

    A longer value becomes ``{"quarterdeck.truncated": {"kept_bytes", "original_bytes", "sha256"}, "text": …}``.

    Args:
        value: anything; unknown objects are described by their public attributes.
        limit: size cap in UTF-8 bytes.
    """
    return bounded(dump(plain(value)), limit)


class Budget:
    """How much of a value may still be looked at, and which objects are being looked at now."""

    __slots__ = ("left", "seen")

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
    kind = type(value)  # never isinstance: it asks a stand-in for its class, and so wakes lazy objects
    budget.left -= 1
    if kind is str:
        budget.left -= min(len(value), MAX_TEXT_BYTES) // _CHARACTERS_PER_MEMBER
        return cut(value) if value[:5] != "data:" else decoded(value) or cut(value)
    if kind in _READY:
        return value
    if kind in _NUMBERS:
        return _number(value)
    if issubclass(kind, Enum):
        return _plain(value._value_, depth - 1, budget) if depth > 0 else kind.__name__
    for base in (str, int, float):
        if issubclass(kind, base):
            return _plain(_bare(value, base), depth, budget)
    if id(value) in budget.seen:
        return "<cycle>"
    if depth <= 0:
        return f"<{kind.__qualname__}, too deep>"
    budget.seen.append(id(value))
    try:
        return _structured(value, kind, _Looking(depth - 1, budget))
    except Exception as error:  # noqa: BLE001 - a user's object may do anything when looked at
        return f"<{kind.__qualname__}: {type(error).__name__} when read>"
    finally:
        budget.seen.pop()


def _number(value: Any) -> int | float | str:
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    whole: int = value
    return whole if whole.bit_length() <= _WORD_BITS else f"{whole:#x}"


def _bare(value: Any, base: type) -> Any:
    """The text or number inside an instance of a subclass, whatever that makes of ``str()`` or ``int()``."""
    if base is str:
        return str.__str__(value)
    return int.__int__(value) if base is int else float.__float__(value)


def _structured(value: Any, kind: type, look: "_Looking") -> Any:  # noqa: PLR0911 - one line per type
    if issubclass(kind, dict):
        return _dictionary(value, look)
    if issubclass(kind, _LISTS):
        return _members(value, kind, look)
    if issubclass(kind, _BUFFERS):
        return blob(value)
    if issubclass(kind, _DICTIONARIES):
        return look.mapping(value.items(), len(value))
    if issubclass(kind, (date, time)):
        return value.isoformat()
    if issubclass(kind, BaseException):
        return {"type": kind.__qualname__, "message": cut(str(value))}
    if issubclass(kind, type):
        return f"<{type.__getattribute__(value, '__qualname__')}>"
    if issubclass(kind, _NAMED):
        return _named(value, kind)
    return described(value, look)


def _members(value: Any, kind: type, look: "_Looking") -> Any:
    if issubclass(kind, list):
        return look.items(list.__iter__(value), list.__len__(value))
    if issubclass(kind, tuple) and "_fields" in vars(kind):
        return look.mapping(zip(vars(kind)["_fields"], tuple.__iter__(value), strict=False), tuple.__len__(value))
    return look.items(value, len(value))


def _named(value: Any, kind: type) -> str:
    if kind is functools.partial:
        return f"<partial of {_named(value.func, type(value.func))}>"
    what = "" if callable(value) else f"{kind.__name__} "
    return f"<{what}{getattr(value, '__qualname__', kind.__name__)}>"


class _Looking:
    """How members are looked at: one level deeper, within the budget.

    Args:
        depth: how many levels may follow.
        budget: what the whole value may still cost.
    """

    __slots__ = ("_budget", "_depth")

    def __init__(self, depth: int, budget: Budget) -> None:
        self._depth = depth
        self._budget = budget

    def __call__(self, value: Any) -> Any:
        return _plain(value, self._depth, self._budget)

    def mapping(self, pairs: Iterable[tuple[Any, Any]], size: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        kept = 0
        for key, item in islice(pairs, MAX_ITEMS):
            if self._budget.left <= 0:
                break
            name = key if type(key) is str and len(key) < _MAX_KEY_BYTES else self._name(key)
            out[name] = _plain(item, self._depth, self._budget)
            if isinstance(out[name], str) and _is_secret(name):
                out[name] = "[redacted:named_secret]"
            kept += 1
        if size > kept:
            out["…"] = f"{size - kept} more of {size}"
        return out

    def items(self, members: Iterable[Any], size: int) -> list[Any]:
        out: list[Any] = []
        for item in islice(members, MAX_ITEMS):
            if self._budget.left <= 0:
                break
            out.append(_plain(item, self._depth, self._budget))
        if size > len(out):
            out.append(f"… {size - len(out)} more of {size}")
        return out

    def _name(self, key: Any) -> str:
        shown = _plain(key, self._depth, self._budget)
        return cut(shown if isinstance(shown, str) else dump(shown), _MAX_KEY_BYTES)


@functools.lru_cache(maxsize=4_096)
def _is_secret(name: str) -> bool:
    """Whether a text under this name is better not told, whatever it looks like: ``password``, ``api_key``."""
    return _SECRET_NAME.fullmatch(name) is not None


def _dictionary(value: dict[Any, Any], look: _Looking) -> dict[str, Any]:
    out = look.mapping(dict.items(value), dict.__len__(value))
    if "data" in out or "content" in out:
        media = next((out[key] for key in _MEDIA_KEYS if key in out), None)
        for key in ("data", "content"):
            described_data = encoded(dict.get(value, key), media)
            if described_data is not None:
                out[key] = described_data
    return out
