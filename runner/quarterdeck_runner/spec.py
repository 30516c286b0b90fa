"""What a pipeline is, once its file has been read and found right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from quarterdeck_runner.diagnostics import START, Position

CLAUDE_TYPES: Final = ("claude", "claude_smart", "claude_robust", "claude_extract")
MODEL_TYPES: Final = (*CLAUDE_TYPES, "gemini")
STEP_TYPES: Final = (*MODEL_TYPES, "parallel_claude", "set_variable", "echo", "test_echo")
"""Step types that this runner executes."""

KNOWN_TYPES: Final = (
    "claude_session", "claude_batch", "gemini_instructor", "for_loop", "while_loop", "pipeline", "data_transform",
    "file_ops",
)  # fmt: skip
"""Step types of the format that this runner does not execute."""

REFUSED_TYPES: Final[Mapping[str, str]] = {
    "bash": "shell commands are not run from pipelines",
    "shell": "shell commands are not run from pipelines",
    "switch": "give each branch a `condition`",
    "checkpoint": "every finished step is kept by itself",
    "codebase_query": "name the files in `file` parts of a prompt",
}
"""Step types that will not come, and what to do instead."""

REFUSED_FAMILIES: Final = ("dspy_", "eval_")

PART_TYPES: Final = ("static", "file", "previous_response")
KNOWN_PART_TYPES: Final = ("session_context", "claude_continue")
INPUT_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object")
BACKOFFS: Final = ("fixed", "linear", "exponential")
FALLBACKS: Final = ("graceful_degradation", "emergency_response")
KNOWN_FALLBACKS: Final = ("use_cached_response", "cached_response", "simplified_prompt")

_STEP: Final = (
    "name", "type", "description", "role", "condition", "if", "timeout", "timeout_seconds", "retry",
    "continue_on_error",
)  # fmt: skip
_CALL: Final = (*_STEP, "prompt", "model", "token_budget", "output_to_file")
_CLAUDE: Final = (*_CALL, "claude_options")

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "workflow": (
        "name", "description", "version", "steps", "inputs", "defaults", "variables", "global_vars", "metadata",
        "workspace_dir", "checkpoint_enabled", "checkpoint_dir", "environment",
    ),
    "input": ("type", "default", "required", "description"),
    "defaults": (
        "gemini_model", "gemini_token_budget", "claude_options", "claude_preset", "claude_output_format", "output_dir",
    ),
    "claude_options": (
        "model", "system_prompt", "append_system_prompt", "timeout_ms", "max_turns", "output_format", "verbose",
        "print", "allowed_tools", "disallowed_tools", "cwd", "fallback_model", "debug_mode", "cost_tracking",
        "telemetry_enabled", "permission_mode", "session_id", "mcp_servers", "hooks", "agents", "retry_config",
    ),
    "token_budget": ("max_output_tokens", "max_input_tokens", "temperature", "top_p", "top_k"),
    "retry": ("max_attempts", "interval", "backoff"),
    "retry_config": ("max_retries", "backoff_strategy", "base_delay_ms", "retry_conditions", "fallback_action"),
    "extraction_config": (
        "use_content_extractor", "format", "post_processing", "max_summary_length", "include_metadata",
    ),
    "part.static": ("type", "content"),
    "part.file": ("type", "path"),
    "part.previous_response": ("type", "step", "extract", "strict"),
    "task": ("id", "prompt", "claude_options", "output_to_file"),
    "step.claude": _CLAUDE,
    "step.claude_smart": (*_CLAUDE, "preset", "environment_aware"),
    "step.claude_robust": (*_CLAUDE, "preset", "environment_aware", "retry_config"),
    "step.claude_extract": (*_CLAUDE, "preset", "environment_aware", "extraction_config"),
    "step.gemini": (*_CALL, "timeout_ms", "functions"),
    "step.parallel_claude": (*_STEP, "parallel_tasks", "model", "token_budget", "claude_options", "output_to_file"),
    "step.set_variable": (*_STEP, "variables", "variable", "value", "scope"),
    "step.echo": (*_STEP, "value", "prompt", "output_to_file"),
    "step.test_echo": (*_STEP, "value", "prompt", "output_to_file"),
}  # fmt: skip
"""The keys of each map of the format; ``schema.json`` publishes the same."""

CLI_ONLY: Final = (
    "max_turns", "output_format", "verbose", "print", "allowed_tools", "disallowed_tools", "cwd", "fallback_model",
    "debug_mode", "cost_tracking", "telemetry_enabled", "permission_mode", "session_id", "mcp_servers", "hooks",
    "agents", "retry_config",
)  # fmt: skip
"""Options of the Claude command line without a counterpart in the Messages API."""

DEFAULT_MAX_TOKENS: Final = 8192
DEFAULT_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True)
class InputSpec:
    """One typed input of a pipeline."""

    name: str
    type: str
    default: Any
    required: bool
    description: str
    position: Position = START


@dataclass(frozen=True)
class Part:
    """One part of a prompt.

    Args:
        kind: ``static``, ``file`` or ``previous_response``.
        text: the content, the path, or the name of the step.
        extract: dotted path into the step's result; empty for the whole.
        strict: whether a missing path is an error.
        position: where it stands in the file.
    """

    kind: Literal["static", "file", "previous_response"]
    text: str
    extract: str = ""
    strict: bool = False
    position: Position = START


@dataclass(frozen=True)
class TokenBudget:
    """How many tokens a call may use, and how it samples (Gemini only)."""

    max_output_tokens: int | None = None
    max_input_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


@dataclass(frozen=True)
class Retry:
    """How often and how fast a step is tried.

    Args:
        max_attempts: tries in all, the first one included.
        interval_s: seconds before the second try.
        backoff: how the interval grows: ``fixed``, ``linear`` or ``exponential``.
    """

    max_attempts: int
    interval_s: float
    backoff: str = "exponential"

    def delay_s(self, attempt: int) -> float:
        """Seconds to wait after the attempt of this number, counted from 1; at most five minutes."""
        factors = {"fixed": 1.0, "linear": float(attempt), "exponential": 2.0 ** min(attempt - 1, 20)}
        return min(self.interval_s * factors[self.backoff], 300.0)


@dataclass(frozen=True)
class Call:
    """One model call, complete but for its templates.

    Args:
        model: id that the provider knows.
        prompt: its parts.
        system: system prompt; empty for none.
        budget: token budget.
        timeout_s: seconds after which it is given up.
    """

    model: str
    prompt: tuple[Part, ...]
    system: str = ""
    budget: TokenBudget = TokenBudget()
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True)
class Task:
    """One branch of ``parallel_claude``."""

    id: str
    call: Call
    output_to_file: str = ""
    position: Position = START


@dataclass(frozen=True)
class Step:
    """One step of a pipeline; which of the later fields are set depends on the type.

    Args:
        name: its name, unique in the pipeline.
        type: one of :data:`STEP_TYPES`.
        position: where it stands in the file.
        condition: tree of an expression; ``None`` for always.
        output_to_file: file for the result, below the output folder; empty for none.
        retry: ``None`` leaves retries to the provider's client.
        continue_on_error: whether the run goes on when the step fails.
        fallback: what a failed ``claude_robust`` does instead of failing; empty for nothing.
        call: the model call of a model step.
        tasks: the branches of ``parallel_claude``.
        variables: what ``set_variable`` sets.
        value: what ``echo`` gives.
    """

    name: str
    type: str
    position: Position
    condition: Any = None
    output_to_file: str = ""
    retry: Retry | None = None
    continue_on_error: bool = False
    fallback: str = ""
    call: Call | None = None
    tasks: tuple[Task, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None

    @property
    def model(self) -> str | None:
        """The model it asks; of parallel branches, the first one's."""
        if self.call is not None:
            return self.call.model
        return self.tasks[0].call.model if self.tasks else None

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every model call of the step."""
        own = (self.call,) if self.call is not None else ()
        return (*own, *(task.call for task in self.tasks))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline.

    Args:
        name: its name.
        version: as declared, else a short hash of the text.
        description: one line.
        file: the file it came from.
        inputs: what a run can be given.
        variables: what the state starts with.
        output_dir: folder below the runner's output folder; empty for none.
        steps: in the order of execution.
        document: the whole file as plain values.
    """

    name: str
    version: str
    description: str
    file: Path
    inputs: tuple[InputSpec, ...]
    variables: Mapping[str, Any]
    output_dir: str
    steps: tuple[Step, ...]
    document: Any = None
