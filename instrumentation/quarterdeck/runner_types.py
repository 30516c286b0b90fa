"""What the runner's REST interface gives, as types; a test compares them with its description."""

from typing import Any, Literal, TypedDict

RunStatus = Literal["running", "paused", "waiting", "completed", "failed", "cancelled", "lost"]
Command = Literal["pause", "resume", "cancel"]
Action = Literal["pause", "resume", "cancel", "retry", "replay"]
Provider = Literal["claude", "gemini"]


class Origin(TypedDict):
    """The run whose results another one uses again."""

    run: str
    relation: Literal["retry", "replay"]
    from_step: str | None


class Run(TypedDict):
    """One run; times in ISO 8601."""

    id: str
    pipeline: str
    kind: Literal["yaml", "python"]
    status: RunStatus
    pending: Command | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    current_step: str | None
    steps_done: int | None
    steps_total: int | None
    error: str | None
    trace_id: str
    inputs: dict[str, Any]
    output: Any
    actions: list[Action]
    priority: int | None
    env: dict[str, str]
    provider: Provider | None
    model: str | None
    keys: dict[Provider, str]
    origin: Origin | None
    hint: str | None


class Input(TypedDict):
    """One input of a pipeline."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "array", "object"]
    default: Any
    required: bool
    description: str


class StepSummary(TypedDict):
    """One step of a pipeline."""

    name: str
    type: str
    model: str | None


class Diagnostic(TypedDict):
    """One problem of a pipeline file."""

    severity: Literal["error", "warning"]
    file: str
    line: int
    column: int
    message: str


class Pipeline(TypedDict):
    """One pipeline of the catalogue."""

    name: str
    kind: Literal["yaml", "python"]
    description: str
    version: str
    file: str
    inputs: list[Input]
    input_schema: dict[str, Any]
    steps: list[StepSummary]
    diagnostics: list[Diagnostic]
    runnable: bool


class PipelineWithSource(Pipeline):
    """One pipeline and the text of its file."""

    source: str


class KeyProfile(TypedDict):
    """A key, without the key."""

    profile: str
    source: Literal["environment", "keyring", "file"]
    base_url: str


class ProviderState(TypedDict):
    """Who answers model calls, and which keys there are."""

    name: Provider
    title: str
    variable: str
    ready: bool
    profiles: list[KeyProfile]


class KeyStoreState(TypedDict):
    """Where keys are kept."""

    kind: Literal["keyring", "file", "none"]
    hint: str


class ProviderList(TypedDict):
    """All providers."""

    providers: list[ProviderState]
    key_store: KeyStoreState


class KeyVerdict(TypedDict):
    """Whether a key works."""

    works: bool
    latency_ms: float
    models: list[str]
    problem: str
