"""The JSON Schema of pipeline files, made from its words; ``python -m quarterdeck_runner.schema`` writes it.

Editors complete and check with it: ``# yaml-language-server: $schema=…/schema.json``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from quarterdeck_runner import models
from quarterdeck_runner import vocabulary as words
from quarterdeck_runner.inputs import OTHER_NAMES

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_FLAG: Final[Schema] = {"type": "boolean"}
_MAP: Final[Schema] = {"type": "object"}
_ANY: Final[Schema] = {}
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_DURATION: Final[Schema] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400},
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h)$"},
    ],
    "description": "Seconds, or a number with a unit: 90s, 2m.",
}
_OUTPUT: Final[Schema] = {
    "type": "string",
    "description": "Relative path below the output folder.",
    "not": {"pattern": r"^/|(^|/)\.\.(/|$)"},
}
_INSIDE: Final[Schema] = {"type": "string", "minLength": 1, "not": {"pattern": r"^/|(^|/)\.\.(/|$)"}}
_SOURCE: Final[Schema] = {
    "type": ["string", "array"],
    "description": "A list, or the name of a step or variable that holds one: `step`, `step:field`.",
}
_CLI: Final[Schema] = {"deprecated": True, "description": "An option of the Claude command line; no effect here."}
_IDLE: Final[Schema] = {"deprecated": True, "description": "No effect here."}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _whole(low: int, high: int | None = None) -> Schema:
    return {"type": "integer", "minimum": low, **({"maximum": high} if high is not None else {})}


def _number(low: float, high: float | None = None) -> Schema:
    return {"type": "number", "minimum": low, **({"maximum": high} if high is not None else {})}


def _word(choices: Sequence[str]) -> Schema:
    return {"enum": list(choices)}


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


_COMMON: Final[Mapping[str, Schema]] = {
    "name": _NAME,
    "description": _TEXT,
    "role": {"type": "string", "description": "A label for readers."},
    "condition": _ref("condition"),
    "if": _ref("condition"),
    "env": {**_TEXTS, "description": "Values of {{ env.NAME }} for this step."},
    "timeout": _DURATION,
    "timeout_seconds": _DURATION,
    "retry": _ref("retry"),
    "continue_on_error": _FLAG,
    "prompt": _ref("prompt"),
    "model": _TEXT,
    "token_budget": _ref("token_budget"),
    "output_to_file": _OUTPUT,
    "output_schema": {"type": "object", "description": "JSON Schema; an answer that does not fit fails the step."},
    "functions": _list({"anyOf": [_NAME, _ref("inline_function")]}),
    "tools": _list({"anyOf": [_NAME, _ref("inline_function")]}),
    "claude_options": _ref("claude_options"),
    "preset": _word(models.preset_names()),
    "environment_aware": _IDLE,
    "retry_config": _ref("retry_config"),
    "extraction_config": _ref("extraction_config"),
    "session_config": _ref("session_config"),
    "timeout_ms": _number(1),
    "schema": {"type": "object", "description": "JSON Schema of the answer."},
    "validation_mode": _IDLE,
    "parallel_tasks": _list(_ref("task"), 1),
    "tasks": _list(_ref("batch_task"), 1),
    "batch_config": _ref("batch_config"),
    "iterator": _NAME,
    "as": _NAME,
    "data_source": _SOURCE,
    "over": _SOURCE,
    "steps": _list(_ref("step"), 1),
    "parallel": _FLAG,
    "max_parallel": _whole(1, 10),
    "break_on_error": _FLAG,
    "batch_size": _IDLE,
    "max_iterations": _whole(1, 1000),
    "pipeline_file": _NAME,
    "pipeline": _ref("nested"),
    "inputs": _MAP,
    "outputs": _list({"anyOf": [_NAME, _ref("output")]}),
    "config": _ref("nested_config"),
    "variables": _MAP,
    "variable": _TEXT,
    "value": _ANY,
    "scope": _word(words.SCOPES),
    "input_source": _SOURCE,
    "operations": _list(
        {"oneOf": [_ref(f"operation.{kind}") for kind in words.OPERATIONS]},
    ),
    "output_field": _TEXT,
    "operation": _word(words.FILE_OPERATIONS),
    "source": _INSIDE,
    "destination": _INSIDE,
    "path": _INSIDE,
    "pattern": _TEXT,
    "files": _list(_ref("file_rule"), 1),
    "format": _word(words.CONVERSIONS),
}
"""Keys that mean the same in every step."""

_OWN: Final[Mapping[str, Mapping[str, Schema]]] = {
    "workflow": {
        "version": {"type": ["string", "number"], "description": "Shown with each run; by default a hash of the file."},
        "inputs": _ref("inputs"),
        "defaults": _ref("defaults"),
        "variables": _MAP,
        "global_vars": _MAP,
        "env": {**_TEXTS, "description": "Variables of the environment that steps may see, and their defaults."},
        "max_cost_usd": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
        "gemini_functions": {"type": "object", "additionalProperties": _ref("function")},
        "functions": {"type": "object", "additionalProperties": _ref("function")},
        "metadata": {"description": "For readers and other tools."},
        "workspace_dir": {**_TEXT, "not": {"pattern": r"^/|(^|/)\.\.(/|$)"}},
        "checkpoint_enabled": _FLAG,
        "checkpoint_dir": _IDLE,
        "environment": _IDLE,
    },
    "input": {
        "type": _word((*words.INPUT_TYPES, *OTHER_NAMES)),
        "default": _ANY,
        "required": _FLAG,
        "description": _TEXT,
    },
    "defaults": {
        "gemini_model": _TEXT,
        "gemini_token_budget": _ref("token_budget"),
        "claude_preset": _word(models.preset_names()),
        "claude_output_format": _IDLE,
        "output_dir": {**_OUTPUT, "description": "Relative; lies in the output folder of the runner."},
    },
    "claude_options": {
        **dict.fromkeys(words.CLI_ONLY, _CLI),
        "fallback_model": _TEXT,
        "system_prompt": _TEXT,
        "append_system_prompt": _TEXT,
    },
    "token_budget": {
        "max_output_tokens": _whole(1, 10_000_000),
        "max_input_tokens": _whole(1, 10_000_000),
        "temperature": _number(0, 2),
        "top_p": _number(0, 1),
        "top_k": _whole(1, 1000),
    },
    "retry": {"max_attempts": _whole(1, 20), "interval": _DURATION, "backoff": _word(words.BACKOFFS)},
    "retry_config": {
        "max_retries": _whole(0, 20),
        "backoff_strategy": _word(words.BACKOFFS),
        "base_delay_ms": _number(0, 600_000),
        "retry_conditions": _list(_TEXT),
        "retry_on": _list(_TEXT),
        "fallback_action": _word(words.FALLBACKS),
    },
    "extraction_config": {
        "use_content_extractor": _IDLE,
        "format": _word(words.FORMATS),
        "post_processing": _list(_word(words.POST_PROCESSING)),
        "max_summary_length": _whole(1, 1_000_000),
        "include_metadata": _FLAG,
    },
    "session_config": {
        "session_name": _NAME,
        **dict.fromkeys(("persist", "continue_on_restart", "checkpoint_frequency", "description", "max_turns"), _IDLE),
    },
    "batch_config": {
        "max_parallel": _whole(1, 100),
        "timeout_per_task": {**_number(1, 86_400_000), "description": "Milliseconds."},
        "consolidate_results": _FLAG,
    },
    "nested_config": {
        "inherit_context": _FLAG,
        "max_depth": _whole(1, 10),
        "max_total_steps": _whole(1, 100_000),
        "memory_limit_mb": _IDLE,
        "timeout_seconds": _IDLE,
    },
    "output": {"path": _NAME},
    "function": {"parameters": _MAP},
    "inline_function": {
        "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "parameters": _MAP,
        "input_schema": _MAP,
    },
    "part.static": {"content": _NAME},
    "part.file": {"path": _NAME},
    "part.previous_response": {
        "step": _NAME,
        "extract": {"type": "string", "description": "Dotted path into the result of the step."},
        "strict": {"type": "boolean", "description": "Whether a missing path is an error."},
    },
    "part.session_context": {"session_id": _NAME, "include_last_n": _whole(1, 1000)},
    "part.claude_continue": {"session_id": _NAME, "new_prompt": _NAME},
    "task": {"id": _NAME},
    "batch_task": {"id": _TEXT, "task_id": _TEXT, "file": _TEXT},
    "operation.filter": {"field": _TEXT},
    "operation.map": {"field": _TEXT, "mapping": _MAP, "expression": _word(words.CASES)},
    "operation.aggregate": {"field": _TEXT, "function": _word(words.AGGREGATES)},
    "operation.join": {"left_field": _TEXT, "right_source": _SOURCE, "join_key": _TEXT, "right_field": _TEXT},
    "operation.group_by": {"field": _TEXT},
    "operation.sort": {"field": _TEXT, "order": _word(words.ORDERS)},
    "file_rule": {
        **dict.fromkeys(("must_exist", "must_be_file", "must_be_dir"), _FLAG),
        "min_size": _whole(0),
        "max_size": _whole(0),
    },
}
"""Keys of single maps."""

_REQUIRED: Final[Mapping[str, Sequence[str]]] = {
    "workflow": ("name", "steps"),
    "session_config": ("session_name",),
    "output": ("path",),
    "inline_function": ("name",),
    "part.static": ("type", "content"),
    "part.file": ("type", "path"),
    "part.previous_response": ("type", "step"),
    "part.session_context": ("type", "session_id"),
    "part.claude_continue": ("type", "session_id", "new_prompt"),
    "task": ("id", "prompt"),
    "operation.filter": ("operation", "condition"),
    "operation.map": ("operation",),
    "operation.aggregate": ("operation", "function"),
    "operation.join": ("operation", "left_field", "right_source"),
    "operation.group_by": ("operation", "field"),
    "operation.sort": ("operation",),
    "file_rule": ("path",),
    **{f"step.{kind}": ("name", "type", "prompt") for kind in words.MODEL_TYPES},
    "step.claude_session": ("name", "type", "prompt", "session_config"),
    "step.parallel_claude": ("name", "type", "parallel_tasks"),
    "step.claude_batch": ("name", "type", "tasks"),
    "step.for_loop": ("name", "type", "steps"),
    "step.while_loop": ("name", "type", "condition", "steps"),
    "step.data_transform": ("name", "type", "input_source"),
    "step.file_ops": ("name", "type", "operation"),
}

_ONE_OF: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "batch_task": (("prompt",), ("file",)),
    "step.for_loop": (("data_source",), ("over",)),
    "step.set_variable": (("variables",), ("variable",)),
}
"""Maps that need at least one of these groups of keys."""

_EITHER: Final[Mapping[str, Sequence[str]]] = {
    "step.pipeline": ("pipeline_file", "pipeline"),
    "operation.map": ("mapping", "expression"),
}
"""Maps that need exactly one of these keys."""


def build() -> Schema:
    """Make the schema."""
    definitions = {name: _definition(name) for name in words.KEYS}
    nested = {**definitions["workflow"], "required": ["steps"]}
    wrapped = {"type": "object", "required": ["workflow"], "properties": {"workflow": _ref("workflow")}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Quarterdeck pipeline",
        "description": "A pipeline of model calls that the Quarterdeck runner executes step by step.",
        "anyOf": [wrapped, _ref("workflow")],
        "$defs": {
            **definitions,
            "nested": {
                "anyOf": [{**wrapped, "properties": {"workflow": _ref("nested_workflow")}}, _ref("nested_workflow")]
            },
            "nested_workflow": nested,
            "inputs": _inputs(),
            "condition": _condition(),
            "prompt": _prompt(),
            "step": {"oneOf": [_ref(f"step.{kind}") for kind in words.STEP_TYPES]},
        },
    }


def _definition(name: str) -> Schema:
    family, _, kind = name.partition(".")
    own = _OWN.get(name, {})
    properties = {key: own[key] if key in own else _COMMON.get(key, _TEXT) for key in words.KEYS[name]}
    if family in {"step", "part"}:
        properties["type"] = {"const": kind}
    if family == "operation":
        properties["operation"] = {"const": kind}
    required = list(_REQUIRED.get(name, ("name", "type") if family == "step" else ()))
    definition: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        definition["required"] = required
    if name in _ONE_OF:
        definition["anyOf"] = [{"required": list(keys)} for keys in _ONE_OF[name]]
    if name in _EITHER:
        definition["oneOf"] = [{"required": [key]} for key in _EITHER[name]]
    if "condition" in properties and "if" in properties and kind != "while_loop":
        definition["not"] = {"required": ["condition", "if"]}
    if name == "step.file_ops":
        definition["allOf"] = [_file_operation(each) for each in words.FILE_OPERATIONS]
    return definition


def _file_operation(kind: str) -> Schema:
    needed = {
        **{each: ["source", "destination"] for each in ("copy", "move", "stream_copy")},
        "convert": ["source", "destination", "format"],
        "delete": ["path"],
        "validate": ["files"],
    }.get(kind, [])
    return {"if": {"properties": {"operation": {"const": kind}}}, "then": {"required": needed}}


def _inputs() -> Schema:
    listed = {
        "type": "object",
        "properties": {**_definition("input")["properties"], "id": _TEXT, "name": _TEXT, "defaults": _ANY},
        "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
        "additionalProperties": False,
    }
    value = {"type": ["string", "number", "boolean", "array", "null"]}
    return {
        "anyOf": [
            {"type": "object", "additionalProperties": {"anyOf": [_ref("input"), value]}},
            _list(listed),
        ]
    }


def _condition() -> Schema:
    several = _list(_ref("condition"), 1)
    combined = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {"and": several, "or": several, "not": _ref("condition")},
    }
    return {"anyOf": [_TEXT, _FLAG, several, combined]}


def _prompt() -> Schema:
    parts = [_TEXT, *(_ref(f"part.{kind}") for kind in words.PART_TYPES)]
    return {"anyOf": [_NAME, _list({"anyOf": parts}, 1)]}


def text() -> str:
    """The schema as it is published."""
    return json.dumps(build(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(text(), "utf-8")
