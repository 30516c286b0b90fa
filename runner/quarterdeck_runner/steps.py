"""Run one attempt of a step: evaluate, ask, write; give the record that the step leaves behind."""

import json
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from quarterdeck_runner import answers, prices
from quarterdeck_runner.compose import Folders, PromptError, compose, rendered
from quarterdeck_runner.extraction import extracted
from quarterdeck_runner.file_operations import operate
from quarterdeck_runner.files import write_output
from quarterdeck_runner.models import Provider
from quarterdeck_runner.providers import Answer, ModelCall, Models, explain
from quarterdeck_runner.scope import Record, Scope, parsed_json
from quarterdeck_runner.spec import Call, Extraction, FileOperation, Session, Step, Task, Transform
from quarterdeck_runner.template import as_text, render_strict, render_value
from quarterdeck_runner.transform import transformed
from quarterdeck_runner.vocabulary import GEMINI_TYPES, MODEL_TYPES
from quarterdeck_runner.watching import NOBODY, Watch

_CHARACTERS_PER_TOKEN: Final = 4
"""A guess that is good for prose; code and other scripts than Latin take more tokens."""

log = logging.getLogger("quarterdeck.runner")

Keep = Callable[[str, Callable[[], Awaitable[Record]], bool], Awaitable[Record]]
"""Does a piece of work, or gives its record if it was done before: ``(path, work, keep failures too)``."""


async def at_once(_path: str, work: Callable[[], Awaitable[Record]], _failures: bool = False) -> Record:
    """A :data:`Keep` that keeps nothing."""
    return await work()


class BlockError(Exception):
    """Something inside a block failed; the message says what and where.

    Args:
        message: for a person.
        error_type: class of the exception behind it; empty for this one.
    """

    def __init__(self, message: str, error_type: str = "") -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclass
class Allowance:
    """How many steps a nested pipeline may still run, those of its loops included.

    Args:
        owner: the step that runs it.
        limit: how many at most.
    """

    owner: str
    limit: int
    taken: int = 0

    def take(self) -> None:
        """Count a step.

        Raises:
            BlockError: it is one too many.
        """
        self.taken += 1
        if self.taken > self.limit:
            raise BlockError(
                f"the pipeline of step '{self.owner}' runs more than {self.limit} steps: raise max_total_steps"
            )


@dataclass(frozen=True)
class Work:
    """What a step works with.

    Args:
        scope: values of the run.
        folders: where it reads and writes.
        providers: whom it asks.
        path: which step it is: names and numbers, from the outermost to itself, with slashes between.
        keep: makes the pieces of a step durable.
        watch: hears what happens.
        file: name of the pipeline's file, for messages.
        allowances: those of the nested pipelines around it.
    """

    scope: Scope
    folders: Folders
    providers: Models
    path: str = ""
    keep: Keep = at_once
    watch: Watch = NOBODY
    file: str = ""
    allowances: tuple[Allowance, ...] = ()

    def inside(self, name: str | int) -> "Work":
        """The work of something inside this step."""
        return replace(self, path=f"{self.path}/{name}" if self.path else str(name))


Branch = Callable[[Task], AbstractContextManager[Any]]
"""Opens the span of one parallel branch; gives its handle."""


async def attempt(step: Step, work: Work, branch: Branch = lambda _task: nullcontext()) -> Record:
    """Run a step that has no steps inside, once.

    Args:
        step: what to do.
        work: what it works with.
        branch: opens the span of a parallel branch.

    Raises:
        Exception: it failed; :func:`quarterdeck_runner.providers.explain` says what that means.
    """
    if step.type in MODEL_TYPES:
        record = await _ask(step, step.call, work)
    elif step.tasks:
        from quarterdeck_runner.tasks import ask_all

        record = await ask_all(step, work, branch)
    elif step.type == "set_variable":
        record = _set(step, work.scope)
    elif isinstance(step.action, Transform):
        record = _transform(step.action, work)
    elif isinstance(step.action, FileOperation):
        record = _file_operation(step.action, work)
    else:
        record = _echo(step, work)
    return finish(step, record, work)


