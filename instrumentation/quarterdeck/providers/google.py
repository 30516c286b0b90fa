"""Spans for google-genai (3.x has none of its own): one per request, sync, async, streamed, and embeddings.

The SDK's public methods loop over requests (automatic function calling, continuations); what is wrapped here is the
method that makes one request, so tokens, tools and errors of each are told apart.
"""

import functools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, Final

from google.genai import _api_client as api_client
from google.genai import _extra_utils as extra_utils
from google.genai import chats, errors, models, types

from quarterdeck import semconv
from quarterdeck.guard import guarded
from quarterdeck.providers import google_streams, google_tools
from quarterdeck.providers.call import Call, Parts, content_attributes, current_call, output_messages
from quarterdeck.providers.google_messages import (
    answer_attributes,
    input_messages,
    parts_of,
    reason_of,
    request_attributes,
    system_instructions,
    tool_definitions,
)
from quarterdeck.providers.patching import Patches

log: Final = logging.getLogger("quarterdeck")

_patches: Final = Patches()


def instrument() -> None:
    """Wrap the request methods of ``Models`` and ``AsyncModels``; doing it again changes nothing."""
    _wrap_models(models.Models, models.AsyncModels)
    _wrap_shared()


def instrument_client(client: Any) -> None:
    """Observe one client; functions that the SDK calls by itself are observed whoever asks for them."""
    _wrap_models(client.models, client.aio.models)
    _wrap_shared()


def uninstrument() -> None:
    """Put everything back."""
    _patches.restore()


def _wrap_models(sync: Any, asynchronous: Any) -> None:
    for owner, name, wrap in (
        (sync, "_generate_content", _wrap_sync(_Generation)),
        (sync, "_generate_content_stream", _wrap_stream),
        (sync, "_embed_content", _wrap_sync(_Embedding)),
        (sync, "count_tokens", _wrap_sync(_Counting)),
        (asynchronous, "_generate_content", _wrap_async(_Generation)),
        (asynchronous, "_generate_content_stream", _wrap_async_stream),
        (asynchronous, "_embed_content", _wrap_async(_Embedding)),
        (asynchronous, "count_tokens", _wrap_async(_Counting)),
    ):
        # In older versions embedding is one method.
        found = _patches.wrap(owner, name, wrap) or _patches.wrap(owner, name.replace("_embed", "embed"), wrap)
        if not found:
            log.warning("this google-genai has no %s: such calls are not observed", name)
    _patches.wrap(sync, "generate_content_stream", google_streams.wrap)
    _patches.wrap(asynchronous, "generate_content_stream", google_streams.wrap_async)


def _wrap_shared() -> None:
    _patches.wrap(extra_utils, "invoke_function_from_dict_args", google_tools.wrap)
    _patches.wrap(extra_utils, "invoke_function_from_dict_args_async", google_tools.wrap_async)
    sender = getattr(api_client, "BaseApiClient", None)  # versions without it retry nothing
    _patches.wrap(sender, "_request_once", _wrap_attempt)
    _patches.wrap(sender, "_async_request_once", _wrap_async_attempt)
    _patches.wrap(chats.Chat, "send_message_stream", google_streams.wrap)
    _patches.wrap(chats.AsyncChat, "send_message_stream", google_streams.wrap_async)


def _wrap_attempt(original: Callable[..., Any]) -> Callable[..., Any]:
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        _count_attempt()
        return original(self, *args, **kwargs)

    return request


def _wrap_async_attempt(original: Callable[..., Any]) -> Callable[..., Any]:
    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        _count_attempt()
        return await original(self, *args, **kwargs)

    return request


def _count_attempt() -> None:
    with guarded("count an attempt"):
        call = current_call()
        if call is not None:
            call.attempted()


