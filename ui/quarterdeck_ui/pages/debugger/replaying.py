"""What can be replayed, and what a reader has changed (pure but for the reading)."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import yaml

from quarterdeck import semconv
from quarterdeck.runner_client import RunnerClient
from quarterdeck.runner_types import Run
from quarterdeck_ui.queries import Store, run_by_id, step_payloads

_NEWEST = 100


def newest(runner: RunnerClient) -> list[Run]:
    """The newest runs.

    Raises:
        RunnerError: The runner does not answer.
    """
    return list(itertools.islice(runner.runs(), _NEWEST))


def steps_of(store: Store, run_id: str) -> dict[str, dict[str, Any]]:
    """The steps of a run's own configuration by name, in order; empty if it was not recorded.

    Raises:
        StoreError: ClickHouse is away.
    """
    row = run_by_id(store, run_id)
    payloads = step_payloads(store, row, 1000) if row else []
    for payload in payloads:
        text = payload.config or payload.values.get(semconv.PIPELINE_CONFIG, "")
        if text:
            return _steps(text)
    return {}


def holder(steps: Mapping[str, Any], name: str) -> str:
    """The step of a run that is called so, or that has a branch which is; empty if none is.

    Args:
        steps: Configurations by name.
        name: As a span says it.
    """
    return name if name in steps else next((step for step, inside in steps.items() if _has(inside, name)), "")


def _has(inside: Any, name: str) -> bool:
    if isinstance(inside, Mapping):
        return name in (inside.get("id"), inside.get("name")) or any(_has(each, name) for each in inside.values())
    return isinstance(inside, list) and any(_has(each, name) for each in inside)


def changes(known: dict[str, Any], text: str) -> dict[str, Any]:
    """What a reader has changed: new values by key, None for a key that was taken away.

    Args:
        known: Values before.
        text: YAML of the values now.

    Raises:
        ValueError: That is no YAML mapping.
    """
    try:
        now = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"this is no YAML: {error}") from error
    if not isinstance(now, dict):
        raise ValueError("write keys and values, such as `prompt: …`")  # noqa: TRY004 - of a reader, not of a program
    changed = {name: value for name, value in now.items() if known.get(name) != value}
    return changed | {name: None for name in known if name not in now}


def _steps(text: str) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    inner = document.get("workflow", document) if isinstance(document, dict) else {}
    found = inner.get("steps") if isinstance(inner, dict) else None
    steps = found if isinstance(found, list) else []
    return {str(step["name"]): step for step in steps if isinstance(step, dict) and "name" in step}