def finish(step: Step, record: Record, work: Work) -> Record:
    """Write the result of a step to its file, if it has one.

    Raises:
        FileError: the path leaves the folder, or the disk refuses.
        TemplateError: the path has no value.
    """
    if step.output_to_file:
        record["file"] = write_result(step.output_to_file, record, work)
    return record


def _echo(step: Step, work: Work) -> Record:
    if step.call is not None:
        return {"success": True, "text": str(compose(step.call.prompt, work.scope, work.folders))}
    return _of_value(render_value(step.value, work.scope.lookup))


def _set(step: Step, scope: Scope) -> Record:
    variables = render_value(dict(step.variables), scope.lookup)
    own = {"loop_variables": True} if step.loop_variables else {}
    return {"success": True, "text": as_text(variables), "data": variables, "variables": variables, **own}


def _transform(transform: Transform, work: Work) -> Record:
    value = transformed(transform, work.scope.lookup)
    return _of_value({transform.output_field: value} if transform.output_field else value)


def _file_operation(operation: FileOperation, work: Work) -> Record:
    options = {
        key: render_strict(value, work.scope.lookup) if isinstance(value, str) else _strict(value, work.scope)
        for key, value in operation.options.items()
    }
    return _of_value(operate(operation.kind, options, work.folders))


def _strict(value: Any, scope: Scope) -> Any:
    if isinstance(value, list):
        return [_strict(each, scope) for each in value]
    if isinstance(value, dict):
        return {key: _strict(each, scope) for key, each in value.items()}
    return render_strict(value, scope.lookup) if isinstance(value, str) else value


def _of_value(value: Any) -> Record:
    return {"success": True, "text": as_text(value), "data": None if isinstance(value, str) else value}


async def _ask(step: Step, call: Call | None, work: Work) -> Record:
    if call is None:
        raise ValueError(f"step '{step.name}' has no model call")
    session = session_of(step, call, work.scope)
    question = question_of(step, call, work, session)
    answer = await answered(question, call, work)
    record = record_of(answer, question, call)
    record["exchanges"] = [
        {"session": name, "prompt": str(question.prompt), "text": record["text"]}
        for name in _sessions(step, session, work.scope)
    ]
    if isinstance(step.action, Extraction):
        record |= extracted(record["text"], step.action)
    if step.fallback.endswith("cached_response"):
        answers.keep(question, record["text"], work.folders)
    return record


def session_of(step: Step, call: Call, scope: Scope) -> str:
    """Name of the session that a call continues; empty for none."""
    if isinstance(step.action, Session):
        return render_strict(step.action.name, scope.lookup)
    named = next((part.session for part in call.prompt if part.kind == "claude_continue"), "")
    return render_strict(named, scope.lookup)


def _sessions(step: Step, session: str, scope: Scope) -> list[str]:
    """Under which names an exchange is kept: of its session, and of the step if a later prompt refers to it."""
    named = step.name if step.name in scope.continued or any("{{" in each for each in scope.continued) else ""
    return list(dict.fromkeys(filter(None, (session, named))))


def question_of(step: Step, call: Call, work: Work, session: str = "") -> ModelCall:
    """Make the question that a call asks.

    Args:
        step: whose call it is.
        call: the call.
        work: what the step works with.
        session: name of the session that it continues; empty for none.

    Raises:
        FileError, TemplateError, PromptError: as :func:`quarterdeck_runner.compose.compose`.
    """
    provider: Provider = "gemini" if step.type in GEMINI_TYPES else "claude"
    history = [
        turn
        for each in (work.scope.session(session) if session else ())
        for turn in (("user", each["prompt"]), ("assistant", each["text"]))
    ]
    prompt = compose(call.prompt, work.scope, work.folders)
    _within_budget(prompt, call)
    return ModelCall(
        provider=provider,
        model=call.model,
        prompt=prompt,
        system=rendered(call.system, work.scope),
        budget=call.budget,
        timeout_s=call.timeout_s,
        client_retries=step.retry is None,
        history=tuple(history),
        functions=call.functions,
        output_schema=call.output_schema,
        on_text=lambda piece: work.watch.text(work.path, piece),
    )