class _Observed:
    """One request: what it asks, and what its answer or chunks tell. Telemetry's own failures stay inside."""

    operation: str

    def __init__(self, client: Any, kwargs: dict[str, Any], *, stream: bool = False) -> None:
        self._call: Call | None = None
        self._facts: dict[str, Any] = {}
        with guarded("start the span of a Gemini call"):
            vertex = bool(getattr(client, "vertexai", False))
            provider = semconv.PROVIDER_VERTEX if vertex else semconv.PROVIDER_GEMINI
            base_url = str(getattr(getattr(client, "_http_options", None), "base_url", "") or "")
            model = str(kwargs.get("model") or "").removeprefix("models/")
            asked = {**self._asked(kwargs), semconv.REQUEST_STREAM: True if stream else None}
            self._call = Call(self.operation, provider, model, base_url, asked)
            self._call.cancelled_by(self.end)

    def _asked(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        configuration = kwargs.get("config")
        messages = input_messages(kwargs.get("contents"))
        content = content_attributes(messages, system_instructions(configuration), tool_definitions(configuration))
        return {**request_attributes(configuration), **content}

    def run(self, compute: Callable[[], Any]) -> Any:
        """Compute with the span current."""
        if self._call is None:
            return compute()
        with self._call.active():
            return compute()

    async def run_async(self, compute: Callable[[], Any]) -> Any:
        """Await with the span current."""
        if self._call is None:
            return await compute()
        with self._call.active():
            return await compute()

    def read(self, answer: Any, *, streamed: bool = False) -> None:
        """Take in an answer, or one chunk of it."""
        with guarded("read a Gemini answer"):
            self._facts |= answer_attributes(answer)
            self._read_content(answer, streamed=streamed)

    def _read_content(self, answer: Any, *, streamed: bool) -> None:
        """Take in what the model said."""

    def _result(self) -> dict[str, Any]:
        return self._facts

    def end(self, error: BaseException | None = None) -> None:
        """End the span."""
        if self._call is None:
            return
        kind = (error.status or "") if isinstance(error, errors.APIError) else ""
        facts = self._facts
        with guarded("summarise a Gemini answer"):
            facts = self._result()
        self._call.finish(facts, error, kind)


class _Generation(_Observed):
    operation = semconv.OPERATION_GENERATE_CONTENT

    def __init__(self, client: Any, kwargs: dict[str, Any], *, stream: bool = False) -> None:
        self._parts: dict[int, Parts] = {}
        self._reasons: dict[int, str] = {}
        super().__init__(client, kwargs, stream=stream)

    def _read_content(self, answer: Any, *, streamed: bool) -> None:
        for position, candidate in enumerate(answer.candidates or []):
            index = candidate.index or position
            said = parts_of((candidate.content.parts if candidate.content else None) or [])
            kept = self._parts.setdefault(index, [])
            for part in said:
                _append(kept, part)
                if streamed and self._call is not None:
                    self._call.content(*_chunk(part))
            reason = reason_of(candidate, tools=any(part["type"] == "tool_call" for part in kept))
            if reason is not None:
                self._reasons[index] = reason
        blocked = getattr(answer, "prompt_feedback", None)
        if blocked is not None and blocked.block_reason is not None and not answer.candidates:
            self._reasons[0] = "content_filter"

    def _result(self) -> dict[str, Any]:
        reasons = [self._reasons[index] for index in sorted(self._reasons)]
        first, call = self._parts.get(0, []), self._call
        return {
            **self._facts,
            semconv.RESPONSE_FINISH_REASONS: reasons or None,
            semconv.OUTPUT_MESSAGES: call and output_messages(first, self._reasons.get(0), call.capture),
        }


class _Embedding(_Observed):
    operation = semconv.OPERATION_EMBEDDINGS

    def _asked(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        contents = kwargs.get("contents") or kwargs.get("content") or kwargs.get("batch_contents")
        return content_attributes(input_messages(contents), [])

    def _read_content(self, answer: Any, *, streamed: bool) -> None:  # noqa: ARG002 - embeddings are never streamed
        counted = [item.statistics.token_count for item in answer.embeddings or [] if item.statistics is not None]
        tokens = [int(count) for count in counted if count is not None]
        if tokens:
            self._facts[semconv.USAGE_INPUT_TOKENS] = sum(tokens)


class _Counting(_Observed):
    operation = semconv.OPERATION_COUNT_TOKENS

    def _read_content(self, answer: Any, *, streamed: bool) -> None:  # noqa: ARG002 - never streamed
        self._facts[semconv.COUNTED_TOKENS] = answer.total_tokens


def _append(kept: Parts, part: dict[str, Any]) -> None:
    if kept and part["type"] in {"text", "reasoning"} and kept[-1]["type"] == part["type"]:
        kept[-1]["content"] += part["content"]
    else:
        kept.append(dict(part))


def _chunk(part: dict[str, Any]) -> tuple[str, str]:
    if part["type"] == "text":
        return "text", part["content"]
    if part["type"] == "reasoning":
        return "thinking", part["content"]
    return "tool", f"{part.get('name', part['type'])}({part.get('arguments', '')})"


def _wrap_sync(observed: type[_Observed]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def request(self: models.Models, **kwargs: Any) -> Any:
            seen = observed(self._api_client, kwargs)
            try:
                answer = seen.run(functools.partial(original, self, **kwargs))
                seen.read(answer)
            except BaseException as error:
                seen.end(error)
                raise
            seen.end()
            return answer

        return request

    return wrap


def _wrap_async(observed: type[_Observed]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        async def request(self: models.AsyncModels, **kwargs: Any) -> Any:
            seen = observed(self._api_client, kwargs)
            try:
                answer = await seen.run_async(functools.partial(original, self, **kwargs))
                seen.read(answer)
            except BaseException as error:
                seen.end(error)
                raise
            seen.end()
            return answer

        return request

    return wrap


def _wrap_stream(original: Callable[..., Any]) -> Callable[..., Any]:
    def request(self: models.Models, **kwargs: Any) -> Iterator[types.GenerateContentResponse]:
        seen = _Generation(self._api_client, kwargs, stream=True)
        try:
            chunks = original(self, **kwargs)
            while (chunk := seen.run(functools.partial(next, chunks, None))) is not None:
                seen.read(chunk, streamed=True)
                yield chunk
        except BaseException as error:
            seen.end(error)
            raise
        seen.end()

    return request


def _wrap_async_stream(original: Callable[..., Any]) -> Callable[..., Any]:
    async def request(self: models.AsyncModels, **kwargs: Any) -> AsyncIterator[types.GenerateContentResponse]:
        seen = _Generation(self._api_client, kwargs, stream=True)
        try:
            chunks = await seen.run_async(functools.partial(original, self, **kwargs))
        except BaseException as error:
            seen.end(error)
            raise
        return _observe(chunks, seen)

    return request


async def _observe(
    chunks: AsyncIterator[types.GenerateContentResponse], seen: _Generation
) -> AsyncIterator[types.GenerateContentResponse]:
    try:
        while (chunk := await seen.run_async(functools.partial(anext, chunks, None))) is not None:
            seen.read(chunk, streamed=True)
            yield chunk
    except BaseException as error:
        seen.end(error)
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
        raise
    seen.end()
