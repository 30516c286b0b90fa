"""What a pipeline is, once its file has been read and found right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from quarterdeck_runner.diagnostics import START, Position

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
        kind: one of :data:`quarterdeck_runner.vocabulary.PART_TYPES`.
        text: the content, the path, the name of the step, or what is asked next in a session.
        extract: dotted path into the step's result; empty for the whole.
        strict: whether a missing path is an error.
        session: name of a session, for ``session_context`` and ``claude_continue``.
        last: how many of its exchanges; ``None`` for all.
        position: where it stands in the file.
    """

    kind: Literal["static", "file", "previous_response", "session_context", "claude_continue"]
    text: str
    extract: str = ""
    strict: bool = False
    session: str = ""
    last: int | None = None
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
        only: kinds of failure, or words of their messages, that are tried again; empty for all that may pass.
    """

    max_attempts: int
    interval_s: float
    backoff: str = "exponential"
    only: tuple[str, ...] = ()

    def delay_s(self, attempt: int) -> float:
        """Seconds to wait after the attempt of this number, counted from 1; at most five minutes."""
        factors = {"fixed": 1.0, "linear": float(attempt), "exponential": 2.0 ** min(attempt - 1, 20)}
        return min(self.interval_s * factors[self.backoff], 300.0)


@dataclass(frozen=True)
class Function:
    """A function that a model may ask for.

    Args:
        name: its name.
        description: what it is for.
        parameters: JSON Schema of its arguments.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One model call, complete but for its templates.

    Args:
        model: id that the provider knows.
        prompt: its parts.
        system: system prompt; empty for none.
        budget: token budget.
        timeout_s: seconds after which it is given up.
        functions: what the model may ask for instead of answering.
        output_schema: JSON Schema that the answer must fit; ``None`` for any text.
        fallback_model: asked when the model cannot be reached; empty for none.
    """

    model: str
    prompt: tuple[Part, ...]
    system: str = ""
    budget: TokenBudget = TokenBudget()
    timeout_s: float = DEFAULT_TIMEOUT_S
    functions: tuple[Function, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    fallback_model: str = ""


@dataclass(frozen=True)
class Task:
    """One branch of ``parallel_claude``, one item of ``claude_batch``."""

    id: str
    call: Call
    output_to_file: str = ""
    position: Position = START


@dataclass(frozen=True)
class ForLoop:
    """Runs its body once for each item.

    Args:
        source: a list, or the text of an expression or template that gives one.
        iterator: what the item is called in the body.
        body: its steps.
        max_parallel: iterations at once; 1 for one after another.
        break_on_error: whether the first failed iteration ends the loop.
    """

    source: Any
    iterator: str
    body: tuple["Step", ...]
    max_parallel: int = 1
    break_on_error: bool = True


@dataclass(frozen=True)
class WhileLoop:
    """Runs its body as long as a condition holds.

    Args:
        condition: tree of an expression.
        body: its steps.
        max_iterations: after so many it ends anyhow.
    """

    condition: Any
    body: tuple["Step", ...]
    max_iterations: int = 100


@dataclass(frozen=True)
class Nested:
    """Runs another pipeline as one step.

    Args:
        pipeline: what runs.
        inputs: what it is given; values may be templates.
        outputs: names and paths of what it gives back; empty for the result of every step.
        inherit_context: whether it sees the steps and variables of the pipeline around it.
        max_total_steps: more than so many steps are refused.
    """

    pipeline: "Pipeline"
    inputs: Mapping[str, Any]
    outputs: tuple[tuple[str, str], ...] = ()
    inherit_context: bool = False
    max_total_steps: int = 1000


@dataclass(frozen=True)
class Operation:
    """One operation of ``data_transform``; options as written."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Transform:
    """Changes data without a model.

    Args:
        source: what is changed: a value, or the text of an expression.
        operations: in order.
        output_field: name of the result; empty for none.
    """

    source: Any
    operations: tuple[Operation, ...]
    output_field: str = ""


@dataclass(frozen=True)
class FileOperation:
    """Works on files of the run; options as written."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """How the tasks of ``claude_batch`` run.

    Args:
        max_parallel: tasks at once.
        consolidate: whether the text of the step is that of all tasks.
    """

    max_parallel: int = 3
    consolidate: bool = True


@dataclass(frozen=True)
class Extraction:
    """What ``claude_extract`` makes of the answer.

    Args:
        format: shape of the result.
        post_processing: what is taken out of it.
        max_summary_length: characters of a summary.
        include_metadata: whether the record says what was done.
    """

    format: str = "text"
    post_processing: tuple[str, ...] = ()
    max_summary_length: int = 500
    include_metadata: bool = False


@dataclass(frozen=True)
class Session:
    """A chat that steps of one run share by its name."""

    name: str


Action = ForLoop | WhileLoop | Nested | Transform | FileOperation | Batch | Extraction | Session


@dataclass(frozen=True)
class Step:
    """One step of a pipeline; which of the later fields are set depends on the type.

    Args:
        name: its name, unique in the pipeline.
        type: one of :data:`quarterdeck_runner.vocabulary.STEP_TYPES`.
        position: where it stands in the file.
        condition: tree of an expression; ``None`` for always.
        output_to_file: file for the result, below the output folder; empty for none.
        retry: ``None`` leaves retries to the provider's client.
        continue_on_error: whether the run goes on when the step fails.
        fallback: what a failed ``claude_robust`` does instead of failing; empty for nothing.
        call: the model call of a model step.
        tasks: the branches of ``parallel_claude`` and ``claude_batch``.
        variables: what ``set_variable`` sets.
        loop_variables: whether they end with the iteration.
        value: what ``echo`` gives.
        timeout_s: seconds that a loop or nested pipeline may take; ``None`` for no limit.
        env: values of ``{{ env.NAME }}`` for this step.
        written: the step as written, but for name and type.
        action: what is special to the type.
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
    loop_variables: bool = False
    value: Any = None
    timeout_s: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict)
    action: Action | None = None

    @property
    def body(self) -> tuple["Step", ...]:
        """The steps inside: of a loop, of a nested pipeline."""
        if isinstance(self.action, (ForLoop, WhileLoop)):
            return self.action.body
        return self.action.pipeline.steps if isinstance(self.action, Nested) else ()

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
        env: values of ``{{ env.NAME }}``; the environment of the process wins.
        max_cost_usd: a run that has cost as much starts no further call; ``None`` for no limit.
        workspace: folder of ``file_ops`` below the run's output folder.
        files: texts of the pipeline files nested in it, by path.
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
    env: Mapping[str, str] = field(default_factory=dict)
    max_cost_usd: float | None = None
    workspace: str = "workspace"
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def continued(self) -> frozenset[str]:
        """Names of sessions and steps whose exchanges a later prompt refers to; of a template, its text."""
        parts = (part for step in every(self.steps) for call in step.calls for part in call.prompt)
        return frozenset(part.session for part in parts if part.session)


def every(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps and those of the loops among them; a nested pipeline has names of its own."""
    for step in steps:
        yield step
        if not isinstance(step.action, Nested):
            yield from every(step.body)
