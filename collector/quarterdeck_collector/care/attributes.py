"""Attribute values back from their text and the letter of their type (see ``schema/0002_any_value.sql``)."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

_NUMBER_OR_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?\b(?:nan|inf)\b')
_CONSTANTS: Final = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def fill(holder: Any, pairs: Iterable[Sequence[str]], letters: str) -> None:
    """Append attributes to ``holder``, a repeated field of ``KeyValue``.

    Args:
        holder: Where they go.
        pairs: Key and text of each.
        letters: One per pair, as the tables keep them; missing ones mean string.
    """
    for number, (key, text) in enumerate(pairs):
        pair = holder.add(key=key)
        pair.value.SetInParent()
        set_value(pair.value, text, letters[number : number + 1])


def set_value(value: Any, text: str, letter: str) -> None:
    """Fill an OTLP ``AnyValue``; text that its letter does not fit stays a string."""
    try:
        _SETTERS.get(letter, _set_string)(value, text)
    except (ValueError, RecursionError):  # written by someone who does not keep to the letters
        value.string_value = text


def _set_string(value: Any, text: str) -> None:
    value.string_value = text


def _set_bool(value: Any, text: str) -> None:
    value.bool_value = text == "true"


def _set_int(value: Any, text: str) -> None:
    value.int_value = int(text)


def _set_double(value: Any, text: str) -> None:
    value.double_value = float(text)


def _set_bytes(value: Any, text: str) -> None:
    value.bytes_value = base64.b64decode(text, validate=True)


def _set_json(value: Any, text: str) -> None:
    _set_plain(value, _parse(text))


def _set_nothing(value: Any, text: str) -> None:
    if text:
        raise ValueError(text)
    value.Clear()


_SETTERS: Final[dict[str, Callable[[Any, str], None]]] = {
    "s": _set_string,
    "b": _set_bool,
    "i": _set_int,
    "d": _set_double,
    "x": _set_bytes,
    "a": _set_json,
    "j": _set_json,
    "?": _set_nothing,
}


def _parse(text: str) -> Any:
    """Read JSON in which ClickHouse may have written nan and inf as numbers."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_NUMBER_OR_TEXT.sub(lambda found: _CONSTANTS.get(found[0], found[0]), text))


def _set_plain(value: Any, plain: Any) -> None:
    if isinstance(plain, bool):
        value.bool_value = plain
    elif isinstance(plain, int):
        value.int_value = plain
    elif isinstance(plain, float):
        value.double_value = plain
    elif isinstance(plain, str):
        value.string_value = plain
    elif isinstance(plain, list):
        value.array_value.SetInParent()
        for item in plain:
            _set_plain(value.array_value.values.add(), item)
    elif isinstance(plain, dict):
        value.kvlist_value.SetInParent()
        for key, item in plain.items():
            pair = value.kvlist_value.values.add(key=key)
            pair.value.SetInParent()
            _set_plain(pair.value, item)
