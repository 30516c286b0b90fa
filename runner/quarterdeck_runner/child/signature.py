"""Inputs of a function from its type hints: as a JSON Schema for whoever starts it, as Python values for itself."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

_NOT_BY_NAME: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


class SignatureError(Exception):
    """The function cannot be called with named JSON values; the message says why."""


class InputsError(Exception):
    """Values do not fit the function; the message says each."""


def schema_of(fn: Callable[..., Any]) -> dict[str, Any]:
    """JSON Schema of the inputs.

    Raises:
        SignatureError: they cannot be described.
    """
    parameters = _parameters(fn)
    adapters = {name: _adapter(fn, name, hint) for name, (hint, _) in parameters.items()}
    try:
        found, shared = TypeAdapter.json_schemas([(name, "validation", each) for name, each in adapters.items()])
    except PydanticUserError as error:
        raise SignatureError(f"an input of {fn.__name__} has no JSON form: {error.message.splitlines()[0]}") from error
    properties: dict[str, Any] = {}
    for name, (_, default) in parameters.items():
        properties[name] = {**found[name, "validation"], **_default(default)}
    required = [name for name, (_, default) in parameters.items() if default is inspect.Parameter.empty]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**schema, **{key: value for key, value in shared.items() if key == "$defs"}}


def arguments(fn: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Make the values that a function is called with.

    Args:
        fn: the function.
        given: JSON values by name.

    Raises:
        InputsError: they do not fit.
    """
    made, problems = {}, []
    parameters = _parameters(fn)
    for name, value in given.items():
        if name not in parameters:
            problems.append(f"there is no input '{name}'")
            continue
        try:
            made[name] = _adapter(fn, name, parameters[name][0]).validate_python(value)
        except ValidationError as error:
            problems += [_problem(name, each["loc"], each["msg"]) for each in error.errors()]
    if problems:
        raise InputsError("; ".join(problems))
    return made


def _parameters(fn: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Type hint and default of each parameter."""
    plain = inspect.unwrap(fn)
    try:
        hints = typing.get_type_hints(plain, include_extras=True)
    except (NameError, TypeError) as error:
        raise SignatureError(f"the type hints of {fn.__name__} cannot be read: {error}") from error
    found = {}
    for parameter in inspect.signature(plain).parameters.values():
        if parameter.kind in _NOT_BY_NAME:
            raise SignatureError(f"the parameter '{parameter}' of {fn.__name__} cannot be given by name: make it one")
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            found[parameter.name] = (hints.get(parameter.name, Any), parameter.default)
    return found


def _adapter(fn: Callable[..., Any], name: str, hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint)
    except PydanticSchemaGenerationError as error:
        raise SignatureError(
            f"the parameter '{name}' of {fn.__name__} is a {getattr(hint, '__name__', hint)}, which has no JSON form: "
            "use str, int, float, bool, list, dict, Literal, an Enum, a dataclass or a pydantic model"
        ) from error


def _problem(name: str, place: tuple[int | str, ...], message: str) -> str:
    return f"input '{'.'.join(map(str, (name, *place)))}': {message}"


def _default(default: Any) -> dict[str, Any]:
    if default is inspect.Parameter.empty:
        return {}
    try:
        return {"default": to_jsonable_python(default)}
    except ValueError:
        # The function knows its default; only nobody can be shown it.
        return {}
