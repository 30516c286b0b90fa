"""What objects hold, without running any of their own code and without importing the libraries they come from."""

import binascii
import dataclasses
import math
import types
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from quarterdeck.bounds import blob, cut

_MAX_ARRAY_ITEMS: Final = 100
_MAX_HASHED_PIXELS: Final = 4_000_000
_MIN_ENCODED: Final = 256
"""Shorter texts in base64 are kept: they tell more than their hash."""


class Look(Protocol):
    """How members are looked at: one level deeper, within the budget."""

    def __call__(self, value: Any) -> Any:
        """Look at one member."""

    def mapping(self, pairs: Iterable[tuple[Any, Any]], size: int) -> dict[str, Any]:
        """Look at named members."""

    def items(self, members: Iterable[Any], size: int) -> list[Any]:
        """Look at members in order."""


Describe = Callable[[Any, Look], Any]


def described(value: Any, look: Look) -> Any:
    """Describe an object that is no collection: by its library's facts, else by what it stores publicly."""
    kind = type(value)
    for base in kind.__mro__:
        describe = _KNOWN.get((str(base.__module__).partition(".")[0], base.__name__))
        if describe is not None:
            return describe(value, look)
    names = [field.name for field in dataclasses.fields(kind) if field.repr] if dataclasses.is_dataclass(kind) else None
    held = _stored(value)
    if names is not None:
        shown = {name: held[name] for name in names if name in held}
        return look.mapping(shown.items(), len(shown))
    public = {name: item for name, item in held.items() if isinstance(name, str) and not name.startswith("_")}
    return {"type": kind.__qualname__, **look.mapping(public.items(), len(public))} if public else f"<{kind.__name__}>"


def _stored(value: Any) -> dict[str, Any]:
    """Attributes that are there without asking: of the instance's dictionary and slots."""
    found: dict[str, Any] = {}
    for base in type(value).__mro__:
        for name, descriptor in vars(base).items():
            if type(descriptor) is types.MemberDescriptorType:
                try:
                    found[name] = descriptor.__get__(value)
                except AttributeError:  # a slot that nothing was put into
                    continue
    try:
        held: dict[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return found
    return found | held


def _model(value: Any, look: Look) -> Any:
    """A pydantic model: its fields and extras as they are, without serialisers."""
    fields = type(value).__pydantic_fields__
    hidden = {name for name, field in fields.items() if field.exclude or not field.repr}
    held = _stored(value)
    members = {**held, **(held.get("__pydantic_extra__") or {})}
    shown = {name: item for name, item in members.items() if name not in hidden and not name.startswith("__pydantic")}
    return look.mapping(shown.items(), len(shown))


def _array(value: Any, look: Look) -> Any:
    if not value.shape:
        return look(value.item())
    first = value.flat[:_MAX_ARRAY_ITEMS].tolist()
    return _sized(value, look, first, str(value.dtype))


def _sized(value: Any, look: Look, first: list[Any], dtype: str) -> dict[str, Any]:
    size = math.prod(value.shape)
    facts = {"type": type(value).__name__, "shape": list(value.shape), "dtype": dtype}
    return {**facts, "values": look(first), **({"of": size} if size > len(first) else {})}


def _scalar(value: Any, look: Look) -> Any:
    return look(value.item())


def _series(value: Any, look: Look) -> Any:
    return _sized(value, look, value.iloc[:_MAX_ARRAY_ITEMS].tolist(), str(value.dtype))


def _index(value: Any, look: Look) -> Any:
    return _sized(value, look, value[:_MAX_ARRAY_ITEMS].tolist(), str(value.dtype))


def _frame(value: Any, look: Look) -> Any:
    columns = value.columns[:_MAX_ARRAY_ITEMS].tolist()
    rows = value.iloc[:_MAX_ARRAY_ITEMS, :_MAX_ARRAY_ITEMS].to_numpy(dtype=object).tolist()
    facts = {"type": type(value).__name__, "shape": list(value.shape)}
    return {**facts, "columns": look(columns), "rows": look(rows)}


def _image(value: Any, _look: Look) -> Any:
    """An image of Pillow: pixels are hashed only where they are decoded already, and few."""
    facts: dict[str, Any] = {"type": type(value).__name__, "mode": value.mode, "size": list(value.size)}
    if getattr(value, "format", None):
        facts["format"] = value.format
    if not getattr(value, "tile", None) and math.prod(value.size) <= _MAX_HASHED_PIXELS:
        pixels = blob(value.tobytes())
        facts |= {"bytes": pixels["bytes"], "sha256": pixels["sha256"]}
    return facts


def _shaped(value: Any, _look: Look) -> Any:
    """A tensor, maybe on another device: only what is known without fetching it."""
    shape = [int(length) for length in value.shape]
    return {"type": type(value).__name__, "shape": shape, "dtype": str(getattr(value, "dtype", ""))}


def _written(value: Any, _look: Look) -> Any:
    return cut(str(value))


_KNOWN: Final[dict[tuple[str, str], Describe]] = {
    ("pydantic", "BaseModel"): _model,
    ("numpy", "ndarray"): _array,
    ("numpy", "generic"): _scalar,
    ("pandas", "DataFrame"): _frame,
    ("pandas", "Series"): _series,
    ("pandas", "Index"): _index,
    ("PIL", "Image"): _image,
    ("torch", "Tensor"): _shaped,
    ("polars", "DataFrame"): _shaped,
    ("decimal", "Decimal"): _written,
    ("fractions", "Fraction"): _written,
    ("ipaddress", "IPv4Address"): _written,
    ("ipaddress", "IPv6Address"): _written,
    ("uuid", "UUID"): _written,
    ("pathlib", "PurePath"): _written,
    ("datetime", "timedelta"): _written,
    ("builtins", "range"): _written,
    ("builtins", "slice"): _written,
    ("builtins", "complex"): _written,
}
"""Package and class: how its objects are described."""


def decoded(text: str) -> dict[str, Any] | None:
    """Describe a ``data:`` URL in base64; None if the text is none."""
    head, comma, _ = text[:128].partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64") or len(text) < _MIN_ENCODED:
        return None
    return encoded(text[len(head) + 1 :], head[5:].partition(";")[0])


def encoded(text: Any, media: Any) -> dict[str, Any] | None:
    """Describe binary data written in base64; None if they are too short to matter, or something else.

    Args:
        text: the data.
        media: their media type.
    """
    if not isinstance(text, str) or len(text) < _MIN_ENCODED or not isinstance(media, str):
        return None
    try:
        return blob(binascii.a2b_base64(text), media)
    except ValueError:
        return None
