"""Change data without a model: the operations of ``data_transform``."""

import functools
from collections.abc import Callable
from typing import Any, Final

from quarterdeck_runner.conditions import Lookup, compute, holds
from quarterdeck_runner.expressions import ExpressionError, Segment, path_of
from quarterdeck_runner.scope import parsed_json, walk
from quarterdeck_runner.spec import Operation, Transform
from quarterdeck_runner.template import as_text, render_value, source_tree


def transformed(transform: Transform, lookup: Lookup) -> Any:
    """Give the result of a transformation.

    Args:
        transform: what to do.
        lookup: gives the values of the run.

    Raises:
        ExpressionError: the data are not what an operation needs; the message says what it needs.
    """
    data = data_of(transform.source, lookup)
    for number, operation in enumerate(transform.operations, 1):
        try:
            data = _OPERATIONS[operation.kind](data, operation, lookup)
        except ExpressionError as error:
            raise ExpressionError(f"operation {number}, {operation.kind}: {error}") from error
    return data


def data_of(source: Any, lookup: Lookup) -> Any:
    """The data that a source names; JSON in a text is read.

    Args:
        source: a value, or the text of an expression.
        lookup: gives the values of the run.

    Raises:
        ExpressionError: there is no such value.
    """
    value = compute(source_tree(source), lookup) if isinstance(source, str) else render_value(source, lookup)
    if isinstance(value, str):
        found = parsed_json(value)
        return value if found is None else found
    return value


def _filter(data: Any, operation: Operation, lookup: Lookup) -> Any:
    def fits(item: Any) -> bool:
        def own(path: tuple[Segment, ...]) -> Any:
            if path[0] == "item":
                return walk(item, path[1:])
            try:
                return walk(item, path)
            except ExpressionError:
                # A field that this item lacks is no value; anything else belongs to the run.
                return lookup(path) if path[0] in _ROOTS else None

        return holds(operation.options["condition"], own)

    return _on_list(data, operation, lambda items, _: [item for item in items if fits(item)])


def _map(data: Any, operation: Operation, _: Lookup) -> Any:
    mapping = operation.options.get("mapping") or {}
    case = {"uppercase": str.upper, "lowercase": str.lower}.get(operation.options.get("expression", ""))

    def new(value: Any) -> Any:
        if isinstance(value, list):
            return [new(each) for each in value]
        if case is not None:
            return case(value) if isinstance(value, str) else value
        return mapping.get(value if isinstance(value, str) else as_text(value), value)

    def one(item: Any, path: tuple[Segment, ...]) -> Any:
        if not path:
            return new(item)
        return _put(item, path, new(walk(item, path))) if _has(item, path) else item

    return _on_list(data, operation, lambda items, path: [one(item, path) for item in items])


def _aggregate(data: Any, operation: Operation, _: Lookup) -> Any:
    items, path, _put_back = _located(data, operation)
    values = [walk(item, path) for item in items if _has(item, path)]
    return _AGGREGATES[operation.options["function"]](values)


def _join(data: Any, operation: Operation, lookup: Lookup) -> Any:
    left = operation.options["left_field"]
    right = data_of(operation.options["right_source"], lookup)
    if not isinstance(right, list):
        raise ExpressionError("`right_source` must give a list")
    # In a map, `left_field` is its list; in a list, the field of its items that is compared.
    named = isinstance(data, dict)
    key = str(operation.options.get("join_key") or left)
    own = path_of(key if named else left)
    other = path_of(str(operation.options.get("right_field") or key))
    found = {_key(walk(item, other)): item for item in reversed(right) if _has(item, other)}

    def joined(items: list[Any], _: tuple[Segment, ...]) -> list[Any]:
        matches = [found.get(_key(walk(item, own))) if _has(item, own) else None for item in items]
        return [
            {**match, **item} if isinstance(match, dict) and isinstance(item, dict) else item
            for item, match in zip(items, matches, strict=True)
        ]

    return _on_list(data, Operation("join", {"field": left if named else ""}), joined)


def _group(data: Any, operation: Operation, _: Lookup) -> Any:
    items, path, _put_back = _located(data, operation)
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(_key(walk(item, path)) if _has(item, path) else "null", []).append(item)
    return groups


def _sort(data: Any, operation: Operation, _: Lookup) -> Any:
    def ordered(items: list[Any], path: tuple[Segment, ...]) -> list[Any]:
        with_value = [item for item in items if _has(item, path) and walk(item, path) is not None]
        without = [item for item in items if not (_has(item, path) and walk(item, path) is not None)]
        values = [walk(item, path) for item in with_value]
        if not (all(isinstance(value, str) for value in values) or all(_is_number(value) for value in values)):
            raise ExpressionError("numbers and texts cannot be put into one order")
        reverse = operation.options.get("order") == "desc"
        return sorted(with_value, key=lambda item: walk(item, path), reverse=reverse) + without

    return _on_list(data, operation, ordered)


Change = Callable[[list[Any], tuple[Segment, ...]], Any]


def _on_list(data: Any, operation: Operation, change: Change) -> Any:
    items, path, put_back = _located(data, operation)
    return put_back(change(items, path))


def _located(data: Any, operation: Operation) -> tuple[list[Any], tuple[Segment, ...], Callable[[Any], Any]]:
    """The list that an operation works on, the field of its items, and how a new list takes its place."""
    path = path_of(str(operation.options.get("field") or ""))
    for length in range(len(path) + 1):
        before, rest = path[:length], path[length:]
        found = walk(data, before) if _has(data, before) else None
        if isinstance(found, list):
            return found, rest, functools.partial(_put, data, before)
    field = operation.options.get("field")
    raise ExpressionError(f"a list was expected{f' in {field!r}' if field else ''}, not {as_text(data)[:60]}")


def _put(data: Any, path: tuple[Segment, ...], value: Any) -> Any:
    """The data with another value at a path; what was given stays as it is."""
    if not path:
        return value
    copied: Any = dict(data) if isinstance(data, dict) else list(data)
    copied[path[0]] = _put(copied[path[0]], path[1:], value)
    return copied


def _has(data: Any, path: tuple[Segment, ...]) -> bool:
    try:
        walk(data, path)
    except ExpressionError:
        return False
    return True


def _key(value: Any) -> str:
    return value if isinstance(value, str) else as_text(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(values: list[Any]) -> list[int | float]:
    wrong = [value for value in values if not _is_number(value)]
    if wrong or not values:
        raise ExpressionError(f"{as_text(wrong[0])[:60]} is no number" if wrong else "there is no value")
    return values


def _unique(values: list[Any]) -> list[Any]:
    return list({_key(value): value for value in values}.values())


_ROOTS: Final = ("steps", "inputs", "state", "variables", "global_vars", "loop", "env", "workflow")
_AGGREGATES: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "sum": lambda values: sum(_numbers(values)) if values else 0,
    "average": lambda values: sum(_numbers(values)) / len(values),
    "count": len,
    "min": lambda values: min(_numbers(values)),
    "max": lambda values: max(_numbers(values)),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "unique": _unique,
}
_OPERATIONS: Final[dict[str, Callable[[Any, Operation, Lookup], Any]]] = {
    "filter": _filter,
    "map": _map,
    "aggregate": _aggregate,
    "join": _join,
    "group_by": _group,
    "sort": _sort,
}