def _within_budget(prompt: str, call: Call) -> None:
    limit, tokens = call.budget.max_input_tokens, math.ceil(len(prompt) / _CHARACTERS_PER_TOKEN)
    if limit is not None and tokens > limit:
        message = (
            f"the prompt has about {tokens} tokens ({len(prompt)} characters), more than max_input_tokens: {limit}"
        )
        raise PromptError(f"{message}; shorten it or raise the budget")


async def answered(question: ModelCall, call: Call, work: Work) -> Answer:
    """Ask, and ask the fallback model of the call where the first one cannot be reached.

    Args:
        question: what to ask.
        call: the call that asks it.
        work: what its step works with.

    Raises:
        Exception: as :meth:`quarterdeck_runner.providers.Providers.ask`.
    """
    try:
        return await work.providers.ask(question)
    except Exception as error:
        if not call.fallback_model or not explain(error).passing:
            raise
        log.warning("%s: '%s' is asked instead", explain(error).message, call.fallback_model)
        return await work.providers.ask(replace(question, model=call.fallback_model))


def record_of(answer: Answer, question: ModelCall, call: Call) -> Record:
    """What an answer leaves behind.

    Raises:
        AnswerError: it does not fit the schema.
    """
    record: Record = {
        "success": True,
        "text": answer.text,
        "model": answer.model,
        "finish_reason": answer.finish_reason,
        "usage": answer.usage,
        "cost_usd": _cost(answer, question),
    }
    if answer.function_calls:
        first = answer.function_calls[0]
        record["function_calls"] = list(answer.function_calls)
        record["data"] = {"function_call": first["name"], "args": first["args"], "text": answer.text}
    elif call.output_schema is not None:
        record["data"] = answers.fitting(answer.text, call.output_schema)
    return record


def _cost(answer: Answer, question: ModelCall) -> float | None:
    usage = answer.usage
    output = usage.get("output_tokens", 0) + usage.get("thinking_tokens", 0)
    for model in dict.fromkeys((answer.model, question.model)):
        cost = prices.current().cost(
            question.provider, model, input_tokens=usage.get("input_tokens", 0), output_tokens=output
        )
        if cost is not None:
            return cost
    return None


def write_result(name: str, record: Record, work: Work) -> str:
    """Write a result: text as it is; into a ``.json`` file the JSON in it, else the whole record.

    Raises:
        FileError: the path leaves the folder, or the disk refuses.
        TemplateError: the path has no value.
    """
    path = render_strict(name, work.scope.lookup)
    text = str(record["text"])
    if path.endswith(".json"):
        found = record.get("data") if record.get("data") is not None else parsed_json(text)
        text = json.dumps(record if found is None else found, ensure_ascii=False, indent=2) + "\n"
    return str(write_output(text, path, work.folders.outputs))


async def simplified(step: Step, work: Work) -> Record:
    """Ask what a step asks with the words of its author alone: without files and results of other steps.

    Raises:
        Exception: as :func:`attempt`.
    """
    if step.call is None:
        raise ValueError(f"step '{step.name}' has no model call")
    parts = tuple(part for part in step.call.prompt if part.kind in {"static", "claude_continue"})
    return await _ask(step, replace(step.call, prompt=parts or step.call.prompt), work)


def cached(step: Step, work: Work) -> str | None:
    """The last answer to the same question, of this run or another one; ``None`` if there is none."""
    if step.call is None:
        return None
    return answers.kept(question_of(step, step.call, work, session_of(step, step.call, work.scope)), work.folders)
