"""The words of the format: types of steps and parts, and the keys of every map; :mod:`.schema` publishes the same."""

from collections.abc import Mapping
from typing import Final

CLAUDE_TYPES: Final = ("claude", "claude_smart", "claude_robust", "claude_extract", "claude_session")
GEMINI_TYPES: Final = ("gemini", "gemini_instructor")
MODEL_TYPES: Final = (*CLAUDE_TYPES, *GEMINI_TYPES)
TASK_TYPES: Final = ("parallel_claude", "claude_batch")
BLOCK_TYPES: Final = ("for_loop", "while_loop", "pipeline")
STEP_TYPES: Final = (
    *MODEL_TYPES, *TASK_TYPES, *BLOCK_TYPES, "set_variable", "echo", "test_echo", "data_transform", "file_ops",
)  # fmt: skip
"""Step types that this runner executes."""

REFUSED_TYPES: Final[Mapping[str, str]] = {
    "bash": "shell commands are not run from pipelines",
    "shell": "shell commands are not run from pipelines",
    "switch": "give each branch a `condition`",
    "checkpoint": "every finished step is kept by itself",
    "codebase_query": "name the files in `file` parts of a prompt",
    "pipeline_ref": "use a step of type `pipeline` with `pipeline_file`",
}
"""Step types that will not come, and what to do instead."""

REFUSED_FAMILIES: Final = ("dspy_", "eval_")

PART_TYPES: Final = ("static", "file", "previous_response", "session_context", "claude_continue")
INPUT_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object")
BACKOFFS: Final = ("fixed", "linear", "exponential")
FALLBACKS: Final = (
    "graceful_degradation", "emergency_response", "use_cached_response", "cached_response", "simplified_prompt",
)  # fmt: skip
SCOPES: Final = ("global", "session", "loop")
FORMATS: Final = ("text", "json", "structured", "summary", "markdown")
POST_PROCESSING: Final = (
    "extract_code_blocks", "extract_recommendations", "extract_links", "extract_key_points", "format_markdown",
    "generate_summary",
)  # fmt: skip
OPERATIONS: Final = ("filter", "map", "aggregate", "join", "group_by", "sort")
AGGREGATES: Final = ("sum", "average", "count", "min", "max", "first", "last", "unique")
CASES: Final = ("uppercase", "lowercase")
ORDERS: Final = ("asc", "desc")
FILE_OPERATIONS: Final = ("copy", "move", "delete", "validate", "list", "convert", "stream_copy")
CONVERSIONS: Final = (
    "csv_to_json", "json_to_csv", "csv_to_yaml", "yaml_to_csv", "json_to_yaml", "yaml_to_json",
)  # fmt: skip

