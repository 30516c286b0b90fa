"""The inputs of a pipeline as fields of a form, and what the form holds as inputs of a run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_types import Input

_ONE_LINE: Final = 80
"""Characters that fit on one line of a dialog."""

_AS_JSON: Final = frozenset({"object", "array", "list", "json"})


def draw(fields: Sequence[Input], key: str = "") -> dict[str, Any]:
    """Draw a field for each input and give what they hold, by name.

    Args:
        fields: The inputs.
        key: Beginning of the keys of the fields, where a page has several forms.
    """
    return {field["name"]: _widget(field, f"{key}-{field['name']}" if key else None) for field in fields}


def inputs_of(fields: Sequence[Input], raw: Mapping[str, Any]) -> dict[str, Any]:
    """What the form holds as inputs of a run; an empty optional field is left out.

    Raises:
        ValueError: a required field is empty, or one that must be JSON is not.
    """
    inputs: dict[str, Any] = {}
    for field in fields:
        name, value = field["name"], raw.get(field["name"])
        if value is None or value == "":
            if field.get("required"):
                raise ValueError(f"{name} needs a value")
            continue
        inputs[name] = parsed(name, value) if field.get("type") in _AS_JSON else value
    return inputs


def parsed(name: str, text: str) -> Any:
    """The value of a field that must be JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} must be JSON: {error}") from error


def _widget(field: Input, key: str | None) -> Any:
    label = field["name"] + (" *" if field.get("required") else "")
    hint, default = field.get("description") or None, field.get("default")
    match field.get("type"):
        case "boolean":
            return st.checkbox(label, value=bool(default), help=hint, key=key)
        case "integer":
            return st.number_input(
                label, value=default if isinstance(default, int) else None, step=1, help=hint, key=key
            )
        case "number":
            return st.number_input(label, value=float(default) if default is not None else None, help=hint, key=key)
        case kind if kind in _AS_JSON:
            text = "" if default is None else json.dumps(default, indent=2)
            return st.text_area(label, value=text, help=hint, key=key)
        case _:
            text = "" if default is None else str(default)
            draw_text = st.text_area if len(text) > _ONE_LINE or "\n" in text else st.text_input
            return draw_text(label, value=text, help=hint, key=key)
