"""Read the steps of a pipeline file."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from quarterdeck_runner import block_reader, data_reader
from quarterdeck_runner.call_reader import CallReader, check_options, read_budget
from quarterdeck_runner.diagnostics import Position, nearest
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.models import preset_names
from quarterdeck_runner.prompt_reader import read_prompt
from quarterdeck_runner.reading import (
    Defaults,
    Reading,
    read_condition,
    read_output_file,
    read_retry,
    read_texts,
    read_timeout,
)
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import Batch, Call, Extraction, Part, Retry, Session, Step, Task
from quarterdeck_runner.vocabulary import (
    BACKOFFS,
    CLAUDE_TYPES,
    FALLBACKS,
    FORMATS,
    GEMINI_TYPES,
    KEYS,
    POST_PROCESSING,
    REFUSED_FAMILIES,
    REFUSED_TYPES,
    SCOPES,
    STEP_TYPES,
)

_IGNORED: Final = {
    "environment_aware": "steps see inputs and variables only",
    "claude_output_format": "answers are text",
    "use_content_extractor": "the answer is always looked through",
    "persist": "a session lives as long as its run, also across restarts",
    "continue_on_restart": "a run that is resumed goes on with its sessions",
    "checkpoint_frequency": "every finished step is kept by itself",
    "memory_limit_mb": "a nested pipeline runs in the process of the runner",
}
"""Keys of the format that change nothing here."""


def read_defaults(workflow: Fields) -> Defaults:
    """Read ``defaults``."""
    node = workflow.map("defaults")
    if node is None:
        return Defaults()
    fields = Fields(node, workflow.report, "`defaults`", KEYS["defaults"])
    fields.warn_ignored(_IGNORED)
    fields.text("gemini_model")
    if fields.get("gemini_token_budget") is not None:
        read_budget(fields, "gemini_token_budget", None)
    options = fields.map("claude_options")
    if options is not None:
        check_options(Fields(options, workflow.report, "`claude_options` of `defaults`", KEYS["claude_options"]))
    return Defaults(
        gemini_model=fields.get("gemini_model"),
        gemini_budget=fields.map("gemini_token_budget"),
        claude_options=fields.entries("claude_options"),
        preset=fields.choice("claude_preset", preset_names(), ""),
    )


def read_steps(reading: Reading, owner: Fields) -> tuple[Step, ...]:
    """Read ``steps``.

    Args:
        reading: where they stand.
        owner: the workflow or loop that has them.
    """
    steps: list[Step] = []
    first: dict[str, int] = {}
    for number, node in enumerate(owner.items("steps", required=True), 1):
        step = read_step(node, number, reading)
        if step.name in first:
            message = f"two steps are called '{step.name}' (the other in line {first[step.name]}): rename one"
            reading.report.error(step.position, message)
        first.setdefault(step.name, step.position.line)
        steps.append(step)
    return tuple(steps)


def read_step(node: Node, number: int, reading: Reading) -> Step:
    """Read one step.

    Args:
        node: its map.
        number: its position, counted from 1.
        reading: where it stands.
    """
    bare = Fields(node, reading.report, f"step {number}")
    name = bare.text("name", required=isinstance(node.value, dict)).strip() or f"step {number}"
    kind = bare.text("type", required=isinstance(node.value, dict))
    where = f"step '{name}'" if bare.get("name") is not None else name
    plain = node.plain() if isinstance(node.value, dict) else {}
    written = {key: value for key, value in plain.items() if key not in {"name", "type"}}
    blank = Step(name, kind, node.position, written=written)
    if kind not in STEP_TYPES:
        if kind:
            reading.report.error(_value_position(node, "type"), _refusal(where, kind))
        return blank
    return _Reader(Fields(node, reading.report, where, KEYS[f"step.{kind}"]), kind, reading).read(blank)


def _value_position(node: Node, key: str) -> Position:
    found = node.value.get(key) if isinstance(node.value, dict) else None
    return found.position if found is not None else node.position


def _refusal(where: str, kind: str) -> str:
    if kind in REFUSED_TYPES:
        return f"{where}: the step type '{kind}' is refused: {REFUSED_TYPES[kind]}"
    if kind.startswith(REFUSED_FAMILIES):
        return f"{where}: the step type '{kind}' is refused: it belongs to another program"
    hint = nearest(kind, STEP_TYPES) or f": there are {', '.join(STEP_TYPES)}"
    return f"{where}: there is no step type '{kind}'{hint}"


class _Reader:
    """Reads one step of a known type."""

    def __init__(self, fields: Fields, kind: str, reading: Reading) -> None:
        self._fields, self._kind, self._reading, self._report = fields, kind, reading, reading.report
        self._calls = CallReader(reading, fields, kind)

    def read(self, blank: Step) -> Step:
        fields = self._fields
        fields.warn_ignored(_IGNORED)
        # The condition of `while_loop` is its own: it is asked before every iteration.
        keys = ("if",) if self._kind == "while_loop" else ("condition", "if")
        step = replace(
            blank,
            condition=read_condition(fields, keys),
            output_to_file=read_output_file(fields),
            retry=read_retry(fields),
            continue_on_error=fields.flag("continue_on_error"),
            env=read_texts(fields, "env"),
            timeout_s=read_timeout(fields),
        )
        if self._kind in CLAUDE_TYPES:
            return self._special(self._with_retries(replace(step, call=self._calls.claude(fields))))
        if self._kind in GEMINI_TYPES:
            return replace(step, call=self._calls.gemini())
        return _READERS[self._kind](self, step)

    def parallel(self, step: Step) -> Step:
        return replace(step, tasks=self._tasks("parallel_tasks", "task", ("id",)))

    def batch(self, step: Step) -> Step:
        node, batch = self._fields.map("batch_config"), Batch()
        timeout_ms: float | None = None
        if node is not None:
            inner = Fields(node, self._report, f"`batch_config` of {self._fields.where}", KEYS["batch_config"])
            batch = Batch(
                inner.integer("max_parallel", 1, 100) or batch.max_parallel,
                inner.flag("consolidate_results", default=True),
            )
            timeout_ms = inner.number("timeout_per_task", 1, 86_400_000)
        tasks = self._tasks("tasks", "batch_task", ("task_id", "id"))
        if timeout_ms is not None:
            tasks = tuple(replace(task, call=replace(task.call, timeout_s=timeout_ms / 1000)) for task in tasks)
        return replace(step, tasks=tasks, action=batch)

    def variables(self, step: Step) -> Step:
        fields = self._fields
        scope = fields.choice("scope", SCOPES, "global")
        variables = {name: node.plain() for name, node in fields.entries("variables").items()}
        single, value = fields.text("variable"), fields.get("value")
        if single:
            variables[single] = value.plain() if value is not None else None
        if not variables:
            self._report.error(fields.node.position, f"{fields.where} needs `variables`: a map of names and values")
        return replace(step, variables=variables, loop_variables=scope == "loop")

    def echo(self, step: Step) -> Step:
        fields = self._fields
        value = fields.get("value")
        asks = value is None and fields.get("prompt") is not None
        call = Call("", read_prompt(fields, sessions=False)) if asks else None
        return replace(step, value=value.plain() if value is not None else "", call=call)

    def block(self, step: Step) -> Step:
        return replace(step, action=block_reader.read_block(self._reading, self._fields, self._kind))

    def data(self, step: Step) -> Step:
        return replace(step, action=data_reader.read_transform(self._fields))

    def files(self, step: Step) -> Step:
        return replace(step, action=data_reader.read_file_operation(self._fields))

    def _tasks(self, key: str, kind: str, ids: tuple[str, ...]) -> tuple[Task, ...]:
        tasks: list[Task] = []
        for number, node in enumerate(self._fields.items(key, required=True), 1):
            bare = Fields(node, self._report, f"task {number} of {self._fields.where}", KEYS[kind])
            named = next((word for word in ids if bare.get(word) is not None), ids[-1])
            required = kind == "task" and isinstance(node.value, dict)
            name = bare.text(named, required=required) or str(number)
            if name in {task.id for task in tasks}:
                self._report.error(bare.at(named), f"two tasks of {self._fields.where} are called '{name}': rename one")
            fields = Fields(node, self._report, f"task '{name}' of {self._fields.where}") if node.value else bare
            tasks.append(Task(name, self._task_call(fields), read_output_file(fields), node.position))
        return tuple(tasks)

    def _task_call(self, fields: Fields) -> Call:
        file = fields.text("file") if self._kind == "claude_batch" else ""
        if not file:
            return self._calls.claude(fields)
        part = Part("file", file, position=fields.at("file"))
        others = read_prompt(fields) if fields.get("prompt") is not None else ()
        return self._calls.claude(fields, (*others, part))

    def _with_retries(self, step: Step) -> Step:
        node = self._calls.options().get("retry_config")
        if step.retry is not None or node is None or not node.value:
            return step
        inner = Fields(node, self._report, f"`retry_config` of {self._fields.where}", KEYS["retry_config"])
        return replace(step, retry=_retry_config(inner))

    def _special(self, step: Step) -> Step:
        if self._kind == "claude_robust":
            return self._robust(step)
        if self._kind == "claude_session":
            return self._session(step)
        node = self._fields.map("extraction_config")
        if self._kind != "claude_extract":
            return step
        if node is None:
            return replace(step, action=Extraction())
        inner = Fields(node, self._report, f"`extraction_config` of {self._fields.where}", KEYS["extraction_config"])
        inner.warn_ignored(_IGNORED)
        return replace(
            step,
            action=Extraction(
                inner.choice("format", FORMATS, "text"),
                _words(inner, "post_processing", POST_PROCESSING),
                inner.integer("max_summary_length", 1, 1_000_000) or Extraction.max_summary_length,
                inner.flag("include_metadata"),
            ),
        )

    def _session(self, step: Step) -> Step:
        node = self._fields.map("session_config")
        if node is None:
            self._report.error(self._fields.node.position, f"{self._fields.where} needs `session_config`: a map")
            return step
        inner = Fields(node, self._report, f"`session_config` of {self._fields.where}", KEYS["session_config"])
        inner.warn_ignored({**_IGNORED, "max_turns": "every step is one exchange"})
        return replace(step, action=Session(inner.text("session_name", required=True)))

    def _robust(self, step: Step) -> Step:
        node, retry, fallback = self._fields.map("retry_config"), Retry(4, 1.0), ""
        if node is not None:
            inner = Fields(node, self._report, f"`retry_config` of {self._fields.where}", KEYS["retry_config"])
            retry = _retry_config(inner)
            fallback = inner.choice("fallback_action", FALLBACKS, "")
        return replace(step, retry=step.retry or retry, fallback=fallback)


def _retry_config(fields: Fields) -> Retry:
    retries = fields.integer("max_retries", 0, 20)
    delay_ms = fields.number("base_delay_ms", 0, 600_000)
    backoff = fields.choice("backoff_strategy", BACKOFFS, "exponential")
    only: list[str] = []
    for key in ("retry_conditions", "retry_on"):
        for node in fields.items(key):
            if isinstance(node.value, str):
                only.append(node.value)
            else:
                fields.report.error(node.position, f"`{key}` of {fields.where} holds texts, not {shown(node)}")
    return Retry(
        4 if retries is None else retries + 1, 1.0 if delay_ms is None else delay_ms / 1000, backoff, tuple(only)
    )


def _words(fields: Fields, key: str, words: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for node in fields.items(key):
        if node.value in words:
            found.append(str(node.value))
            continue
        written = node.value if isinstance(node.value, str) else shown(node)
        hint = nearest(str(written), words)
        message = f"`{key}` of {fields.where} may hold {', '.join(words)}, not '{written}'{hint}"
        fields.report.error(node.position, message)
    return tuple(found)


_READERS: Final[dict[str, Callable[[Any, Step], Step]]] = {
    "parallel_claude": _Reader.parallel,
    "claude_batch": _Reader.batch,
    "set_variable": _Reader.variables,
    "echo": _Reader.echo,
    "test_echo": _Reader.echo,
    "for_loop": _Reader.block,
    "while_loop": _Reader.block,
    "pipeline": _Reader.block,
    "data_transform": _Reader.data,
    "file_ops": _Reader.files,
}
