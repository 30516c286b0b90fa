"""The model providers behind one door: compose a call, stream the answer, say in plain words what went wrong.

What is said of a failure holds no key, whatever a provider quotes.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from quarterdeck_runner.clients import Clients
from quarterdeck_runner.keys import DEFAULT, Keys, NoKeyError, scrub
from quarterdeck_runner.ledger import Ledger
from quarterdeck_runner.models import Provider
from quarterdeck_runner.spec import DEFAULT_MAX_TOKENS, Function, TokenBudget

log = logging.getLogger("quarterdeck.runner")

_TOO_MANY_REQUESTS: Final = 429
_REQUEST_TIMEOUT: Final = 408
_SERVER_ERROR: Final = 500
_CLIENT_ATTEMPTS: Final = 3
_COUNT_PATIENCE_S: Final = 5.0


class ProviderError(Exception):
    """A provider gave no usable answer; the message says why."""


def _unheard(_piece: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class ModelCall:
    """One question to a model.

    Args:
        provider: whom to ask.
        model: id that the provider knows.
        prompt: the text, possibly one that remembers its parts.
        system: system prompt; empty for none.
        budget: token budget.
        timeout_s: seconds after which it is given up.
        client_retries: whether the provider's own client may try again by itself.
        history: earlier questions and answers, oldest first.
        functions: what the model may ask for instead of answering.
        output_schema: JSON Schema of the answer; ``None`` for any text.
        on_text: hears every piece of the answer as it arrives.
        profile: whose key.
    """

    provider: Provider
    model: str
    prompt: str
    system: str
    budget: TokenBudget
    timeout_s: float
    client_retries: bool
    history: tuple[tuple[str, str], ...] = ()
    functions: tuple[Function, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    on_text: Callable[[str], None] = _unheard
    profile: str = DEFAULT


@dataclass(frozen=True)
class Answer:
    """What a model answered."""

    text: str
    model: str
    finish_reason: str
    usage: dict[str, int] = field(default_factory=dict)
    function_calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Failure:
    """An exception in plain words.

    Args:
        message: for a person.
        passing: whether trying again can help.
        kind: what pipelines call it: ``timeout``, ``rate_limit`` or ``temporary_error``; empty for none of these.
    """

    message: str
    passing: bool
    kind: str = ""


class Models(Protocol):
    """Whoever answers model calls."""

    async def ask(self, call: ModelCall) -> Answer:
        """Ask a model and wait for the whole answer."""


class Providers:
    """Asks models.

    Args:
        keys: where keys and addresses are, by default in the environment of the process.
        ledger: receives what every answer used.
    """

    def __init__(self, keys: Keys | None = None, ledger: Ledger | None = None) -> None:
        self.clients, self._ledger = Clients(keys or Keys()), ledger

    async def ask(self, call: ModelCall) -> Answer:
        """Ask a model and wait for the whole answer, which streams meanwhile.

        Args:
            call: the question.

        Raises:
            NoKeyError: there is no key.
            ProviderError: the answer is empty or was refused.
            TimeoutError: there was no answer in time.
            Exception: whatever the provider's client raises; see :func:`explain`.
        """
        started_ns, began = time.time_ns(), time.perf_counter_ns()
        try:
            async with asyncio.timeout(call.timeout_s):
                answer = await (self._ask_gemini(call) if call.provider == "gemini" else self._ask_claude(call))
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {call.timeout_s:g} s") from error
        if self._ledger is not None:
            await self._ledger.enter(
                call.provider,
                call.model,
                len(call.prompt) + len(call.system),
                input_tokens=answer.usage.get("input_tokens", 0),
                output_tokens=answer.usage.get("output_tokens", 0) + answer.usage.get("thinking_tokens", 0),
                started_ns=started_ns,
                duration_ns=time.perf_counter_ns() - began,
            )
        return _checked(answer, call)

    async def count(self, call: ModelCall) -> int:
        """Let the provider count the tokens of a prompt, which costs nothing.

        Args:
            call: the question.

        Raises:
            ProviderError: there is no key.
            Exception: whatever the provider's client raises; see :func:`explain`.
        """
        if call.provider == "gemini":
            gemini = await self.clients.gemini(call.profile)
            # The Developer API counts contents only: the system prompt is counted as one of them.
            contents: Any = [text for text in (call.system, call.prompt) if text]
            async with asyncio.timeout(_COUNT_PATIENCE_S):
                return (await gemini.aio.models.count_tokens(model=call.model, contents=contents)).total_tokens or 0
        claude = (await self.clients.claude(call.profile)).with_options(max_retries=0)
        arguments: dict[str, Any] = {"system": call.system} if call.system else {}
        messages: Any = [{"role": "user", "content": call.prompt}]
        async with asyncio.timeout(_COUNT_PATIENCE_S):
            return (await claude.messages.count_tokens(model=call.model, messages=messages, **arguments)).input_tokens

    async def models(self, provider: Provider, profile: str = DEFAULT) -> list[str]:
        """Names of the models that a key may use.

        Args:
            provider: whom to ask.
            profile: whose key.

        Raises:
            NoKeyError: there is no key.
            Exception: whatever the provider's client raises; see :func:`explain`.
        """
        if provider == "claude":
            claude = (await self.clients.claude(profile)).with_options(max_retries=0)
            return [model.id async for model in claude.models.list(limit=1000)]
        gemini = await self.clients.gemini(profile)
        listed = await gemini.aio.models.list()
        return [str(model.name or "").removeprefix("models/") async for model in listed]

    async def close(self) -> None:
        """Give the connections back."""
        await self.clients.close()

    async def _ask_claude(self, call: ModelCall) -> Answer:
        client = (await self.clients.claude(call.profile)).with_options(
            timeout=call.timeout_s, max_retries=_CLIENT_ATTEMPTS - 1 if call.client_retries else 0
        )
        messages: list[Any] = [{"role": role, "content": text} for role, text in call.history]
        async with client.messages.stream(
            model=call.model,
            max_tokens=call.budget.max_output_tokens or DEFAULT_MAX_TOKENS,
            messages=[*messages, {"role": "user", "content": call.prompt}],
            **_claude_arguments(call),
        ) as stream:
            async for piece in stream.text_stream:
                call.on_text(piece)
            message = await stream.get_final_message()
        text = "".join(block.text for block in message.content if block.type == "text")
        called = tuple({"name": each.name, "args": each.input} for each in message.content if each.type == "tool_use")
        usage = message.usage
        counted = _counted(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        return Answer(text, message.model, str(message.stop_reason or ""), counted, called)

    async def _ask_gemini(self, call: ModelCall) -> Answer:
        client = await self.clients.gemini(call.profile)
        text: list[str] = []
        called: list[dict[str, Any]] = []
        model, reason, usage = call.model, "", None
        stream = await client.aio.models.generate_content_stream(
            model=call.model, contents=_gemini_contents(call), config=_gemini_config(call)
        )
        async for chunk in stream:
            model, usage = chunk.model_version or model, chunk.usage_metadata or usage
            feedback = chunk.prompt_feedback
            if feedback is not None and feedback.block_reason is not None:
                reason = f"blocked: {feedback.block_reason.value}"
            for candidate in (chunk.candidates or ())[:1]:
                reason = str(candidate.finish_reason.value) if candidate.finish_reason else reason
                parts = (candidate.content.parts if candidate.content else None) or ()
                for part in parts:
                    if part.text and not part.thought:
                        text.append(part.text)
                        call.on_text(part.text)
                    if part.function_call is not None:
                        called.append({"name": part.function_call.name, "args": dict(part.function_call.args or {})})
        counted = _counted(
            input_tokens=usage.prompt_token_count if usage else None,
            output_tokens=usage.candidates_token_count if usage else None,
            thinking_tokens=usage.thoughts_token_count if usage else None,
        )
        return Answer("".join(text), model, reason, counted, tuple(called))


def explain(error: BaseException) -> Failure:
    """Say in plain words what an exception of a model call means, and whether trying again can help.

    Args:
        error: from :meth:`Providers.ask`.
    """
    failure = _explained(error)
    return replace(failure, message=scrub(failure.message))


def _explained(error: BaseException) -> Failure:
    if isinstance(error, (ProviderError, NoKeyError)):
        return Failure(str(error), passing=False)
    if isinstance(error, TimeoutError):
        return Failure(str(error) or "the time was over", passing=True, kind="timeout")
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    module = type(error).__module__.partition(".")[0]
    if isinstance(status, int):
        passing = status in (_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT) or status >= _SERVER_ERROR
        kind = "rate_limit" if status == _TOO_MANY_REQUESTS else "temporary_error" if passing else ""
        return Failure(f"{_provider(module)} answered {status}: {_message(error)}", passing=passing, kind=kind)
    if module in {"anthropic", "google", "httpx", "httpx2", "httpcore", "aiohttp"}:
        message = f"the connection to {_provider(module)} failed: {_message(error)}"
        return Failure(message, passing=True, kind="timeout" if "timeout" in message.lower() else "temporary_error")
    return Failure(f"{type(error).__name__}: {error}", passing=False)


def _provider(module: str) -> str:
    return {"anthropic": "Claude", "google": "Gemini"}.get(module, "the provider")


def _message(error: BaseException) -> str:
    body = getattr(error, "body", None)
    inner = body.get("error") if isinstance(body, dict) else None
    if isinstance(inner, dict) and inner.get("message"):
        return str(inner["message"])
    message = str(getattr(error, "message", None) or error or type(error).__name__)
    cause = str(error.__cause__ or "")
    return f"{message} ({cause})" if cause and cause != message else message


def _checked(answer: Answer, call: ModelCall) -> Answer:
    reason = answer.finish_reason
    full = reason.lower() in {"max_tokens", "length"}
    if answer.text or answer.function_calls:
        if full:
            log.warning("the answer of %s is cut off: the token budget is used up", answer.model)
        return answer
    if full:
        limit = call.budget.max_output_tokens or DEFAULT_MAX_TOKENS
        advice = "raise token_budget.max_output_tokens"
        raise ProviderError(f"{answer.model} gave no text: thinking used the budget of {limit} tokens up; {advice}")
    raise ProviderError(f"{answer.model} gave no text ({reason or 'it named no reason'})")


def _counted(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}


def _claude_arguments(call: ModelCall) -> dict[str, Any]:
    arguments: dict[str, Any] = {"system": call.system} if call.system else {}
    if call.functions:
        arguments["tools"] = [
            {"name": each.name, "description": each.description, "input_schema": dict(each.parameters)}
            for each in call.functions
        ]
    if call.output_schema is not None:
        from anthropic import transform_schema

        # Brought to the part of JSON Schema that the provider enforces; the whole is checked afterwards, by us.
        with contextlib.suppress(ValueError, TypeError, KeyError, AssertionError):
            schema = transform_schema(dict(call.output_schema))
            arguments["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return arguments


def _gemini_contents(call: ModelCall) -> Any:
    if not call.history:
        return call.prompt
    from google.genai import types

    turns = [*call.history, ("user", call.prompt)]
    names = {"assistant": "model"}
    return [types.Content(role=names.get(role, role), parts=[types.Part(text=text)]) for role, text in turns]


def _gemini_config(call: ModelCall) -> Any:
    from google.genai import types

    budget = call.budget
    return types.GenerateContentConfig(
        max_output_tokens=budget.max_output_tokens,
        temperature=budget.temperature,
        top_p=budget.top_p,
        top_k=budget.top_k,
        system_instruction=call.system or None,
        tools=_gemini_tools(call),
        # The answer is the call itself: nothing here would run the function.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True) if call.functions else None,
        response_mime_type="application/json" if call.output_schema is not None else None,
        response_json_schema=call.output_schema,
        http_options=types.HttpOptions(
            timeout=int(call.timeout_s * 1000),
            retry_options=types.HttpRetryOptions(attempts=_CLIENT_ATTEMPTS if call.client_retries else 1),
        ),
    )


def _gemini_tools(call: ModelCall) -> Any:
    from google.genai import types

    if not call.functions:
        return None
    declarations = [
        types.FunctionDeclaration(
            name=each.name, description=each.description or None, parameters_json_schema=dict(each.parameters)
        )
        for each in call.functions
    ]
    return [types.Tool(function_declarations=declarations)]
