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
    env: dict[str, str]
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


class KnownModel(TypedDict):
    """A name of a model that steps may use, and the id that it stands for."""

    name: str
    model: str
    provider: Provider
    priced: bool


class Language(TypedDict):
    """What an editor of pipeline files completes with."""

    json_schema: dict[str, Any]
    models: list[KnownModel]
    functions: list[str]
    fields: dict[str, list[str]]


class PromptPart(TypedDict):
    """A stretch of a prompt; ``start`` and ``end`` count its characters from 0."""

    kind: str
    source: str
    start: int
    end: int
    text: str


class RenderedCall(TypedDict):
    """One model call as it would be made."""

    task: str | None
    provider: Provider
    model: str
    system: str
    prompt: str
    parts: list[PromptPart]
    problems: list[str]
    waits_for: list[str]


class RenderedStep(TypedDict):
    """The model calls of one step as they would be made."""

    step: str
    type: str
    skipped: bool
    calls: list[RenderedCall]


class Estimate(TypedDict):
    """A predicted number of tokens."""

    tokens: int
    method: Literal["counted", "learnt", "assumed"]
    samples: int
    error: float | None
    note: str


class Prediction(TypedDict):
    """What one call will use and cost, in tokens and USD."""

    step: str
    task: str | None
    provider: Provider
    model: str
    characters: int
    waits_for: list[str]
    input: Estimate
    output: Estimate | None
    max_output_tokens: int
    cost_usd: float | None
    max_cost_usd: float | None


class DryRun(TypedDict):
    """What a run would ask, use and cost."""

    pipeline: str
    steps: list[RenderedStep]
    calls: list[Prediction]
    input_tokens: int
    cost_usd: float | None
    max_cost_usd: float | None
    not_told: list[str]


BatchAction = Literal["pause", "resume", "stop", "rerun"]
ItemStatus = Literal["pending", "running", "completed", "failed", "cancelled"]


class BatchItems(TypedDict):
    """How many items of a batch there are of each status."""

    total: int
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int


class Batch(TypedDict):
    """Many inputs through one pipeline, or an experiment; costs in USD, times in ISO 8601."""

    id: str
    kind: Literal["batch", "experiment"]
    name: str
    status: Literal["running", "paused", "stopped", "completed"]
    reason: str | None
    concurrency: int
    max_cost_usd: float | None
    cost_usd: float
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    items: BatchItems
    items_per_minute: float
    eta_seconds: float | None
    created_at: str
    completed_at: str | None
    actions: list[BatchAction]


class BatchCheck(TypedDict):
    """What a batch would be, and cost in USD."""

    items: int
    cost_usd: float | None
    max_cost_usd: float | None
    sampled: int
    waits_for: list[str]


class BatchItem(TypedDict):
    """One item of a batch; tokens, cost and times are those of its last attempt."""

    number: int
    line: int
    status: ItemStatus
    inputs: dict[str, Any]
    output: Any
    error: str | None
    run_id: str | None
    attempts: int
    variant: str | None
    model: str | None
    score: float | None
    verdict: str | None
    cost_usd: float | None
    input_tokens: int
    output_tokens: int
    duration_seconds: float | None
    started_at: str | None
    completed_at: str | None


class BatchItemPage(TypedDict):
    """Some items of a batch, in order."""

    items: list[BatchItem]
    next_cursor: str | None
