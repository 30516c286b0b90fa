"""What calls took and asked, step by step: the evidence of suggestions."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final, TypeVar

from quarterdeck_ui.queries.store import Row, Store
from quarterdeck_ui.scope import Scope

_STEPS: Final = 200
_PROMPTS: Final = 4000
_EACH: Final = 12
_PARTS: Final = 600

Where = tuple[str, str, str]
"""Pipeline, step and model."""
Call = tuple[str, str]
"""Run and span; empty texts where there is none."""


@dataclass(frozen=True, slots=True)
class StepUse:
    """What the calls of a step took; costs in USD, rates in USD per million tokens."""

    where: Where
    calls: int
    cost: float
    tokens_in: int
    cache_read: int
    cut: int
    cut_cost: float
    cut_call: Call
    failed: int
    failed_cost: float
    failed_seconds: float
    failed_runs: int
    failed_call: Call
    input_rate: float
    cache_read_rate: float


@dataclass(frozen=True, slots=True)
class StepPrompts:
    """What the newest calls of a step asked: ``first`` and ``last`` in the order of texts, and their mean length."""

    where: Where
    calls: int
    repeats: int
    repeat_cost: float
    repeated_call: Call
    most_asked: int
    first: str
    last: str
    characters: float
    json_calls: int
    broken_json: int
    broken_cost: float
    broken_call: Call


@dataclass(frozen=True, slots=True)
class StepParts:
    """How one prompt was put together (JSON), and its answer."""

    where: Where
    call: Call
    parts: str
    answer: str


@dataclass(frozen=True, slots=True)
class StepMisfits:
    """Calls of a step in runs in which it failed since an answer did not fit its schema; cost in USD."""

    where: Where
    calls: int
    cost: float
    call: Call


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that suggestions are made from; ``prompts`` and ``parts`` are of the newest calls only."""

    uses: tuple[StepUse, ...]
    prompts: tuple[StepPrompts, ...]
    parts: tuple[StepParts, ...]
    misfits: tuple[StepMisfits, ...]


_Kind = TypeVar("_Kind", StepUse, StepPrompts, StepMisfits)


def evidence(store: Store, scope: Scope, now_ns: int) -> Evidence:
    """Read what the calls of a range took and asked.

    Args:
        store: ClickHouse.
        scope: The range, the environment and the service.
        now_ns: The present.

    Raises:
        StoreError: ClickHouse is away.
    """
    since, until = scope.bounds(now_ns)
    limits: dict[str, Any] = {
        "since": since,
        "until": until or now_ns,
        "environment": scope.environment,
        "service": scope.service,
    }
    return Evidence(
        tuple(map(partial(_read, StepUse), store.ask("advice_calls", **limits, limit=_STEPS))),
        tuple(map(partial(_read, StepPrompts), store.ask("advice_prompts", **limits, limit=_PROMPTS))),
        tuple(map(_parts, store.ask("advice_parts", **limits, each=_EACH, limit=_PARTS))),
        tuple(map(partial(_read, StepMisfits), store.ask("advice_schemas", **limits, limit=_STEPS))),
    )


def _where(row: Row) -> Where:
    return row["PipelineName"], row["StepName"], row["Model"]


def _read(kind: type[_Kind], row: Row) -> _Kind:
    """Every field but the first is a column of the same name, in the spelling of the tables."""
    names = [each.name for each in fields(kind) if each.name != "where"]
    return kind(where=_where(row), **{name: row[name.title().replace("_", "")] for name in names})


def _parts(row: Row) -> StepParts:
    return StepParts(_where(row), (row["RunId"], row["SpanId"]), row["Parts"], row["Answer"])