_STEP: Final = (
    "name", "type", "description", "role", "condition", "if", "env", "timeout", "timeout_seconds", "retry",
    "continue_on_error",
)  # fmt: skip
_CALL: Final = (*_STEP, "prompt", "model", "token_budget", "output_to_file", "output_schema", "functions")
_CLAUDE: Final = (*_CALL, "tools", "claude_options")
_SMART: Final = (*_CLAUDE, "preset", "environment_aware")

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "workflow": (
        "name", "description", "version", "steps", "inputs", "defaults", "variables", "global_vars", "env",
        "max_cost_usd", "gemini_functions", "functions", "metadata", "workspace_dir", "checkpoint_enabled",
        "checkpoint_dir", "environment",
    ),
    "input": ("type", "default", "required", "description"),
    "defaults": (
        "gemini_model", "gemini_token_budget", "claude_options", "claude_preset", "claude_output_format", "output_dir",
    ),
    "claude_options": (
        "model", "fallback_model", "system_prompt", "append_system_prompt", "timeout_ms", "retry_config", "max_turns",
        "output_format", "verbose", "print", "allowed_tools", "disallowed_tools", "cwd", "debug_mode",
        "cost_tracking", "telemetry_enabled", "permission_mode", "session_id", "fork_session", "mcp_servers", "hooks",
        "agent", "agents", "add_dir", "enable_skills", "async_streaming",
    ),
    "token_budget": ("max_output_tokens", "max_input_tokens", "temperature", "top_p", "top_k"),
    "retry": ("max_attempts", "interval", "backoff"),
    "retry_config": (
        "max_retries", "backoff_strategy", "base_delay_ms", "retry_conditions", "retry_on", "fallback_action",
    ),
    "extraction_config": (
        "use_content_extractor", "format", "post_processing", "max_summary_length", "include_metadata",
    ),
    "session_config": (
        "session_name", "persist", "continue_on_restart", "checkpoint_frequency", "description", "max_turns",
    ),
    "batch_config": ("max_parallel", "timeout_per_task", "consolidate_results"),
    "nested_config": ("inherit_context", "max_depth", "max_total_steps", "memory_limit_mb", "timeout_seconds"),
    "output": ("path", "as"),
    "function": ("description", "parameters"),
    "inline_function": ("name", "description", "parameters", "input_schema"),
    "part.static": ("type", "content"),
    "part.file": ("type", "path"),
    "part.previous_response": ("type", "step", "extract", "strict"),
    "part.session_context": ("type", "session_id", "include_last_n"),
    "part.claude_continue": ("type", "session_id", "new_prompt"),
    "task": ("id", "prompt", "claude_options", "output_to_file"),
    "batch_task": ("id", "task_id", "prompt", "file", "claude_options", "output_to_file"),
    "operation.filter": ("operation", "field", "condition"),
    "operation.map": ("operation", "field", "mapping", "expression"),
    "operation.aggregate": ("operation", "field", "function"),
    "operation.join": ("operation", "left_field", "right_source", "join_key", "right_field"),
    "operation.group_by": ("operation", "field"),
    "operation.sort": ("operation", "field", "order"),
    "file_rule": ("path", "must_exist", "must_be_file", "must_be_dir", "min_size", "max_size"),
    "step.claude": _CLAUDE,
    "step.claude_smart": _SMART,
    "step.claude_robust": (*_SMART, "retry_config"),
    "step.claude_extract": (*_SMART, "extraction_config"),
    "step.claude_session": (*_SMART, "session_config"),
    "step.gemini": (*_CALL, "timeout_ms"),
    "step.gemini_instructor": (*_CALL, "timeout_ms", "schema", "validation_mode"),
    "step.parallel_claude": (
        *_STEP, "parallel_tasks", "model", "token_budget", "claude_options", "output_to_file", "output_schema",
    ),
    "step.claude_batch": (
        *_STEP, "tasks", "batch_config", "model", "token_budget", "claude_options", "preset", "environment_aware",
        "output_to_file", "output_schema",
    ),
    "step.for_loop": (
        *_STEP, "iterator", "as", "data_source", "over", "steps", "parallel", "max_parallel", "break_on_error",
        "batch_size", "output_to_file",
    ),
    "step.while_loop": (*_STEP, "max_iterations", "steps", "output_to_file"),
    "step.pipeline": (*_STEP, "pipeline_file", "pipeline", "inputs", "outputs", "config", "output_to_file"),
    "step.set_variable": (*_STEP, "variables", "variable", "value", "scope"),
    "step.echo": (*_STEP, "value", "prompt", "output_to_file"),
    "step.test_echo": (*_STEP, "value", "prompt", "output_to_file"),
    "step.data_transform": (*_STEP, "input_source", "operations", "output_field", "output_to_file"),
    "step.file_ops": (
        *_STEP, "operation", "source", "destination", "path", "pattern", "files", "format", "output_to_file",
    ),
}  # fmt: skip
"""The keys of each map of the format."""

CLI_ONLY: Final = tuple(
    key
    for key in KEYS["claude_options"]
    if key not in {"model", "fallback_model", "system_prompt", "append_system_prompt", "timeout_ms", "retry_config"}
)
"""Options of the Claude command line without a counterpart in the Messages API."""
