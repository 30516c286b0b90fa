"""JSON Schemas of answers: whether one is right, and whether a value fits it."""

from collections.abc import Mapping
from typing import Any


class SchemaError(Exception):
    """A schema is none, or a value does not fit; the message says where and why."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """See whether a schema is one.

    Raises:
        SchemaError: it is not.
    """
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaError(_said(error)) from error


def check_value(schema: Mapping[str, Any], value: Any) -> None:
    """See whether a value fits a schema.

    Raises:
        SchemaError: it does not, or the schema refers to something that is not in it.
    """
    import jsonschema
    import referencing
    import referencing.exceptions

    # The registry is empty: a schema never makes this process fetch an address.
    validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
    try:
        error = next(iter(sorted(validator.iter_errors(value), key=lambda each: list(map(str, each.path)))), None)
    except referencing.exceptions.Unresolvable as unknown:
        raise SchemaError(f"the schema refers to {unknown.ref}, which is not in it") from unknown
    if error is not None:
        raise SchemaError(_said(error))


def _said(error: Any) -> str:
    path = ".".join(map(str, error.absolute_path))
    message = error.message if len(error.message) <= 200 else f"{error.message[:199]}…"  # noqa: PLR2004 - one line
    return f"'{path}': {message}" if path else message
